//! Operations whose activations are calibrated in another way than the rest.

use std::collections::BTreeMap;

use globset::GlobBuilder;
use octet_plugin_api::sdk::{Error, Host, NodeId, Slot};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use crate::settings::Observer;

/// The observer of each operation that has one of its own.
pub(crate) struct Overrides(BTreeMap<NodeId, Observer>);

impl Overrides {
    /// Reads `name or pattern=observer`, separated by commas; an activation that is fused counts as its operation.
    pub(crate) fn parse(list: &str, host: &mut Host<'_>) -> Result<Self, Error> {
        let entries = entries(list)?;
        let mut found = BTreeMap::new();
        if entries.is_empty() {
            return Ok(Overrides(found));
        }
        let count = host.network()?.nodes;
        let mut names = Vec::new();
        for id in 0..count {
            let node = host.node(id)?;
            let mut all = vec![node.name];
            if let ("Clip" | "Relu", Some(&input)) = (node.op.as_str(), node.inputs.first())
                && let Some(producer) = host.tensor(input)?.producer
            {
                all.push(host.node(producer)?.name);
            }
            names.push(all);
        }
        for (pattern, observer) in entries {
            let matched = matching(&pattern, &names)?;
            found.extend(matched.into_iter().map(|id| (id, observer)));
        }
        Ok(Overrides(found))
    }

    /// The observer of the operation that leaves a slot's activation.
    pub(crate) fn of(&self, slot: &Slot) -> Option<Observer> {
        self.0.get(&slot.node?).copied()
    }
}

fn failed(entry: &str, reason: &str) -> Error {
    Error::failed(format!("`observer_of`: `{entry}` {reason}"))
}

/// Splits a list at its commas, and each entry at its last `=`.
fn entries(list: &str) -> Result<Vec<(String, Observer)>, Error> {
    let entries = list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (name, observer) = entry
                .rsplit_once('=')
                .ok_or_else(|| failed(entry, "has no `=`; write name=observer, e.g. *features.1/*=minmax"))?;
            let observer: IntoDeserializerOf<'_> = observer.trim().into_deserializer();
            let observer = Observer::deserialize(observer)
                .map_err(|e| failed(entry, &format!("names no observer: {e}")))?;
            Ok((name.trim().to_owned(), observer))
        })
        .collect()
}

type IntoDeserializerOf<'a> = serde::de::value::StrDeserializer<'a, ValueError>;

/// The operations that a name or a pattern means; a name that is one exactly is no pattern.
fn matching(pattern: &str, names: &[Vec<String>]) -> Result<Vec<NodeId>, Error> {
    let ids = |fits: &dyn Fn(&str) -> bool| -> Vec<NodeId> {
        let fitting = names.iter().enumerate().filter(|(_, all)| all.iter().any(|name| fits(name)));
        fitting.map(|(id, _)| id as NodeId).collect()
    };
    let exact = ids(&|name| name == pattern);
    if !exact.is_empty() {
        return Ok(exact);
    }
    let glob = GlobBuilder::new(pattern).literal_separator(false).build();
    let glob = glob.map_err(|e| failed(pattern, &format!("is neither an operation nor a pattern: {e}")))?;
    let glob = glob.compile_matcher();
    let matched = ids(&|name| glob.is_match(name));
    match matched.is_empty() {
        true => Err(failed(pattern, "is the name of no operation")),
        false => Ok(matched),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_an_operation_and_an_observer() {
        let found = entries(" a=b=minmax ,\n*conv*=mse-pot,").unwrap();
        assert_eq!(found, [("a=b".to_owned(), Observer::Minmax), ("*conv*".to_owned(), Observer::MsePot)]);
        assert!(entries("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_entry_is_refused_by_name() {
        for (list, reason) in [("a", "has no `=`"), ("a=best", "names no observer")] {
            let error = entries(list).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("`a"), "{error}");
        }
    }

    #[test]
    fn a_fused_activation_is_found_by_the_name_of_its_operation() {
        let names = vec![vec!["/a/Conv".to_owned()], vec!["/a/Clip".to_owned(), "/a/Conv".to_owned()]];
        assert_eq!(matching("/a/Conv", &names).unwrap(), [0, 1]);
        assert_eq!(matching("*Clip", &names).unwrap(), [1]);
        assert!(matching("/b/*", &names).unwrap_err().to_string().contains("`/b/*`"));
    }
}
