//! Which pictures a folder holds, in which order, and of which class.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::report::SkippedPicture;

/// Sub-folders nested deeper than this are not looked into.
pub const MAX_DEPTH: usize = 8;
/// More pictures than this are not listed.
const MAX_FILES: usize = 1_000_000;
/// Name endings of pictures.
pub const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "bmp", "jfif"];

/// Why a folder of pictures cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or its CSV cannot be read.
    #[error("`{}`: cannot read it: {source}", path.display())]
    Io {
        /// Folder or file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line of the CSV is wrong.
    #[error("`{}`: line {line}: {reason}; expected `file,class_index[,class_name]`", path.display())]
    Csv {
        /// The CSV.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// There is no picture.
    #[error("`{}`: no JPEG, PNG, WebP or BMP picture in the folder", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// A picture file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the folder, with `/`; this is the picture's name in reports.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its class, if known.
    pub class: Option<usize>,
}

/// The pictures of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// In the order of the CSV, else sorted by path.
    pub entries: Vec<Entry>,
    /// Names of classes, as far as the CSV or the sub-folders tell them.
    pub class_names: BTreeMap<usize, String>,
    /// Lines of the CSV that name no usable file.
    pub skipped: Vec<SkippedPicture>,
    /// The CSV that was used.
    pub csv: Option<PathBuf>,
    /// What CSV files do not name, though it lies there.
    pub unlisted: Vec<Unlisted>,
    /// Sub-folders are classes, so that the first pictures are all of one.
    pub is_sorted_by_class: bool,
}

/// Pictures of a folder that its CSV does not name, so that they do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// The CSV.
    pub csv: PathBuf,
    /// How many pictures.
    pub pictures: usize,
}

impl std::fmt::Display for Unlisted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unlisted { csv, pictures } = self;
        write!(f, "`{}` does not name {pictures} of its folder's pictures: they do not count", csv.display())
    }
}

impl Listing {
    /// Lists a folder. Classes come from `labels` if given; else from a CSV of classes called like the folder, beside it
    /// or in it; else from the first level of sub-folders: their names if these are numbers, otherwise their rank in the
    /// order of names. A CSV also decides which files count and their order.
    ///
    /// # Errors
    /// The folder or a CSV cannot be read, a line of the CSV is wrong, or there is no picture at all.
    pub fn of_folder(folder: &Path, labels: Option<&Path>) -> Result<Listing, FolderError> {
        let found = match labels {
            Some(csv) => from_csv(folder, csv)?,
            None => match csv_of(folder) {
                Some(csv) => from_csv(folder, &csv)?,
                None => from_sub_folders(folder)?,
            },
        };
        if found.entries.is_empty() && found.skipped.is_empty() {
            return Err(FolderError::Empty { path: folder.to_owned() });
        }
        Ok(found)
    }

    /// True when the class of every picture is known.
    pub fn has_classes(&self) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|e| e.class.is_some())
    }
}

/// `calib.csv` beside or in the folder `calib`, if its first line says that it holds classes.
fn csv_of(folder: &Path) -> Option<PathBuf> {
    // `.` and `a/..` have no name of their own.
    let folder = folder.canonicalize().ok()?;
    let name = format!("{}.csv", folder.file_name()?.to_str()?);
    [folder.with_file_name(&name), folder.join(&name)].into_iter().find(|p| p.is_file() && holds_classes(p))
}

/// True for a table whose second column is a class or is called like one. A table of something else, licences for
/// example, may lie there too.
fn holds_classes(csv: &Path) -> bool {
    let Ok(mut reader) = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_path(csv)
    else {
        return true; // Opening it again will say why it cannot be read.
    };
    let Some(Ok(first)) = reader.records().next() else { return true };
    let class = first.get(1).unwrap_or("");
    class.parse::<usize>().is_ok()
        || ["class_index", "class", "label", "index"].iter().any(|name| class.eq_ignore_ascii_case(name))
}

