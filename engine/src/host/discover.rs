//! Finding plugins. Nothing is loaded here; a library is only handed to `describe` when it is trusted.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::description::PluginDescription;
use super::library::looks_like_a_library;
use super::trust::{TrustStore, data_folder, file_sha256};

/// Why a folder is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `$OCTET_PLUGIN_PATH` names it.
    Environment,
    /// It is `plugins` in the user's data folder.
    User,
    /// It is the application's own folder, or `plugins` in it: trusted as the application is.
    Application,
}

/// One place to search; a file of its own is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchFolder {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub origin: Origin,
}

/// Where plugins are searched, first place first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// The places.
    pub folders: Vec<SearchFolder>,
}

impl SearchPath {
    /// `$OCTET_PLUGIN_PATH`, the user's data folder, the running program's folder.
    pub fn standard() -> SearchPath {
        let mut folders = Vec::new();
        let mut add = |path: PathBuf, origin| folders.push(SearchFolder { path, origin });
        for path in std::env::split_paths(&std::env::var_os("OCTET_PLUGIN_PATH").unwrap_or_default()) {
            if !path.as_os_str().is_empty() {
                add(path, Origin::Environment);
            }
        }
        if let Some(data) = data_folder() {
            add(data.join("plugins"), Origin::User);
        }
        let program = std::env::current_exe().and_then(|program| program.canonicalize());
        if let Some(own) = program.ok().as_deref().and_then(Path::parent) {
            add(own.to_owned(), Origin::Application);
            add(own.join("plugins"), Origin::Application);
        }
        SearchPath { folders }
    }
}

/// A plugin that can be used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The library.
    pub path: PathBuf,
    /// Where it was found.
    pub origin: Origin,
    /// SHA-256 of the library, hexadecimal.
    pub sha256: String,
    /// What it says of itself.
    #[serde(flatten)]
    pub description: PluginDescription,
}

/// A file that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
    /// Its SHA-256 when it is refused only because nobody trusts it yet.
    pub untrusted_sha256: Option<String>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Discovery {
    /// Plugins that can be used.
    pub loaded: Vec<Found>,
    /// Files that are not used, with the reason.
    pub refused: Vec<Refused>,
}

impl Discovery {
    /// The plugin of an id, or of the last part of one when that is unique.
    pub fn find(&self, id: &str) -> Result<&Found, String> {
        if let Some(found) = self.loaded.iter().find(|found| found.description.id == id) {
            return Ok(found);
        }
        let suffix = format!(".{id}");
        let mut matches = self.loaded.iter().filter(|found| found.description.id.ends_with(&suffix));
        match (matches.next(), matches.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => {
                Err(format!("`{id}` means several strategies; say which of: {}", self.ids()))
            }
            (None, _) => Err(self.missing(id)),
        }
    }

    fn ids(&self) -> String {
        self.loaded.iter().map(|f| f.description.id.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn missing(&self, id: &str) -> String {
        let there = match self.loaded.is_empty() {
            true => "no plugin is loaded".to_owned(),
            false => format!("there are: {}", self.ids()),
        };
        // Whose id it is nobody knows before it is trusted and loaded; its name may tell.
        let word = id.rsplit('.').next().unwrap_or(id).replace('-', "_");
        let is_named = |refused: &&Refused| {
            let name = refused.path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
            refused.untrusted_sha256.is_some() && !word.is_empty() && name.contains(&word)
        };
        let untrusted = match self.refused.iter().find(is_named) {
            Some(refused) => format!("; {} is {}", refused.path.display(), refused.reason),
            None => String::new(),
        };
        format!(
            "there is no strategy `{id}`; {there}. `octet plugin list` tells why a plugin was refused{untrusted}"
        )
    }
}

/// Searches for plugins. `describe` loads a trusted library, away from this process, and says what it is.
pub fn discover<E: Display>(
    search: &SearchPath,
    trust: &TrustStore,
    mut describe: impl FnMut(&Path) -> Result<PluginDescription, E>,
) -> Discovery {
    let mut discovery = Discovery::default();
    let mut seen = BTreeSet::new();
    for folder in &search.folders {
        for path in candidates(folder, &mut discovery.refused) {
            let Ok(real) = path.canonicalize() else { continue };
            if !seen.insert(real.clone()) {
                continue;
            }
            let outcome = admit(&real, folder.origin, trust).and_then(|sha256| {
                let description = describe(&real).map_err(|e| Refusal::new(e.to_string()))?;
                Ok((sha256, description))
            });
            match outcome {
                Ok((sha256, description)) => {
                    let same = discovery.loaded.iter().find(|found| found.description.id == description.id);
                    if let Some(first) = same {
                        let first = first.path.display();
                        let reason = format!("the same id `{}` was found before in {first}", description.id);
                        discovery.refused.push(Refused { path, reason, untrusted_sha256: None });
                    } else {
                        discovery.loaded.push(Found { path, origin: folder.origin, sha256, description });
                    }
                }
                Err(Refusal { reason, untrusted_sha256 }) => {
                    discovery.refused.push(Refused { path, reason, untrusted_sha256 });
                }
            }
        }
    }
    discovery
}

struct Refusal {
    reason: String,
    untrusted_sha256: Option<String>,
}

impl Refusal {
    fn new(reason: String) -> Refusal {
        Refusal { reason, untrusted_sha256: None }
    }
}

/// Lets a file pass that is a library, and is the application's own or trusted. Returns its SHA-256.
fn admit(real: &Path, origin: Origin, trust: &TrustStore) -> Result<String, Refusal> {
    let unreadable = |e: std::io::Error| Refusal::new(format!("cannot be read: {e}"));
    if !looks_like_a_library(real).map_err(unreadable)? {
        return Err(Refusal::new("not a dynamic library: it does not begin like one".to_owned()));
    }
    let sha256 = file_sha256(real).map_err(unreadable)?;
    if trust.contains(&sha256) || (origin == Origin::Application && beside_application(real)) {
        return Ok(sha256);
    }
    Err(Refusal {
        reason: format!("not trusted; run `octet plugin trust {}`", real.display()),
        untrusted_sha256: Some(sha256),
    })
}

/// Whether a file, its links followed, lies in the application's folder or in `plugins` there.
fn beside_application(real: &Path) -> bool {
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let Some(own) = program.ok().and_then(|program| program.parent().map(Path::to_owned)) else {
        return false;
    };
    real.parent().is_some_and(|folder| folder == own || folder == own.join("plugins"))
}

/// The files of a folder that are named like libraries, in the order of their names.
fn candidates(folder: &SearchFolder, refused: &mut Vec<Refused>) -> Vec<PathBuf> {
    if folder.path.is_file() {
        return vec![folder.path.clone()];
    }
    let entries = match std::fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(e) => {
            // Only the folders that the user named have to be there.
            if folder.origin == Origin::Environment {
                let reason = format!("OCTET_PLUGIN_PATH names this folder, but it cannot be read: {e}");
                refused.push(Refused { path: folder.path.clone(), reason, untrusted_sha256: None });
            }
            return Vec::new();
        }
    };
    let own = folder.origin == Origin::Application && !folder.path.ends_with("plugins");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_named_like_a_plugin(path, own))
        .collect();
    paths.sort();
    paths
}

/// Beside the application there may be all kinds of libraries, so there the name has to be `octet_...` too.
fn is_named_like_a_plugin(path: &Path, beside_application: bool) -> bool {
    let extension = path.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix(std::env::consts::DLL_PREFIX).unwrap_or(&stem);
    extension && (!beside_application || stem.starts_with("octet_"))
}
