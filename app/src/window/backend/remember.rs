//! Where the program remembers things: configuration in the user's configuration folder, sessions in the data folder.

use std::path::PathBuf;

use octet_engine::host::data_folder;

use super::{EngineBackend, ProjectBackend};
use crate::window::project::{Journal, Orphan, orphans};
use crate::window::settings::Settings;

/// `settings.json`; in the data folder when `OCTET_DATA_DIR` names one.
fn settings_file() -> Option<PathBuf> {
    match std::env::var_os("OCTET_DATA_DIR").filter(|v| !v.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder).join("settings.json")),
        None => directories::BaseDirs::new().map(|d| d.config_dir().join("octet/settings.json")),
    }
}

/// Name of the last session that ended in order.
const LAST: &str = "last.octet";

fn sessions() -> Option<PathBuf> {
    data_folder().map(|d| d.join("sessions"))
}

impl ProjectBackend for EngineBackend {
    fn settings(&self) -> Settings {
        settings_file().map_or_else(Settings::default, |file| Settings::read(&file))
    }

    fn save_settings(&self, settings: &Settings) {
        if let Some(file) = settings_file()
            && let Err(error) = settings.write(&file)
        {
            tracing::warn!("the window's settings cannot be kept: {error}: {}", file.display());
        }
    }

    fn journal(&self) -> Option<Journal> {
        let folder = sessions()?;
        match Journal::begin(&folder) {
            Ok(journal) => Some(journal),
            Err(error) => {
                tracing::warn!("there is no journal, a crash would lose work: {error}: {}", folder.display());
                None
            }
        }
    }

    fn orphans(&self) -> Vec<Orphan> {
        sessions().map_or_else(Vec::new, |folder| orphans(&folder))
    }

    fn last_session(&self) -> Option<Orphan> {
        let path = sessions()?.join(LAST);
        if !path.is_file() {
            return None;
        }
        match Orphan::read(path) {
            Ok(last) => Some(last).filter(|last| !last.project.is_empty()),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    fn end_journal(&self, journal: Journal) {
        if let Some(folder) = sessions() {
            journal.end(&folder.join(LAST));
        }
    }
}
