//! Labels of calibration pictures: CSV `file,class_index[,class_name]`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use octet_plugin_api::sdk::Error;

/// More lines than this are not read.
const MAX_LINES: usize = 1_000_000;

/// A table of labels.
pub(crate) struct Labels {
    path: PathBuf,
    /// Lines by the last part of their path.
    by_name: HashMap<String, Vec<(PathBuf, usize)>>,
}

impl Labels {
    /// Reads a table. A first line that begins with `file` is its head.
    ///
    /// # Errors
    /// The file cannot be read, or a line has no class index.
    pub(crate) fn read(path: &Path) -> Result<Labels, Error> {
        let wrong = |reason: String| {
            let path = path.display();
            Error::failed(format!("{reason}; expected lines `file,class_index`: `{path}`"))
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(|e| wrong(format!("cannot read the table of labels: {e}")))?;
        let mut by_name: HashMap<String, Vec<(PathBuf, usize)>> = HashMap::new();
        for (i, record) in reader.records().enumerate() {
            let record = record.map_err(|e| wrong(format!("table of labels: {e}")))?;
            if i >= MAX_LINES {
                return Err(wrong(format!("the table of labels has more than {MAX_LINES} lines")));
            }
            // Spreadsheets put a byte order mark in front.
            let file = record.get(0).unwrap_or("").trim_start_matches('\u{feff}').replace('\\', "/");
            let class = record.get(1).unwrap_or("");
            if i == 0 && file.eq_ignore_ascii_case("file") {
                continue;
            }
            let class = class.parse().map_err(|_| {
                wrong(format!("table of labels, line {}: `{class}` is no class index", i + 1))
            })?;
            let file = PathBuf::from(file);
            if let Some(name) = file.file_name().and_then(OsStr::to_str) {
                by_name.entry(name.to_owned()).or_default().push((file.clone(), class));
            }
        }
        Ok(Labels { path: path.to_owned(), by_name })
    }

    /// The class of a picture: of the line whose path is the longest end of the picture's path.
    ///
    /// # Errors
    /// Two such lines name different classes.
    pub(crate) fn of(&self, picture: &Path) -> Result<Option<usize>, Error> {
        let Some(lines) = picture.file_name().and_then(OsStr::to_str).and_then(|n| self.by_name.get(n))
        else {
            return Ok(None);
        };
        let fitting: Vec<_> = lines.iter().filter(|(file, _)| ends_with(picture, file)).collect();
        let longest = fitting.iter().map(|(file, _)| file.components().count()).max();
        let mut classes: Vec<usize> =
            fitting.iter().filter(|(f, _)| Some(f.components().count()) == longest).map(|l| l.1).collect();
        classes.dedup();
        match classes[..] {
            [] => Ok(None),
            [class] => Ok(Some(class)),
            _ => Err(Error::failed(format!(
                "the table of labels has several classes for `{}`: `{}`",
                picture.display(),
                self.path.display()
            ))),
        }
    }
}

/// True when `file`, without a leading `./`, is the end of `path` or all of it.
fn ends_with(path: &Path, file: &Path) -> bool {
    let parts: PathBuf = file.components().filter(|c| !matches!(c, Component::CurDir)).collect();
    path.ends_with(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Labels, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        Labels::read(&path)
    }

    #[test]
    fn a_picture_is_found_by_the_end_of_its_path() {
        let labels = labels("file,class_index\na.jpg,1,one\n./sub/b.jpg,2\nsub\\c.jpg,3\n").unwrap();
        let of = |path: &str| labels.of(Path::new(path)).unwrap();
        assert_eq!(of("/pictures/a.jpg"), Some(1));
        assert_eq!(of("/pictures/sub/b.jpg"), Some(2));
        assert_eq!(of("/pictures/b.jpg"), None);
        assert_eq!(of("/pictures/sub/c.jpg"), Some(3));
        assert_eq!(of("/pictures/d.jpg"), None);
    }

    #[test]
    fn the_longer_path_decides() {
        let labels = labels("a.jpg,1\nsub/a.jpg,2\n").unwrap();
        assert_eq!(labels.of(Path::new("/x/sub/a.jpg")).unwrap(), Some(2));
        assert_eq!(labels.of(Path::new("/x/a.jpg")).unwrap(), Some(1));
    }

    #[test]
    fn contradictions_and_bad_lines_are_named() {
        let twice = labels("a.jpg,1\na.jpg,2\n").unwrap();
        assert!(twice.of(Path::new("/x/a.jpg")).unwrap_err().to_string().contains("several classes"));
        let bad = labels("a.jpg,1\nb.jpg,dog\n").err().unwrap();
        assert!(bad.to_string().contains("line 2"), "{bad}");
    }
}
