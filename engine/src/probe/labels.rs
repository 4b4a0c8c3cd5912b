//! Names of classes, where a model brings them.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::network::Network;

/// Keys of an ONNX file's metadata under which tools write names of classes.
const KEYS: [&str; 4] = ["names", "classes", "labels", "class_names"];
/// Larger files are no list of names.
const MAX_BYTES: u64 = 4 << 20;
/// Files of the model's folder that are looked at.
const MAX_FILES: usize = 200;

/// Names of classes and where they were found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    /// By class index; empty where none were found.
    pub names: Vec<String>,
    /// A file, or the model's own metadata; `None` without names.
    pub from: Option<String>,
}

impl Labels {
    /// Looks into the model's metadata, then for a text file with one name a line beside the model: `labels.txt`,
    /// `classes.txt`, or one with the model's name or `labels` in its name. The number of names must be that of the
    /// classes.
    pub fn find(model: &Path, network: &Network, classes: usize) -> Labels {
        let own = KEYS.iter().find_map(|key| listed(network.metadata.get(*key)?, classes));
        if let Some(names) = own {
            return Labels { names, from: Some("the model's metadata".to_owned()) };
        }
        for file in candidates(model) {
            if let Some(names) = lines(&file).filter(|names| names.len() == classes) {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                return Labels { names, from: Some(name) };
            }
        }
        Labels::default()
    }

    /// The name of a class, if there is one.
    pub(super) fn name(names: &[String], class: usize) -> Option<String> {
        names.get(class).filter(|n| !n.is_empty()).cloned()
    }
}

/// Names in a text: a JSON list, a JSON object from index to name, or one a line.
fn listed(text: &str, classes: usize) -> Option<Vec<String>> {
    let names: Vec<String> = match serde_json::from_str(text) {
        Ok(Value::Array(all)) => {
            all.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?
        }
        Ok(Value::Object(all)) => {
            let name = |i: usize| all.get(&i.to_string()).and_then(Value::as_str).map(str::to_owned);
            (0..all.len()).map(name).collect::<Option<Vec<_>>>()?
        }
        _ => text.lines().map(|l| l.trim().to_owned()).collect(),
    };
    (names.len() == classes).then_some(names)
}

fn candidates(model: &Path) -> Vec<PathBuf> {
    let folder = model.parent().unwrap_or(Path::new("."));
    let stem = model.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let rank = |path: &Path| -> Option<usize> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let bare = name.strip_suffix(".txt")?;
        match bare {
            "labels" | "classes" => Some(1),
            _ if bare.starts_with(&stem) => Some(0),
            _ if bare.contains("labels") || bare.contains("classes") => Some(2),
            _ => None,
        }
    };
    let mut found: Vec<(usize, PathBuf)> = entries
        .flatten()
        .take(MAX_FILES)
        .map(|e| e.path())
        .filter_map(|path| Some((rank(&path)?, path)))
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn lines(path: &Path) -> Option<Vec<String>> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MAX_BYTES).then(|| text.lines().map(|l| l.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_holds_lists_objects_or_lines() {
        let names = Some(vec!["cat".to_owned(), "dög".to_owned()]);
        assert_eq!(listed(r#"["cat", "dög"]"#, 2), names);
        assert_eq!(listed(r#"{"1": "dög", "0": "cat"}"#, 2), names);
        assert_eq!(listed("cat\ndög\n", 2), names);
        assert_eq!(listed("cat\ndög\n", 3), None);
        assert_eq!(listed("[1, 2]", 2), None);
    }

    #[test]
    fn a_file_of_the_models_name_comes_first_and_others_must_have_as_many_lines() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("labels.txt", "a\nb\n");
        write("notes.txt", "c\nd\n");
        write("other_labels.txt", "1\n2\n3\n");
        let model = folder.path().join("net.onnx");
        let found = candidates(&model);
        let names: Vec<String> =
            found.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["labels.txt", "other_labels.txt"]);
        write("net_labels.txt", "x\ny\n");
        assert_eq!(lines(&candidates(&model)[0]), Some(vec!["x".to_owned(), "y".to_owned()]));
    }
}
