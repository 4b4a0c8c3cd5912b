//! What the window remembers from one start to the next.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::state::{DeployOptions, Language, ThemeChoice};

/// Files that are remembered.
const MOST_RECENT: usize = 12;
/// Smallest and largest scale of the window.
pub const SCALES: std::ops::RangeInclusive<f32> = 0.6..=2.5;

/// Width and height of the window at first, in points.
const SIZE: [f32; 2] = [1360.0, 860.0];
/// The smallest and the largest window.
pub const SMALLEST: [f32; 2] = [820.0, 520.0];
const LARGEST: [f32; 2] = [7680.0, 4320.0];

/// The settings, as `settings.json` in the user's configuration folder has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dark, light or as the system.
    pub theme: ThemeChoice,
    /// The language of the window.
    pub language: Language,
    /// Scale of everything, 1 is as the system says.
    pub scale: f32,
    /// Models, projects and runs that were opened, newest first.
    pub recent: Vec<PathBuf>,
    /// Width and height of the window at the end, in points of the scale 1.
    pub size: Option<[f32; 2]>,
    /// Where the panels are, as the docking library writes it.
    pub layout: Option<serde_json::Value>,
    /// What is chosen in the Deploy sheet.
    #[serde(deserialize_with = "deploy_or_default")]
    pub deploy: DeployOptions,
}

/// A value that a deployment cannot have costs the sheet's choices alone, not all settings.
fn deploy_or_default<'de, D: Deserializer<'de>>(from: D) -> Result<DeployOptions, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_else(|error| {
        tracing::warn!("what was chosen in the Deploy sheet is damaged and starts anew: {error}");
        DeployOptions::default()
    }))
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            language: Language::of_system(),
            scale: 1.0,
            recent: Vec::new(),
            size: None,
            layout: None,
            deploy: DeployOptions::default(),
        }
    }
}

impl Settings {
    /// Puts a file on top of those that were opened.
    pub fn opened(&mut self, path: &Path) {
        self.recent.retain(|p| p != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(MOST_RECENT);
    }

    /// Width and height of the window at the start, in points.
    pub fn window_size(&self) -> [f32; 2] {
        let is_sensible = |size: &[f32; 2]| size.iter().all(|side| side.is_finite());
        let [width, height] = self.size.filter(is_sensible).unwrap_or(SIZE);
        [width.clamp(SMALLEST[0], LARGEST[0]), height.clamp(SMALLEST[1], LARGEST[1])]
    }

    /// Reads the settings; what cannot be read is logged and the default.
    pub fn read(path: &Path) -> Self {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!("the window's settings cannot be read: {error}: {}", path.display());
                }
                return Self::default();
            }
        };
        let mut settings: Settings = serde_json::from_str(&text).unwrap_or_else(|error| {
            // The next change writes new ones; what was there stays beside them.
            let aside = path.with_extension("damaged.json");
            let place = match fs::rename(path, &aside) {
                Ok(()) => format!("what was there is {} now", aside.display()),
                Err(failed) => format!("what was there cannot be put aside as {}: {failed}", aside.display()),
            };
            tracing::warn!(
                "the window's settings are damaged and start anew: {error}: {}; {place}",
                path.display()
            );
            Self::default()
        });
        if !settings.scale.is_finite() {
            settings.scale = 1.0;
        }
        settings.scale = settings.scale.clamp(*SCALES.start(), *SCALES.end());
        settings.recent.truncate(MOST_RECENT);
        settings.deploy = settings.deploy.tamed();
        settings
    }

    /// Writes the settings in one piece.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)? + "\n";
        super::project::write_text(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new folder/settings.json");
        let mut settings = Settings { scale: 1.25, language: Language::Chinese, ..Settings::default() };
        settings.opened(Path::new("/a.onnx"));
        settings.write(&file).unwrap();
        assert_eq!(Settings::read(&file), settings);
    }

    #[test]
    fn damaged_settings_start_anew_and_wild_ones_are_tamed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings.json");
        fs::write(&file, "{").unwrap();
        assert_eq!(Settings::read(&file), Settings::default());
        fs::write(&file, "{\"scale\": 1e9, \"unknown\": 1}").unwrap();
        assert_eq!(Settings::read(&file).scale, *SCALES.end());
    }

    #[test]
    fn damaged_choices_of_the_deploy_sheet_cost_no_other_settings() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings.json");
        let read = |deploy: &str| {
            let text = format!(r#"{{"scale": 1.25, "recent": ["/größe.onnx"], "deploy": {deploy}}}"#);
            fs::write(&file, text).unwrap();
            let settings = Settings::read(&file);
            assert_eq!(settings.scale, 1.25, "{deploy}");
            assert_eq!(settings.recent, [Path::new("/größe.onnx")], "{deploy}");
            settings.deploy
        };
        for damaged in [
            r#"{"pictures": -1}"#,
            r#"{"baud": 5000000000}"#,
            r#"{"flavour": "unknown"}"#,
            "null",
            "[1]",
            "7",
        ] {
            assert_eq!(read(damaged), DeployOptions::default(), "{damaged}");
        }
        assert_eq!(read(r#"{"pictures": 5}"#).pictures, 5);
    }

    #[test]
    fn the_window_is_as_large_as_it_was_within_reason() {
        let size = |size| Settings { size, ..Settings::default() }.window_size();
        assert_eq!(size(None), SIZE);
        assert_eq!(size(Some([1000.0, 700.0])), [1000.0, 700.0]);
        assert_eq!(size(Some([1.0, 1e9])), [SMALLEST[0], LARGEST[1]]);
        assert_eq!(size(Some([f32::NAN, 700.0])), SIZE);
    }

    #[test]
    fn recent_files_are_each_listed_once_and_not_for_ever() {
        let mut settings = Settings::default();
        for i in 0..40 {
            settings.opened(Path::new(&format!("/{}.onnx", i % 20)));
        }
        assert_eq!(settings.recent.len(), MOST_RECENT);
        assert_eq!(settings.recent[0], Path::new("/19.onnx"));
    }
}
