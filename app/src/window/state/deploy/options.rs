//! What is chosen for a deployment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use octet_engine::deploy::{BuildRequest, DeployRequest, Flavour, GenerateRequest, ModelPlace};

/// Speeds that are offered.
pub const BAUDS: [u32; 7] = [115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000, 3_000_000];
/// A board that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The choices; the defaults are those of `octet deploy`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployOptions {
    /// The port as it was chosen or typed; empty for the only board.
    pub port: String,
    /// What executes the model.
    pub flavour: Flavour,
    /// Where the model lies.
    pub model_place: ModelPlace,
    /// External RAM; `None`: as the activations need it.
    pub psram: Option<bool>,
    /// Write the model's partition alone.
    pub model_only: bool,
    /// Leave the modem lines alone.
    pub no_reset: bool,
    /// Compare the board's tensors in the end.
    pub verify: bool,
    /// Speed of flashing.
    pub baud: u32,
    /// Speed of the console.
    pub console_baud: u32,
    /// Folder of ESP-IDF as it was typed; empty for the first that is found.
    pub idf: String,
    /// File with the names of the classes as it was typed; empty for those of the calibration pictures.
    pub names: String,
    /// Test pictures to take in.
    pub pictures: usize,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            port: String::new(),
            flavour: Flavour::Octet,
            model_place: ModelPlace::Partition,
            psram: None,
            model_only: false,
            no_reset: false,
            verify: true,
            baud: 921_600,
            console_baud: 115_200,
            idf: String::new(),
            names: String::new(),
            pictures: 3,
        }
    }
}

impl DeployOptions {
    /// Test pictures that fit, at most.
    pub const MAX_PICTURES: usize = 16;

    /// The chosen port.
    pub fn port(&self) -> Option<&str> {
        Some(self.port.trim()).filter(|port| !port.is_empty())
    }

    /// The request for a run.
    pub fn request(&self, run: &Path) -> DeployRequest {
        let path = |text: &str| Some(text.trim()).filter(|t| !t.is_empty()).map(PathBuf::from);
        DeployRequest {
            generate: GenerateRequest {
                run: run.to_owned(),
                out: None,
                target: None,
                flavour: self.flavour,
                model_place: self.model_place,
                names: path(&self.names),
                pictures: self.pictures.min(Self::MAX_PICTURES),
                p4_below_revision_3: false,
                psram: self.psram,
                afresh: false,
            },
            build: BuildRequest { idf: path(&self.idf), trust: false },
            port: self.port().map(str::to_owned),
            baud: self.baud,
            console_baud: self.console_baud,
            no_reset: self.no_reset,
            model_only: self.model_only,
            verify: self.verify,
            patience: PATIENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_trimmed_and_empty_fields_choose_by_themselves() {
        let options =
            DeployOptions { port: " /dev/ttyÜ0 ".to_owned(), idf: "  ".to_owned(), ..Default::default() };
        let request = options.request(Path::new("/läufe/猫"));
        assert_eq!(request.port.as_deref(), Some("/dev/ttyÜ0"));
        assert_eq!((request.build.idf, request.generate.names), (None, None));
        assert_eq!(request.generate.run, Path::new("/läufe/猫"));
        assert_eq!(DeployOptions::default().request(Path::new("r")).port, None);
    }
}
