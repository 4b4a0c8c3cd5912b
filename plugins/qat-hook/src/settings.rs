//! What the user may choose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "qat-hook", extend("exponents" = "needs"))]
pub(crate) struct Settings {
    /// Python with torch, numpy and safetensors that runs the ready script: a name on the path, or a file.
    #[schemars(title = "Python", extend("runs_program" = true))]
    pub(crate) python: String,
    /// Your own training: a command line, run inside the hand-over folder; OCTET_QAT_FOLDER names that folder too.
    /// Empty for the ready script.
    #[schemars(title = "Command", extend("runs_program" = true))]
    pub(crate) command: String,
    /// Training steps; 0 only writes the folder, runs the command and reads back.
    #[schemars(title = "Steps", range(min = 0, max = 1_000_000))]
    pub(crate) steps: u32,
    /// Adam's step width for weights and biases.
    #[schemars(title = "Learning rate", range(min = 0.0, max = 1.0))]
    pub(crate) learning_rate: f64,
    /// Pictures per step.
    #[schemars(title = "Batch size", range(min = 1, max = 4096))]
    pub(crate) batch_size: u32,
    /// Fraction of the pictures that is not trained on and decides which step was the best.
    #[schemars(title = "Held-out part", range(min = 0.0, max = 0.9))]
    pub(crate) held_out: f64,
    /// Start of the random order of pictures.
    #[schemars(title = "Seed", range(min = 0, max = 1_000_000_000))]
    pub(crate) seed: u32,
    /// Calibration pictures that are handed over at most, evenly spread over all of them.
    #[schemars(title = "Pictures", range(min = 1, max = 100_000))]
    pub(crate) max_pictures: u32,
    /// CSV `file,class_index` of the calibration pictures; empty to train on the float model's scores alone.
    #[schemars(title = "Labels")]
    pub(crate) labels: String,
    /// Minutes after which the command is asked to stop, and a minute later ended.
    #[schemars(title = "Time limit", range(min = 1, max = 100_000))]
    pub(crate) timeout_minutes: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            python: "python3".to_owned(),
            command: String::new(),
            steps: 200,
            learning_rate: 1e-5,
            batch_size: 16,
            held_out: 0.2,
            seed: 0,
            max_pictures: 512,
            labels: String::new(),
            timeout_minutes: 240,
        }
    }
}
