//! What the user may choose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "mixed precision", extend("exponents" = "needs"))]
pub(crate) struct Settings {
    /// Operations in 16 bits: names or patterns such as *features.1/*, separated by commas. Empty: the search chooses.
    #[schemars(title = "16-bit layers", extend("format" = "patterns"))]
    pub(crate) layers: String,
    /// Operations that the search leaves in 8 bits: names or patterns, separated by commas.
    #[schemars(title = "Never", extend("format" = "patterns"))]
    pub(crate) except: String,
    /// Whether operations are searched for; auto: when none is named.
    #[schemars(title = "Search")]
    pub(crate) search: Search,
    /// The search may add so much to the estimated time of an inference; 0 for no limit.
    #[schemars(title = "Extra time, %", range(min = 0.0, max = 1000.0))]
    pub(crate) max_extra_time_percent: f64,
    /// The same in milliseconds; 0 for no limit.
    #[schemars(title = "Extra time, ms", range(min = 0.0, max = 100_000.0))]
    pub(crate) max_extra_time_ms: f64,
    /// The search may add so much to the model file; 0 for no limit.
    #[schemars(title = "Extra flash, KiB", range(min = 0.0, max = 1_000_000.0))]
    pub(crate) max_extra_flash_kib: f64,
    /// The search may add so much to the memory of activations; 0 for no limit.
    #[schemars(title = "Extra arena, KiB", range(min = 0.0, max = 1_000_000.0))]
    pub(crate) max_extra_arena_kib: f64,
    /// The search ends when the scores' noise:signal is this low; 0 to use the budget up.
    #[schemars(title = "Target noise, %", range(min = 0.0, max = 100.0))]
    pub(crate) target_noise_percent: f64,
    /// The search ends when so many pictures keep their class; 0 to use the budget up.
    #[schemars(title = "Target agreement, %", range(min = 0.0, max = 100.0))]
    pub(crate) target_agreement_percent: f64,
    /// Calibration pictures that each trial is scored on.
    #[schemars(title = "Pictures", range(min = 1, max = 4096))]
    pub(crate) pictures: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            layers: String::new(),
            except: String::new(),
            search: Search::default(),
            max_extra_time_percent: 5.0,
            max_extra_time_ms: 0.0,
            max_extra_flash_kib: 0.0,
            max_extra_arena_kib: 0.0,
            target_noise_percent: 0.0,
            target_agreement_percent: 0.0,
            pictures: 32,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Search {
    /// When no operation is named.
    #[default]
    Auto,
    /// Also on top of the named ones.
    On,
    /// Never.
    Off,
}

impl Settings {
    /// Whether the search runs.
    pub(crate) fn searches(&self) -> bool {
        match self.search {
            Search::Auto => self.layers.trim().is_empty(),
            Search::On => true,
            Search::Off => false,
        }
    }
}
