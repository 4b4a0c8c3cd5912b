//! What the user may choose.

use octet_plugin_api::observer::pot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "equalization", extend("exponents" = "leaves"))]
pub(crate) struct Settings {
    /// How channels are equalized across layers.
    #[schemars(title = "Equalization")]
    pub(crate) mode: Mode,
    /// Classic: how often it goes over all pairs of layers; it settles after a few rounds.
    #[schemars(title = "Iterations", range(min = 1, max = 100))]
    pub(crate) iterations: u32,
    /// Classic: channels are left alone whose largest weights before and behind add up to less; 0 equalizes all.
    #[schemars(title = "Value threshold", range(min = 0.0, max = 100.0))]
    pub(crate) value_threshold: f32,
    /// 1: across ReLU and pooling. 2: across Add too.
    #[schemars(title = "Level", range(min = 1, max = 2))]
    pub(crate) opt_level: u32,
    /// Layers to equalize with what follows them: names or patterns such as *features.1/*, separated by commas. Empty: all.
    #[schemars(title = "Layers", extend("format" = "patterns"))]
    pub(crate) interested_layers: String,
    /// Layers whose weights the equalization leaves alone: names or patterns, separated by commas.
    #[schemars(title = "Never", extend("format" = "patterns"))]
    pub(crate) except: String,
    /// Classic: which ReLU6 becomes ReLU; the log tells how far that changes the float network.
    #[schemars(title = "ReLU6 to ReLU")]
    pub(crate) relu6: Relu6,
    /// Move what ReLU never cuts of biases into the layers behind. For shifts by rounding see bias_correction of int8.
    #[schemars(title = "Absorb high biases")]
    pub(crate) absorb_biases: bool,
    /// Scale activations as a whole so that powers of two fit them best. Changes nothing in the float network.
    #[schemars(title = "Fit scales")]
    pub(crate) fit_scales: bool,
    /// What clipping activations counts against rounding when scales are fitted: best as in int8, whose choice it foresees.
    #[schemars(title = "Fit: weight of clipping", range(min = 0.0, max = 16.0))]
    pub(crate) clip_weight: f64,
    /// What noise in weights counts against noise in activations when scales are fitted; 0 looks at activations alone.
    #[schemars(title = "Fit: weight of the weights", range(min = 0.0, max = 1000.0))]
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
            except: String::new(),
            relu6: Relu6::default(),
            absorb_biases: false,
            fit_scales: true,
            clip_weight: pot::CLIP_WEIGHT,
            // The least noise on calibration pictures with MobileNetV2, on both kinds of chips.
            weights_weight: 0.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Noise of activations and weights together is smallest, by what calibration pictures show. ReLU6 stays.
    #[default]
    Balance,
    /// As the paper and ESP-PPQ: weights before and behind reach equally far. ReLU6 becomes ReLU.
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
