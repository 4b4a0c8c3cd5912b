//! Taking a plugin file into the user's own folder. Nothing is loaded here.

use std::path::{Path, PathBuf};

use super::library::looks_like_a_library;
use super::trust::{TrustError, TrustStore, file_sha256};

/// Folder of the user's plugins inside the data folder.
const FOLDER: &str = "plugins";
/// Larger files are no plugins.
const MAX_BYTES: u64 = 1 << 30;

/// Why a plugin file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The file is nothing that this system loads.
    #[error("{reason}: {path}", path = .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// It cannot be read or written.
    #[error("{source}: {path}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no longer what was shown.
    #[error("the file has changed since its SHA-256 was shown; look at it again: {path}", path = .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The list of trusted plugins refuses.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// What can be told of a plugin file without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFile {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Where it would be copied to.
    pub destination: PathBuf,
    /// Another file lies there, which would be replaced.
    pub replaces: bool,
    /// A file of this SHA-256 is trusted already.
    pub trusted: bool,
}

/// Looks at a file that somebody wants to install, without loading it.
///
/// # Errors
/// It is no library of this system, or cannot be read.
pub fn look_at_plugin(
    path: &Path,
    data_folder: &Path,
    trust: &TrustStore,
) -> Result<PluginFile, InstallError> {
    let io = |source| InstallError::Io { path: path.to_owned(), source };
    let unfit = |reason: String| Err(InstallError::Unfit { path: path.to_owned(), reason });
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return unfit("a plugin is a file".to_owned());
    }
    let ending = std::env::consts::DLL_EXTENSION;
    let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|e| e == ending)) else {
        return unfit(format!("plugins of this system end in .{ending}; take the one made for it"));
    };
    if metadata.len() > MAX_BYTES {
        return unfit(format!("it has more than {} MiB", MAX_BYTES >> 20));
    }
    if !looks_like_a_library(path).map_err(io)? {
        return unfit("it is no dynamic library of this system: it does not begin like one".to_owned());
    }
    let sha256 = file_sha256(path).map_err(io)?;
    let destination = data_folder.join(FOLDER).join(name);
    let there = file_sha256(&destination).ok();
    Ok(PluginFile {
        path: path.to_owned(),
        bytes: metadata.len(),
        trusted: trust.contains(&sha256),
        replaces: there.is_some_and(|other| other != sha256),
        sha256,
        destination,
    })
}

/// A copy of a plugin file that nobody finds yet. What lies at its destination stays until [`StagedPlugin::install`], so that
/// the copy can be asked first whether it is a plugin. Dropping it removes the copy.
#[derive(Debug)]
pub struct StagedPlugin {
    file: PluginFile,
    path: PathBuf,
    /// Holds the copy under its own name, which is what some systems load it by.
    _folder: tempfile::TempDir,
}

/// Copies a file that the user trusts. What was shown to the user is what is copied: another SHA-256 is refused.
///
/// # Errors
/// The file has changed, or cannot be copied; nothing is left behind then.
pub fn stage_plugin(file: &PluginFile) -> Result<StagedPlugin, InstallError> {
    let io = |source| InstallError::Io { path: file.destination.clone(), source };
    let folder = file.destination.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let folder = tempfile::Builder::new().prefix(".octet-").tempdir_in(folder).map_err(io)?;
    let path = folder.path().join(file.destination.file_name().unwrap_or_default());
    let copy = || -> std::io::Result<()> {
        let mut to = std::fs::File::create(&path)?;
        std::io::copy(&mut std::fs::File::open(&file.path)?, &mut to)?;
        to.sync_all()
    };
    copy().map_err(|source| InstallError::Io { path: file.path.clone(), source })?;
    if file_sha256(&path).map_err(io)? != file.sha256 {
        return Err(InstallError::Changed { path: file.path.clone() });
    }
    Ok(StagedPlugin { file: file.clone(), path, _folder: folder })
}

impl StagedPlugin {
    /// Where the copy is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the copy to its destination, and remembers the trust.
    ///
    /// # Errors
    /// The copy has changed, or cannot be moved, or the trust cannot be remembered; what lay at the destination is still
    /// there then.
    pub fn install(self, trust: &mut TrustStore) -> Result<(), InstallError> {
        let StagedPlugin { file, path, .. } = &self;
        let io = |source| InstallError::Io { path: file.destination.clone(), source };
        is_still(path, &file.sha256)?;
        let was_trusted = trust.contains(&file.sha256);
        trust.trust_as(&file.sha256, &file.destination)?;
        std::fs::rename(path, &file.destination).map_err(|e| {
            if !was_trusted && let Err(error) = trust.distrust(&file.sha256) {
                tracing::warn!("{error}");
            }
            io(e)
        })
    }
}

