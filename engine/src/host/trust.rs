//! Which plugins the user trusts, by the SHA-256 of the file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const FILE: &str = "trusted-plugins.json";
const VERSION: u32 = 1;

/// Why the list of trusted plugins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be read.
    #[error("cannot be read: {source}: {path}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list cannot be written.
    #[error("the list of trusted plugins cannot be written: {source}: {path}", path = .path.display())]
    Write {
        /// The list.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list is damaged.
    #[error("the list of trusted plugins is damaged ({reason}); delete it and trust again: {path}", path = .path.display())]
    Damaged {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system names no data folder.
    #[error("this system names no data folder; set OCTET_DATA_DIR")]
    NoFolder,
}

/// Octet's folder for the user's data: `$OCTET_DATA_DIR`, else `octet` in the system's.
pub fn data_folder() -> Option<PathBuf> {
    match std::env::var_os("OCTET_DATA_DIR") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => directories::BaseDirs::new().map(|dirs| dirs.data_dir().join("octet")),
    }
}

/// SHA-256 of a file, hexadecimal.
pub fn file_sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut buffer)? {
            0 => break,
            len => hash.update(&buffer[..len]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The plugins that the user trusts.
#[derive(Debug, Clone)]
pub struct TrustStore {
    path: PathBuf,
    list: List,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct List {
    version: u32,
    /// SHA-256 to the path that the file had.
    plugins: BTreeMap<String, PathBuf>,
}

impl TrustStore {
    /// The user's own list.
    pub fn of_user() -> Result<TrustStore, TrustError> {
        TrustStore::open(&data_folder().ok_or(TrustError::NoFolder)?)
    }

    /// The list in a data folder; empty when there is none yet.
    pub fn open(data_folder: &Path) -> Result<TrustStore, TrustError> {
        let path = data_folder.join(FILE);
        let list = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<List>(&bytes)
                .map_err(|e| TrustError::Damaged { path: path.clone(), reason: e.to_string() })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                List { version: VERSION, plugins: BTreeMap::new() }
            }
            Err(source) => return Err(TrustError::Read { path, source }),
        };
        if list.version != VERSION {
            let reason = format!("version {} instead of {VERSION}", list.version);
            return Err(TrustError::Damaged { path, reason });
        }
        Ok(TrustStore { path, list })
    }

    /// Whether a file of this SHA-256 is trusted.
    pub fn contains(&self, sha256: &str) -> bool {
        self.list.plugins.contains_key(sha256)
    }

    /// Trusts a file as it is now, and remembers that on disk. Returns its SHA-256.
    pub fn trust(&mut self, plugin: &Path) -> Result<String, TrustError> {
        let read = |source| TrustError::Read { path: plugin.to_owned(), source };
        let path = plugin.canonicalize().map_err(read)?;
        let sha256 = file_sha256(&path).map_err(read)?;
        self.list.plugins.insert(sha256.clone(), path);
        self.save()?;
        Ok(sha256)
    }

    /// Trusts what has this SHA-256 and will lie at `path`, and remembers that on disk.
    pub(super) fn trust_as(&mut self, sha256: &str, path: &Path) -> Result<(), TrustError> {
        self.list.plugins.insert(sha256.to_owned(), path.to_owned());
        self.save()
    }

    /// Takes trust back. Returns whether there was any.
    pub fn distrust(&mut self, sha256: &str) -> Result<bool, TrustError> {
        let known = self.list.plugins.remove(sha256).is_some();
        if known {
            self.save()?;
        }
        Ok(known)
    }

    /// Writes a new file and moves it into place, so that the list is never half written.
    fn save(&self) -> Result<(), TrustError> {
        let write = || -> std::io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, &self.list)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        write().map_err(|source| TrustError::Write { path: self.path.clone(), source })
    }
}
