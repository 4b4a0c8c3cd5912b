//! `--mean --std --resize --crop --bgr --grey` as settings.

use std::collections::BTreeMap;

use super::args::PreprocessingArgs;

impl PreprocessingArgs {
    /// The settings that were given.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let texts =
            [("mean", &self.mean), ("std", &self.std), ("resize", &self.resize), ("crop", &self.crop)];
        for (key, value) in texts {
            if let Some(value) = value {
                settings.insert(key.to_owned(), value.clone());
            }
        }
        for (key, set) in [("bgr", self.bgr), ("grey", self.grey)] {
            if set {
                settings.insert(key.to_owned(), "true".to_owned());
            }
        }
        settings
    }
}