fn from_csv(folder: &Path, csv: &Path) -> Result<Listing, FolderError> {
    let wrong = |line: u64, reason: String| FolderError::Csv { path: csv.to_owned(), line, reason };
    let file = std::fs::File::open(csv).map_err(|source| FolderError::Io { path: csv.to_owned(), source })?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(file);
    let mut listing = Listing { csv: Some(csv.to_owned()), ..Listing::default() };
    let mut known: HashMap<PathBuf, usize> = HashMap::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|e| wrong(i as u64 + 1, e.to_string()))?;
        let line = record.position().map_or(i as u64 + 1, csv::Position::line);
        // Spreadsheets put a byte order mark in front.
        let file = record.get(0).unwrap_or("").trim_start_matches('\u{feff}');
        let class = record.get(1).unwrap_or("");
        if i == 0 && class.parse::<usize>().is_err() && file.eq_ignore_ascii_case("file") {
            continue;
        }
        let class: usize = class.parse().map_err(|_| {
            let reason = match (class.is_empty(), file.contains(';')) {
                (true, true) => "it is divided by semicolons, not by commas".to_owned(),
                (true, false) => "there is no class index behind a comma".to_owned(),
                (false, _) => format!("`{class}` is no class index"),
            };
            wrong(line, reason)
        })?;
        if let Some(name) = record.get(2).filter(|n| !n.is_empty()) {
            listing.class_names.insert(class, name.to_owned());
        }
        let relative = file.replace('\\', "/");
        match inside(folder, &relative) {
            Ok(path) if known.contains_key(&path) => {
                if let Some(other) = known.get(&path).filter(|other| **other != class) {
                    let reason =
                        format!("`{relative}` is of class {class} here and of {other} in a line before");
                    return Err(wrong(line, reason));
                }
            }
            Ok(path) => {
                known.insert(path.clone(), class);
                listing.entries.push(Entry { file: relative, path, class: Some(class) });
            }
            Err(reason) => listing.skipped.push(SkippedPicture { file: relative, reason }),
        }
        if listing.entries.len() > MAX_FILES {
            return Err(wrong(line, format!("there are more than {MAX_FILES} pictures")));
        }
    }
    if listing.entries.is_empty() && listing.skipped.is_empty() {
        return Err(wrong(1, "the table lists no picture".to_owned()));
    }
    let pictures = unlisted(folder, &listing);
    if pictures > 0 {
        listing.unlisted.push(Unlisted { csv: csv.to_owned(), pictures });
    }
    Ok(listing)
}

/// Pictures that lie in the folder and are not in the listing. What cannot be read is not counted.
fn unlisted(folder: &Path, listing: &Listing) -> usize {
    let mut files = Vec::new();
    if collect(folder, "", &mut Vec::new(), &mut files).is_err() {
        return 0;
    }
    let named: HashSet<&Path> = listing.entries.iter().map(|entry| entry.path.as_path()).collect();
    files.iter().filter(|(_, path)| !named.contains(path.as_path())).count()
}

/// A path of the CSV, which must stay inside the folder.
fn inside(folder: &Path, relative: &str) -> Result<PathBuf, String> {
    let path = Path::new(relative);
    let plain = path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if relative.is_empty() || !plain {
        return Err("its path in the CSV leads out of the folder".to_owned());
    }
    let path = folder.join(path);
    if path.is_file() { Ok(path) } else { Err("the CSV names it, but it is not in the folder".to_owned()) }
}

fn from_sub_folders(folder: &Path) -> Result<Listing, FolderError> {
    let mut files = Vec::new();
    collect(folder, "", &mut Vec::new(), &mut files)?;
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let classes: std::collections::BTreeSet<&str> =
        files.iter().filter_map(|(file, _)| Some(file.split_once('/')?.0)).collect();
    let numbers: Option<Vec<usize>> = classes.iter().map(|c| c.parse().ok()).collect();
    let index: BTreeMap<String, usize> = match numbers {
        Some(numbers) => classes.iter().map(|c| (*c).to_owned()).zip(numbers).collect(),
        None => classes.iter().enumerate().map(|(i, c)| ((*c).to_owned(), i)).collect(),
    };
    let class = |file: &str| index.get(file.split_once('/')?.0).copied();
    let entries = files
        .iter()
        .map(|(file, path)| Entry { file: file.clone(), path: path.clone(), class: class(file) })
        .collect();
    let class_names: BTreeMap<usize, String> = index.into_iter().map(|(name, i)| (i, name)).collect();
    let is_sorted_by_class = class_names.len() > 1;
    Ok(Listing { entries, class_names, is_sorted_by_class, ..Listing::default() })
}

