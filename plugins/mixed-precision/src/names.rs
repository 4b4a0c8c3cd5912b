//! Names and patterns of operations.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use octet_plugin_api::sdk::Error;

use crate::units::{UnitId, Units};

/// The units that a comma-separated list of names and patterns means. A name that is one exactly is no pattern.
/// `setting` is for the message.
pub(crate) fn matching(list: &str, units: &Units, setting: &str) -> Result<BTreeSet<UnitId>, Error> {
    let mut found = BTreeSet::new();
    for entry in list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let before = found.len();
        let exact = units.ids().find(|&unit| units.names(unit).any(|name| name == entry));
        if let Some(unit) = exact {
            found.insert(unit);
            continue;
        }
        let glob = GlobBuilder::new(entry).literal_separator(false).build().map_err(|e| {
            Error::failed(format!("`{setting}`: `{entry}` is neither an operation nor a pattern: {e}"))
        })?;
        let glob = glob.compile_matcher();
        let of_pattern = units.ids().filter(|&unit| units.names(unit).any(|name| glob.is_match(name)));
        let matched: Vec<UnitId> = of_pattern.collect();
        found.extend(&matched);
        if matched.is_empty() && found.len() == before {
            return Err(Error::failed(format!(
                "`{setting}`: no operation is called `{entry}`{}",
                nearest(entry, units).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
            )));
        }
    }
    Ok(found)
}

/// The first operation whose name contains the entry's last part.
fn nearest(entry: &str, units: &Units) -> Option<String> {
    let part = entry
        .trim_matches('*')
        .rsplit('/')
        .map(|part| part.trim_matches(['*', '.']))
        .find(|p| p.len() > 2)?;
    units.ids().flat_map(|unit| units.names(unit)).find(|name| name.contains(part)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::tests::chain;

    fn ids(list: &str) -> Result<Vec<usize>, String> {
        let units = chain(&["/a/conv", "/b/conv[0]", "/b/add"]);
        matching(list, &units, "layers").map(|f| f.into_iter().collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn names_and_patterns_mix() {
        assert!(ids("").unwrap().is_empty());
        assert_eq!(ids("/a/conv").unwrap(), [0]);
        assert_eq!(ids("*conv*, /b/add").unwrap(), [0, 1, 2]);
        assert_eq!(ids("/b/*").unwrap(), [1, 2]);
    }

    #[test]
    fn a_name_with_brackets_is_a_name() {
        assert_eq!(ids("/b/conv[0]").unwrap(), [1]);
    }

    #[test]
    fn what_matches_nothing_is_refused_by_name() {
        let error = ids("/a/conv,/c/add").unwrap_err();
        assert!(error.contains("`/c/add`") && error.contains("did you mean `/b/add`"), "{error}");
        assert!(ids("[").unwrap_err().contains("neither"));
    }
}
