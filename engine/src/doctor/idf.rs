//! Finding ESP-IDF: the environment, the record of Espressif's installer (EIM), and the usual folders.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Oldest release that the firmware builds with.
pub const MINIMUM: Version = Version(5, 3, 0);
/// What whoever has none is told to install.
pub const ADVISED: Version = Version(5, 4, 1);
/// The release in which code in PSRAM crashes.
pub const BROKEN_XIP: Version = Version(5, 4, 0);
/// Largest record of EIM, and largest version file.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// Major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// How `idf.py` gets its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activation {
    /// This process has it already.
    Active,
    /// A script has to be read by the shell first.
    Script(PathBuf),
}

/// One installed ESP-IDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idf {
    /// Its folder.
    pub path: PathBuf,
    /// Its release, where its files say.
    pub version: Option<Version>,
    /// How it is used.
    pub activation: Activation,
    /// How it was found.
    pub source: &'static str,
}

impl Idf {
    /// A sentence with version and place.
    pub fn described(&self) -> String {
        let version = self.version.map_or_else(|| "unknown version".to_owned(), |v| v.to_string());
        format!("{version} at {} ({})", self.path.display(), self.source)
    }

    /// Why it cannot build what needs `minimum`, and PSRAM or not; `None` when it can.
    pub fn problem(&self, minimum: Version, psram: bool) -> Option<String> {
        let version = self.version?;
        if version < minimum {
            return Some(format!("ESP-IDF {version} is too old; {minimum} or later is needed"));
        }
        if psram && version == BROKEN_XIP {
            return Some("ESP-IDF 5.4.0 crashes with code in PSRAM; take 5.4.1 or later".to_owned());
        }
        None
    }
}

/// Where things are looked for; tests have their own.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// A folder that the user named; it alone counts then.
    pub named: Option<PathBuf>,
    /// The variable `IDF_PATH`.
    pub idf_path: Option<PathBuf>,
    /// The variable `PATH`.
    pub path: Option<std::ffi::OsString>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// Records of EIM.
    pub eim_records: Vec<PathBuf>,
    /// Folders that are, or hold, an ESP-IDF.
    pub folders: Vec<PathBuf>,
}

impl Places {
    /// Those of this machine.
    pub fn of_machine() -> Places {
        let home = directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
        // Elsewhere such a path would be a file of the current folder, and what it names is executed.
        let windows = |path: &str| cfg!(windows).then(|| PathBuf::from(path));
        let mut eim_records: Vec<PathBuf> = windows(r"C:\Espressif\tools\eim_idf.json").into_iter().collect();
        let mut folders = vec![PathBuf::from("/opt/esp/idf"), PathBuf::from("/opt/esp-idf")];
        if let Some(home) = &home {
            eim_records.insert(0, home.join(".espressif/tools/eim_idf.json"));
            let roots = [home.join("esp"), home.join(".espressif")].into_iter();
            let roots = roots.chain(windows(r"C:\Espressif\frameworks"));
            folders.splice(0..0, [home.join("esp/esp-idf"), home.join("esp-idf")]);
            // ~/esp/v5.4.1/esp-idf, ~/esp/esp-idf-v5.4.1
            for root in roots {
                let mut inner: Vec<PathBuf> =
                    std::fs::read_dir(root).into_iter().flatten().flatten().map(|e| e.path()).collect();
                inner.sort();
                // The newest first, as far as names tell.
                folders.extend(inner.into_iter().rev().flat_map(|f| [f.join("esp-idf"), f]));
            }
        }
        Places {
            named: None,
            idf_path: std::env::var_os("IDF_PATH").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            home,
            eim_records,
            folders,
        }
    }
}

/// Every ESP-IDF of this machine, the one to be used first.
pub fn find(places: &Places) -> Vec<Idf> {
    let mut found: Vec<Idf> = Vec::new();
    let mut add = |idf: Option<Idf>| {
        if let Some(idf) = idf
            && !found.iter().any(|known| known.path == idf.path)
        {
            found.push(idf);
        }
    };
    if let Some(path) = &places.named {
        // An environment of another ESP-IDF must not be mixed with this one.
        let is_exported = places.idf_path.as_ref() == Some(path);
        let activation = if is_exported { of_environment(path, places) } else { script_of(path) };
        add(of_folder(path, activation, "named"));
        return found;
    }
    if let Some(path) = &places.idf_path {
        add(of_folder(path, of_environment(path, places), "IDF_PATH"));
    }
    for record in &places.eim_records {
        of_eim(record).into_iter().for_each(|idf| add(Some(idf)));
    }
    for folder in &places.folders {
        add(of_folder(folder, script_of(folder), "usual folder"));
    }
    found
}

/// An exported environment has idf.py on the path; a bare variable has not.
fn of_environment(idf: &Path, places: &Places) -> Activation {
    let is_active = places
        .path
        .as_ref()
        .is_some_and(|list| std::env::split_paths(list).any(|f| is_idf_py(&f.join("idf.py"))));
    if is_active { Activation::Active } else { script_of(idf) }
}

fn is_idf_py(path: &Path) -> bool {
    path.is_file()
}

fn script_of(folder: &Path) -> Activation {
    let name = if cfg!(windows) { "export.bat" } else { "export.sh" };
    Activation::Script(folder.join(name))
}

fn of_folder(folder: &Path, activation: Activation, source: &'static str) -> Option<Idf> {
    if !folder.join("tools/idf.py").is_file() {
        return None;
    }
    Some(Idf { path: folder.to_owned(), version: version_of(folder), activation, source })
}

