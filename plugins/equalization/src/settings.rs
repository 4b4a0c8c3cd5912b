//! What the user may choose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "equalization")]
pub(crate) struct Settings {
    /// How channels are equalized across layers.
    #[schemars(title = "Equalization")]
    pub(crate) mode: Mode,
    /// How often the classic equalization goes over all pairs of layers.
    #[schemars(title = "Iterations", range(min = 1, max = 100))]
    pub(crate) iterations: u32,
    /// The classic equalization leaves channels alone whose largest weights before and behind add up to less.
    #[schemars(title = "Value threshold", range(min = 0.0, max = 100.0))]
    pub(crate) value_threshold: f32,
    /// 1: across ReLU and pooling. 2: across Add too.
    #[schemars(title = "Level", range(min = 1, max = 2))]
    pub(crate) opt_level: u32,
    /// Names of layers to equalize, separated by commas; * and ? stand for any text and any character. Empty: all.
    #[schemars(title = "Layers")]
    pub(crate) interested_layers: String,
    /// Which ReLU6 the classic equalization turns into ReLU.
    #[schemars(title = "ReLU6 to ReLU")]
    pub(crate) relu6: Relu6,
    /// Scale whole activations so that powers of two fit them best. Changes nothing in the float network.
    #[schemars(title = "Fit scales")]
    pub(crate) fit_scales: bool,
    pub(crate) clip_weight: f64,
    pub(crate) weights_weight: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mode: Mode::default(),
            iterations: 4,
            value_threshold: 0.4,
            opt_level: 2,
            interested_layers: String::new(),
            relu6: Relu6::default(),
            fit_scales: true,
            clip_weight: 0.5,
            weights_weight: 1.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// As the paper and ESP-PPQ: weights before and behind reach equally far.
    #[default]
    Classic,
    /// Channels are left as they are.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Relu6 {
    /// Those between equalized layers.
    #[default]
    Between,
    /// All of them, as Espressif's recipe does.
    All,
    /// None; equalization then stops there.
    Keep,
}
