//! What is chosen for a deployment.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use octet_engine::deploy::{
    BuildRequest, ChipFacts, DeployRequest, Flavour, GenerateRequest, MAX_TEST_PICTURES, ModelPlace, Psram,
};
use serde::{Deserialize, Serialize};

use super::UsbBoard;

/// Speeds that are offered.
pub const BAUDS: [u32; 7] = [115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000, 3_000_000];
/// Speeds that a file may name.
const SPEEDS: RangeInclusive<u32> = 9600..=6_000_000;
/// A board that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The choices; the defaults are those of `octet deploy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployOptions {
    /// The port as it was chosen or typed; empty for the only board.
    pub port: String,
    /// The board that was chosen by its port, where it is a USB device.
    pub board: Option<UsbBoard>,
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
    /// The ESP32-P4 is older than revision 3; what a board says of itself counts instead, where one is asked.
    pub p4_below_revision_3: bool,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            port: String::new(),
            board: None,
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
            p4_below_revision_3: false,
        }
    }
}

impl DeployOptions {
    /// Test pictures that fit, at most.
    pub const MAX_PICTURES: usize = MAX_TEST_PICTURES;

    /// What is remembered for the next start: what belongs to the desk. The names of the classes and that only the model
    /// changed belong to a run; the port of a board is whatever the board gets then.
    pub fn kept(&self) -> Self {
        let port = if self.board.is_some() { String::new() } else { self.port.trim().to_owned() };
        Self { port, names: String::new(), model_only: false, ..self.clone() }
    }

    /// What was read from a file, within what is possible.
    pub fn tamed(mut self) -> Self {
        self.baud = self.baud.clamp(*SPEEDS.start(), *SPEEDS.end());
        self.console_baud = self.console_baud.clamp(*SPEEDS.start(), *SPEEDS.end());
        self.pictures = self.pictures.min(Self::MAX_PICTURES);
        self
    }

    /// The choices as this chip can have them: what is remembered may have been chosen for another one.
    pub fn for_chip(&self, chip: Option<&ChipFacts>) -> Self {
        let mut options = self.clone();
        if chip.is_some_and(|chip| !chip.esp_dl) {
            options.flavour = Flavour::Octet;
        }
        if chip.is_some_and(|chip| chip.psram == Psram::None) && options.psram == Some(true) {
            options.psram = None;
        }
        options.p4_below_revision_3 &= chip.is_some_and(|chip| chip.name == "esp32p4");
        options
    }

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
                p4_below_revision_3: self.p4_below_revision_3,
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
            until_built: false,
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

    #[test]
    fn what_belongs_to_a_run_is_not_remembered() {
        let board = UsbBoard { vid: 0x10c4, pid: 0xea60, serial_number: Some("1".to_owned()) };
        let options = DeployOptions {
            port: "/dev/ttyUSB0".to_owned(),
            board: Some(board.clone()),
            names: "/names.txt".to_owned(),
            model_only: true,
            baud: 460_800,
            psram: Some(true),
            ..Default::default()
        };
        let text = serde_json::to_string(&options.kept()).unwrap();
        let kept: DeployOptions = serde_json::from_str(&text).unwrap();
        assert_eq!((kept.port.as_str(), kept.names.as_str(), kept.model_only), ("", "", false));
        assert_eq!((kept.board, kept.baud, kept.psram), (Some(board), 460_800, Some(true)));
        let typed = DeployOptions { port: " /dev/größe ".to_owned(), ..Default::default() };
        assert_eq!(typed.kept().port, "/dev/größe");
    }

    #[test]
    fn what_a_chip_cannot_have_is_left_out_for_it_alone() {
        let options = DeployOptions {
            psram: Some(true),
            flavour: Flavour::EspDl,
            p4_below_revision_3: true,
            ..DeployOptions::default()
        };
        let for_chip = |name: &str| {
            let fitted = options.for_chip(ChipFacts::by_name(name));
            (fitted.psram, fitted.flavour, fitted.p4_below_revision_3)
        };
        assert_eq!(for_chip("esp32c3"), (None, Flavour::Octet, false));
        assert_eq!(for_chip("esp32p4"), (Some(true), Flavour::EspDl, true));
        let of_no_run = DeployOptions { p4_below_revision_3: false, ..options.clone() };
        assert_eq!(options.for_chip(None), of_no_run);
    }

    #[test]
    fn wild_numbers_of_a_file_are_tamed() {
        let read: DeployOptions = serde_json::from_str(r#"{"baud": 1, "pictures": 900, "new": 1}"#).unwrap();
        let tamed = read.tamed();
        assert_eq!((tamed.baud, tamed.console_baud), (9600, 115_200));
        assert_eq!(tamed.pictures, DeployOptions::MAX_PICTURES);
    }
}
