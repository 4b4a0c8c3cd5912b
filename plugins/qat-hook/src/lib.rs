//! The way into a user's own training and back.
//!
//! The plugin writes a folder with the network, the plan and the pictures in formats that any framework reads
//! (`docs/qat.md`), runs a command in it, by default the PyTorch script that it puts there, and takes trained weights
//! and exponents from the files that the command leaves. Whatever it takes is checked first.

mod answer;
#[cfg(test)]
mod answer_tests;
mod command;
mod folder;
mod formats;
mod labels;
mod model;
mod output;
mod pictures;
mod plan_file;
mod protocol;
mod settings;
#[cfg(test)]
mod test_model;
mod training;
#[cfg(test)]
mod training_tests;
mod tree;

use std::path::Path;
use std::time::Duration;

use answer::Answer;
use command::CommandLine;
use folder::Folder;
use labels::Labels;
use model::Model;
use octet_plugin_api::sdk::{Error, ExportKind, Host, Info, Log, Strategy};
use settings::Settings;
use training::{Follower, Patience};

/// How long a training may take to finish after it was asked to.
const STOP_GRACE: Duration = Duration::from_secs(60);

struct QatHook;

impl Strategy for QatHook {
    const INFO: Info = Info {
        id: "dev.octet.qat-hook",
        name: "qat-hook",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Quantization-aware training in a framework of your own: hands the plan over, runs a training \
                      (PyTorch by default) and takes weights and exponents back. Put int8 before it.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "handing the plan over")?;
        let model = Model::of(host)?;
        let labels = match settings.labels.trim() {
            "" => None,
            path => Some(Labels::read(Path::new(path))?),
        };
        let folder = Folder::new(host.job_folder()?.into());
        let line = CommandLine::new(settings, &folder)?;
        folder.write_model(&model)?;
        host.export_model(ExportKind::Float, "model.float.onnx")?;
        host.export_model(ExportKind::Qdq, "model.qdq.onnx")?;
        let scores = formats::Formats::new(&model).scores();
        pictures::write(host, &model, scores, labels.as_ref(), settings.max_pictures, &folder)?;
        host.log(Log::Info, &format!("training in `{}`: {}", folder.path().display(), line.shown()));
        let limit = Duration::from_secs(60 * u64::from(settings.timeout_minutes));
        let patience = Patience { limit, grace: STOP_GRACE };
        training::run(&line, &folder, patience, &mut OfHost { host, points_refused: false })?;
        host.progress(0.96, "taking the result")?;
        let answer = Answer::read(&folder, &model)?;
        apply(&answer, &model, host)?;
        host.progress(1.0, "done")
    }
}

/// Puts an answer into the draft. An answer without changes leaves the draft as it is, byte for byte.
fn apply(answer: &Answer, model: &Model, host: &mut Host<'_>) -> Result<(), Error> {
    if answer.is_empty() {
        host.log(Log::Info, "the training changed nothing; the plan stays as it was");
        return Ok(());
    }
    for (&tensor, values) in &answer.weights {
        // The float network stays what it was: errors are measured against it.
        host.correct_weights(tensor, values)?;
    }
    for (&index, exponents) in &answer.exponents {
        if let Some(decided) = model.slots.get(index) {
            host.set_exponents(decided.slot.tensor, decided.slot.bits, exponents)?;
        }
    }
    host.log(
        Log::Info,
        &format!(
            "the training changed {} of {} weights and biases, and the exponents of {} of {} tensors",
            answer.weights.len(),
            model.trainable().len(),
            answer.exponents.len(),
            model.slots.len()
        ),
    );
    for finding in host.complete(true)? {
        let level = if finding.ends_with("(done)") { Log::Info } else { Log::Warning };
        host.log(level, &finding);
    }
    Ok(())
}

/// The host as the one who follows a training.
struct OfHost<'r, 'h> {
    host: &'r mut Host<'h>,
    points_refused: bool,
}

impl Follower for OfHost<'_, '_> {
    fn cancelled(&mut self) -> Result<(), Error> {
        self.host.cancelled()
    }

    fn finish_early(&mut self) -> Result<bool, Error> {
        self.host.finish_early()
    }

    fn progress(&mut self, fraction: f32, words: &str) -> Result<(), Error> {
        let words = if words.is_empty() { "training" } else { words };
        self.host.progress(0.05 + 0.9 * fraction, words)
    }

    fn point(&mut self, curve: &str, x: f64, y: f64) {
        // A curve that the report cannot hold is no reason to end a training.
        if let (false, Err(error)) = (self.points_refused, self.host.point(curve, x, y)) {
            self.points_refused = true;
            self.warning(&error.to_string());
        }
    }

    fn line(&mut self, text: &str) {
        self.host.log(Log::Info, text);
    }

    fn warning(&mut self, text: &str) {
        self.host.log(Log::Warning, text);
    }
}

octet_plugin_api::export_strategy!(QatHook);
