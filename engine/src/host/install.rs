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

/// Copies a file that the user trusts to its destination, and remembers the trust. What was shown to the user is what
/// is copied: another SHA-256 is refused.
///
/// # Errors
/// The file has changed, or cannot be copied, or the trust cannot be remembered; nothing is left behind then.
pub fn install_plugin(file: &PluginFile, trust: &mut TrustStore) -> Result<(), InstallError> {
    let io = |source| InstallError::Io { path: file.destination.clone(), source };
    let folder = file.destination.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut source = std::fs::File::open(&file.path)
        .map_err(|source| InstallError::Io { path: file.path.clone(), source })?;
    let mut copy = tempfile::Builder::new().prefix(".octet-").tempfile_in(folder).map_err(io)?;
    std::io::copy(&mut source, &mut copy).map_err(io)?;
    copy.as_file().sync_all().map_err(io)?;
    if file_sha256(copy.path()).map_err(io)? != file.sha256 {
        return Err(InstallError::Changed { path: file.path.clone() });
    }
    copy.persist(&file.destination).map_err(|e| io(e.error))?;
    trust_plugin(&file.destination, &file.sha256, trust).inspect_err(|_| {
        // Without trust it would only be refused at each start.
        let _ = std::fs::remove_file(&file.destination);
    })
}

/// Trusts a file where it lies, if it still is the one that was shown.
///
/// # Errors
/// It has changed, or the trust cannot be remembered.
pub fn trust_plugin(path: &Path, sha256: &str, trust: &mut TrustStore) -> Result<(), InstallError> {
    let now = file_sha256(path).map_err(|source| InstallError::Io { path: path.to_owned(), source })?;
    if now != sha256 {
        return Err(InstallError::Changed { path: path.to_owned() });
    }
    if trust.trust(path)? != sha256 {
        trust.distrust(&now)?;
        return Err(InstallError::Changed { path: path.to_owned() });
    }
    Ok(())
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
        install_plugin(&file, &mut trust).unwrap();
        assert_eq!(std::fs::read(&file.destination).unwrap(), std::fs::read(&path).unwrap());
        assert!(TrustStore::open(data.path()).unwrap().contains(&file.sha256));
        let again = look_at_plugin(&path, data.path(), &trust).unwrap();
        assert!(again.trusted && !again.replaces);
        let other = library(from.path(), &own("größe"), b"two");
        assert!(look_at_plugin(&other, data.path(), &trust).unwrap().replaces);
    }

    #[test]
    fn a_file_that_changes_behind_the_prompt_is_refused() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = library(from.path(), &own("p"), b"shown");
        let mut trust = TrustStore::open(data.path()).unwrap();
        let file = look_at_plugin(&path, data.path(), &trust).unwrap();
        library(from.path(), &own("p"), b"swapped");
        assert!(matches!(install_plugin(&file, &mut trust), Err(InstallError::Changed { .. })));
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