/// Collects the pictures of a folder that lies in the `outer` ones. A link that leads back into one of them is not followed,
/// and what is no file, such as a pipe, is not read.
fn collect(
    folder: &Path,
    prefix: &str,
    outer: &mut Vec<PathBuf>,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), FolderError> {
    let io = |source| FolderError::Io { path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(io)?;
    if outer.contains(&real) {
        return Ok(());
    }
    outer.push(real);
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            if outer.len() <= MAX_DEPTH {
                collect(&path, &format!("{relative}/"), outer, files)?;
            }
        } else if is_picture(&path) && files.len() < MAX_FILES {
            // A link into nowhere is told where it is read.
            if path.metadata().map_or(true, |metadata| metadata.is_file()) {
                files.push((relative, path));
            }
        }
    }
    outer.pop();
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        dir
    }

    fn shown(listing: &Listing) -> Vec<(String, Option<usize>)> {
        listing.entries.iter().map(|e| (e.file.clone(), e.class)).collect()
    }

    #[test]
    fn a_csv_beside_the_folder_decides_order_and_classes() {
        let dir = folder(&["set/b.jpg", "set/a.PNG", "set/unlisted.jpg"]);
        fs::write(dir.path().join("set.csv"), "\u{feff}file,class_index,class_name\nb.jpg,7,dog\na.PNG, 3\n")
            .unwrap();
        let listing = Listing::of_folder(&dir.path().join("set"), None).unwrap();
        assert_eq!(shown(&listing), [("b.jpg".to_owned(), Some(7)), ("a.PNG".to_owned(), Some(3))]);
        assert_eq!(listing.class_names, BTreeMap::from([(7, "dog".to_owned())]));
        let csv = dir.path().join("set.csv");
        assert_eq!(listing.unlisted, [Unlisted { csv, pictures: 1 }]);
        assert!(listing.unlisted[0].to_string().contains("does not name 1 of"));
    }

    #[test]
    fn a_table_of_something_else_beside_the_folder_is_no_table_of_classes() {
        let dir = folder(&["set/b.jpg", "set/a.png"]);
        fs::write(dir.path().join("set.csv"), "file,licence\nb.jpg,CC0\n").unwrap();
        let listing = Listing::of_folder(&dir.path().join("set"), None).unwrap();
        assert_eq!(listing.csv, None);
        assert_eq!(shown(&listing), [("a.png".to_owned(), None), ("b.jpg".to_owned(), None)]);
    }

    #[test]
    fn lines_that_lead_outside_or_nowhere_are_skipped() {
        let dir = folder(&["set/a.jpg", "secret.jpg"]);
        let csv = dir.path().join("labels.csv");
        fs::write(&csv, "a.jpg,0\n../secret.jpg,1\n/etc/passwd,1\nnone.jpg,2\n").unwrap();
        let listing = Listing::of_folder(&dir.path().join("set"), Some(&csv)).unwrap();
        assert_eq!(shown(&listing), [("a.jpg".to_owned(), Some(0))]);
        assert_eq!(listing.skipped.len(), 3);
    }

    #[test]
    fn a_picture_that_is_named_twice_counts_once_and_has_one_class() {
        let dir = folder(&["a.jpg", "b.jpg"]);
        let csv = dir.path().join("l.csv");
        fs::write(&csv, "a.jpg,0\nb.jpg,1\n./a.jpg,0\n").unwrap();
        assert_eq!(Listing::of_folder(dir.path(), Some(&csv)).unwrap().entries.len(), 2);
        fs::write(&csv, "a.jpg,0\na.jpg,4\n").unwrap();
        let error = Listing::of_folder(dir.path(), Some(&csv)).unwrap_err().to_string();
        assert!(error.contains("line 2: `a.jpg` is of class 4 here and of 0"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_back_is_not_followed() {
        let dir = folder(&["cat/a.jpg", "dog/b.jpg"]);
        std::os::unix::fs::symlink("..", dir.path().join("dog/loop")).unwrap();
        let listing = Listing::of_folder(dir.path(), None).unwrap();
        assert_eq!(listing.entries.len(), 2, "{:?}", shown(&listing));
    }

    #[test]
    fn a_class_that_is_no_number_is_an_error_with_its_line() {
        let dir = folder(&["a.jpg"]);
        let csv = dir.path().join("l.csv");
        fs::write(&csv, "file,class_index\na.jpg,0\na.jpg,dog\n").unwrap();
        let error = Listing::of_folder(dir.path(), Some(&csv)).unwrap_err();
        assert!(error.to_string().contains("line 3: `dog` is no class index"), "{error}");
    }

    #[test]
    fn sub_folders_are_classes() {
        let dir = folder(&["cat/2.jpg", "cat/deep/1.jpg", "dog/1.webp", "dog/notes.txt", ".hidden/x.jpg"]);
        let listing = Listing::of_folder(dir.path(), None).unwrap();
        let expected = [("cat/2.jpg", 0), ("cat/deep/1.jpg", 0), ("dog/1.webp", 1)];
        assert_eq!(shown(&listing), expected.map(|(f, c)| (f.to_owned(), Some(c))));
        assert!(listing.has_classes() && listing.is_sorted_by_class);
    }

    #[test]
    fn sub_folders_with_numbers_are_class_indices() {
        let dir = folder(&["10/a.jpg", "9/a.jpg"]);
        let listing = Listing::of_folder(dir.path(), None).unwrap();
        assert_eq!(shown(&listing), [("10/a.jpg".to_owned(), Some(10)), ("9/a.jpg".to_owned(), Some(9))]);
    }

    #[test]
    fn a_flat_folder_has_no_classes() {
        let dir = folder(&["b.jpg", "a.jpg"]);
        let listing = Listing::of_folder(dir.path(), None).unwrap();
        assert_eq!(shown(&listing), [("a.jpg".to_owned(), None), ("b.jpg".to_owned(), None)]);
        assert!(!listing.has_classes() && !listing.is_sorted_by_class);
    }

    #[test]
    fn a_folder_without_pictures_is_an_error() {
        let dir = folder(&["notes.txt"]);
        assert!(matches!(Listing::of_folder(dir.path(), None), Err(FolderError::Empty { .. })));
        assert!(matches!(Listing::of_folder(&dir.path().join("none"), None), Err(FolderError::Io { .. })));
    }
}
