//! `Cargo.toml` of packages that leave the workspace: what they inherit is written out.

/// The workspace's manifest, where every version is pinned: one line each.
const ROOT: &str = include_str!("../../../Cargo.toml");

/// A manifest of the workspace that stands for itself. Inherited lines become the root's; what only this
/// repository's own checks need (tests, benches and their dependencies, lints) is left out.
///
/// # Errors
/// The inherited key that the root lacks.
pub fn standalone(manifest: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut kept = true;
    for line in manifest.lines() {
        if line.starts_with('[') {
            kept = !matches!(line, "[dev-dependencies]" | "[lints]" | "[[bench]]" | "[[test]]");
        }
        if !kept {
            continue;
        }
        let line = match line.split_once(".workspace = true") {
            Some((key, "")) => pinned(key)?,
            _ => line,
        };
        text.push_str(line);
        text.push('\n');
    }
    Ok(format!("{}\n", text.trim_end()))
}

/// The root's line for a key.
fn pinned(key: &str) -> Result<&'static str, String> {
    let is_key = |line: &&str| line.split_once(" = ").is_some_and(|(found, _)| found == key);
    ROOT.lines().find(is_key).ok_or_else(|| format!("{key} = "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inherited_is_written_out_and_tests_stay_behind() {
        let own = "[package]\nname = \"x\"\nedition.workspace = true\n\n[dependencies]\nserde.workspace = true\n\n\
                   [dev-dependencies]\nproptest.workspace = true\n\n[[bench]]\nname = \"b\"\n\n[lints]\n\
                   workspace = true\n";
        let text = standalone(own).unwrap();
        let serde = ROOT.lines().find(|l| l.starts_with("serde = ")).unwrap();
        assert_eq!(text, format!("[package]\nname = \"x\"\nedition = \"2024\"\n\n[dependencies]\n{serde}\n"));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(standalone("none-such.workspace = true").is_err());
    }
}
