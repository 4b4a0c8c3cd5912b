//! What the user may choose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "finetune", extend("exponents" = "chooses"))]
pub(crate) struct Settings {
    /// Training steps of every block. More take longer and gain less and less.
    #[schemars(title = "Steps per block", range(min = 1, max = 100_000))]
    pub(crate) steps: u32,
    /// Part of the steps that trains thresholds (exponents); the rest trains how weights are rounded.
    #[schemars(title = "Share of thresholds", range(min = 0.0, max = 1.0))]
    pub(crate) threshold_share: f64,
    /// One picture in so many is held out to see when training stops helping. 0: none, when pictures are few.
    #[schemars(title = "Held out, one in", range(min = 0, max = 64))]
    pub(crate) held_out: u32,
    /// Pictures that a block is trained on at most; blocks with large activations take fewer.
    #[schemars(title = "Pictures", range(min = 1, max = 65536))]
    pub(crate) pictures: u32,
    /// Learning rate of the thresholds, in powers of two.
    #[schemars(title = "Rate of thresholds", range(min = 0.0, max = 1.0))]
    pub(crate) threshold_rate: f64,
    /// Learning rate of the rounding.
    #[schemars(title = "Rate of rounding", range(min = 0.0, max = 1.0))]
    pub(crate) rounding_rate: f64,
    /// Learning rate of biases, in steps of the output.
    #[schemars(title = "Rate of biases", range(min = 0.0, max = 1.0))]
    pub(crate) bias_rate: f64,
    /// How hard weights are pulled towards whole integers, against the error.
    #[schemars(title = "Regularization", range(min = 0.0, max = 1000.0))]
    pub(crate) regularization: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            steps: 200,
            threshold_share: 0.25,
            held_out: 8,
            pictures: 1024,
            threshold_rate: 0.01,
            rounding_rate: 0.02,
            bias_rate: 0.02,
            regularization: 2.0,
        }
    }
}