/// `tools/cmake/version.cmake` holds the numbers one by one; archives have `version.txt` too.
fn version_of(folder: &Path) -> Option<Version> {
    if let Some(text) = text_of(&folder.join("tools/cmake/version.cmake")) {
        let number = |key: &str| -> Option<u32> {
            let line = text.lines().find(|line| line.contains(key))?;
            let digits: String = line.split(key).nth(1)?.chars().filter(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        if let (Some(major), Some(minor)) = (number("IDF_VERSION_MAJOR"), number("IDF_VERSION_MINOR")) {
            return Some(Version(major, minor, number("IDF_VERSION_PATCH").unwrap_or(0)));
        }
    }
    parse_version(text_of(&folder.join("version.txt"))?.trim())
}

/// `v5.4.1-dirty`
pub(super) fn parse_version(text: &str) -> Option<Version> {
    let text = text.trim_start_matches('v');
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().ok());
    Some(Version(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

fn text_of(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(MAX_TEXT_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EimRecord {
    #[serde(default)]
    idf_installed: Vec<EimEntry>,
    #[serde(default)]
    idf_selected_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EimEntry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    path: PathBuf,
    #[serde(default)]
    activation_script: Option<PathBuf>,
    #[serde(default)]
    status: Option<String>,
}

/// The installations of EIM's record, the selected one first. A damaged record names none.
fn of_eim(record: &Path) -> Vec<Idf> {
    let Some(text) = text_of(record) else { return Vec::new() };
    let Ok(mut record) = serde_json::from_str::<EimRecord>(&text) else { return Vec::new() };
    let selected = record.idf_selected_id.take();
    record.idf_installed.sort_by_key(|entry| selected.as_deref() != Some(entry.id.as_str()));
    let usable =
        record.idf_installed.into_iter().filter(|e| e.status.as_deref().is_none_or(|s| s == "finished"));
    usable
        .filter_map(|entry| {
            let script = entry.activation_script.filter(|script| script.is_file());
            let activation = script.map_or_else(|| script_of(&entry.path), Activation::Script);
            of_folder(&entry.path, activation, "Espressif's installer")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path, version: (u32, u32, u32)) {
        std::fs::create_dir_all(folder.join("tools/cmake")).unwrap();
        std::fs::write(folder.join("tools/idf.py"), "").unwrap();
        let text = format!(
            "set(IDF_VERSION_MAJOR {})\nset(IDF_VERSION_MINOR {})\nset(IDF_VERSION_PATCH {})\n",
            version.0, version.1, version.2
        );
        std::fs::write(folder.join("tools/cmake/version.cmake"), text).unwrap();
    }

    #[test]
    fn the_environment_comes_before_the_installer_and_the_usual_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        install(&at("exported"), (5, 4, 1));
        install(&at("eim/v6"), (6, 0, 0));
        install(&at("eim/v5"), (5, 3, 2));
        install(&at("home"), (5, 2, 0));
        std::fs::write(at("activate.sh"), "").unwrap();
        let entry = |id: &str, path: &str| serde_json::json!({"id": id, "path": at(path), "activationScript": at("activate.sh"), "name": id});
        let record = serde_json::json!({
            "idfInstalled": [entry("v6", "eim/v6"), entry("v5", "eim/v5"), {"id": "gone", "path": at("gone")}],
            "idfSelectedId": "v5",
        });
        std::fs::write(at("eim_idf.json"), record.to_string()).unwrap();
        let places = Places {
            idf_path: Some(at("exported")),
            eim_records: vec![at("none.json"), at("eim_idf.json")],
            folders: vec![at("home"), at("exported")],
            ..Places::default()
        };
        let found = find(&places);
        let versions: Vec<String> = found.iter().filter_map(|i| i.version.map(|v| v.to_string())).collect();
        assert_eq!(versions, ["5.4.1", "5.3.2", "6.0.0", "5.2.0"]);
        assert_eq!(found[0].activation, Activation::Script(at("exported").join("export.sh")));
        assert_eq!(found[1].activation, Activation::Script(at("activate.sh")));
        assert!(found[3].problem(MINIMUM, false).unwrap().contains("5.3.0 or later"));
        assert_eq!(found[1].problem(MINIMUM, true), None);

        std::fs::write(at("idf.py"), "").unwrap();
        let path = Some(folder.path().as_os_str().to_owned());
        let places = Places { path, ..places };
        assert_eq!(find(&places)[0].activation, Activation::Active);

        let of_home = find(&Places { named: Some(at("home")), ..places.clone() });
        assert_eq!(of_home.len(), 1, "what was named is not replaced by another");
        assert_eq!(of_home[0].activation, Activation::Script(at("home").join("export.sh")), "not mixed");
        assert!(of_home[0].described().ends_with("(named)"));
        let exported = find(&Places { named: Some(at("exported")), ..places });
        assert_eq!(exported[0].activation, Activation::Active);
    }

    #[test]
    fn the_release_that_breaks_psram_is_refused_for_psram() {
        let idf = Idf {
            path: PathBuf::new(),
            version: Some(BROKEN_XIP),
            activation: Activation::Active,
            source: "test",
        };
        assert!(idf.problem(MINIMUM, true).unwrap().contains("5.4.1"));
        assert_eq!(idf.problem(MINIMUM, false), None);
    }

    #[test]
    fn versions_are_read_as_people_write_them() {
        assert_eq!(parse_version("v5.4.1-dirty"), Some(Version(5, 4, 1)));
        assert_eq!(parse_version("6.0"), Some(Version(6, 0, 0)));
        assert_eq!(parse_version("release/v5"), None);
    }

    #[test]
    fn damaged_records_name_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("eim_idf.json");
        for text in ["", "{", "[]", "{\"idfInstalled\": 3}", "{\"idfInstalled\":[{\"path\":\"/nowhere\"}]}"] {
            std::fs::write(&record, text).unwrap();
            assert!(of_eim(&record).is_empty(), "{text}");
        }
    }
}