/// Trusts a file where it lies, if it still is the one that was shown.
///
/// # Errors
/// It has changed, or the trust cannot be remembered.
pub fn trust_plugin(path: &Path, sha256: &str, trust: &mut TrustStore) -> Result<(), InstallError> {
    is_still(path, sha256)?;
    let now = trust.trust(path)?;
    if now != sha256 {
        trust.distrust(&now)?;
        return Err(InstallError::Changed { path: path.to_owned() });
    }
    Ok(())
}

/// Refuses a file that is no longer the one that was shown.
///
/// # Errors
/// It has changed, or cannot be read.
pub fn check_plugin(file: &PluginFile) -> Result<(), InstallError> {
    is_still(&file.path, &file.sha256)
}

fn is_still(path: &Path, sha256: &str) -> Result<(), InstallError> {
    match file_sha256(path) {
        Ok(now) if now == sha256 => Ok(()),
        Ok(_) => Err(InstallError::Changed { path: path.to_owned() }),
        Err(source) => Err(InstallError::Io { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
        let path = folder.join(name);
        let head: &[u8] = match std::env::consts::OS {
            "windows" => b"MZ",
            "macos" => &[0xcf, 0xfa, 0xed, 0xfe],
            _ => b"\x7fELF",
        };
        std::fs::write(&path, [head, content].concat()).unwrap();
        path
    }

    fn own(name: &str) -> String {
        format!("{name}.{}", std::env::consts::DLL_EXTENSION)
    }

    #[test]
    fn a_plugin_is_copied_and_trusted_and_nothing_else_is() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = library(from.path(), &own("größe"), b"one");
        let mut trust = TrustStore::open(data.path()).unwrap();
        let file = look_at_plugin(&path, data.path(), &trust).unwrap();
        assert!(!file.trusted && !file.replaces && !file.destination.exists());
        stage_plugin(&file).unwrap().install(&mut trust).unwrap();
        assert_eq!(std::fs::read(&file.destination).unwrap(), std::fs::read(&path).unwrap());
        assert!(TrustStore::open(data.path()).unwrap().contains(&file.sha256));
        let again = look_at_plugin(&path, data.path(), &trust).unwrap();
        assert!(again.trusted && !again.replaces);
        let other = library(from.path(), &own("größe"), b"two");
        assert!(look_at_plugin(&other, data.path(), &trust).unwrap().replaces);
    }

    #[test]
    fn what_is_installed_stays_until_the_new_copy_is_put_in_its_place() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut trust = TrustStore::open(data.path()).unwrap();
        let file = |content: &[u8], trust: &TrustStore| {
            look_at_plugin(&library(from.path(), &own("p"), content), data.path(), trust).unwrap()
        };
        let old = file(b"works", &trust);
        stage_plugin(&old).unwrap().install(&mut trust).unwrap();
        let new = file(b"does not", &trust);
        let staged = stage_plugin(&new).unwrap();
        assert_eq!(file_sha256(staged.path()).unwrap(), new.sha256);
        drop(staged);
        assert_eq!(file_sha256(&old.destination).unwrap(), old.sha256);
        assert!(trust.contains(&old.sha256) && !trust.contains(&new.sha256));
        let folder = old.destination.parent().unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "the copy is gone");
        stage_plugin(&new).unwrap().install(&mut trust).unwrap();
        assert_eq!(file_sha256(&old.destination).unwrap(), new.sha256);
    }

    #[test]
    fn a_file_that_changes_behind_the_prompt_is_refused() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = library(from.path(), &own("p"), b"shown");
        let mut trust = TrustStore::open(data.path()).unwrap();
        let file = look_at_plugin(&path, data.path(), &trust).unwrap();
        library(from.path(), &own("p"), b"swapped");
        assert!(matches!(stage_plugin(&file), Err(InstallError::Changed { .. })));
        assert!(matches!(trust_plugin(&path, &file.sha256, &mut trust), Err(InstallError::Changed { .. })));
        assert!(!file.destination.exists());
        assert!(!trust.contains(&file_sha256(&path).unwrap()) && !trust.contains(&file.sha256));
    }

    #[test]
    fn what_this_system_does_not_load_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let trust = TrustStore::open(folder.path()).unwrap();
        let foreign = library(folder.path(), "p.other", b"");
        let text = folder.path().join(own("text"));
        std::fs::write(&text, b"hello").unwrap();
        for (path, words) in [(foreign, "end in"), (text, "does not begin like one")] {
            let error = look_at_plugin(&path, folder.path(), &trust).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(&path.display().to_string()), "{error}");
        }
        assert!(look_at_plugin(folder.path(), folder.path(), &trust).is_err());
    }
}
