//! What the window asks for about the inspector and the picture that is tried.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use octet_engine::job::Cancel;
use octet_engine::probe::{
    ActivationFigures, FeatureMaps, Probe, ProbeError, Scatter, TriedPicture, WeightFigures,
};

use super::EngineBackend;
use super::engine::problem;
use crate::key;
use crate::window::state::{Place, Problem};

/// The part of the [`Backend`](super::Backend) about the inspector and the picture that is tried. Without an
/// implementation nothing of it is there. A run is named by its folder, or by the `report.json` in it.
pub trait InspectBackend {
    /// Opens a run, which others may wait for, before something is asked about it. False when nobody wants it any more once
    /// it is its turn.
    fn open_run(&self, _run: &Path, _is_obsolete: &dyn Fn() -> bool) -> Result<bool, Problem> {
        Ok(true)
    }
    /// Weights of an operation; the histogram is of one output channel, or of all.
    fn weights(
        &self,
        _run: &Path,
        _operation: &str,
        _channel: Option<usize>,
    ) -> Result<WeightFigures, Problem> {
        Err(nothing())
    }
    /// What an operation leaves, over pictures of the run.
    fn activations(&self, _run: &Path, _operation: &str) -> Result<ActivationFigures, Problem> {
        Err(nothing())
    }
    /// The run's pictures that are still there.
    fn run_pictures(&self, _run: &Path) -> Result<Vec<PathBuf>, Problem> {
        Err(nothing())
    }
    /// Float against quantized on a picture; `None` for the run's first.
    fn scatter(&self, _run: &Path, _operation: &str, _picture: Option<&Path>) -> Result<Scatter, Problem> {
        Err(nothing())
    }
    /// Feature maps on a picture; `None` for the run's first.
    fn maps(
        &self,
        _run: &Path,
        _operation: &str,
        _picture: Option<&Path>,
        _channels: Range<usize>,
    ) -> Result<FeatureMaps, Problem> {
        Err(nothing())
    }
    /// What both networks say to a picture.
    fn try_picture(&self, _run: &Path, _picture: &Path) -> Result<TriedPicture, Problem> {
        Err(nothing())
    }
}

fn nothing() -> Problem {
    Problem::new(Place::Run, key!("This run cannot be looked into"), "")
}

/// How often something is asked again that was cancelled for another run's sake.
const ATTEMPTS: usize = 3;

/// The run that was looked into last. Opening it takes about a second, so that threads wait for each other.
#[derive(Debug, Default)]
pub(super) struct Probes(Mutex<Option<Opened>>);

#[derive(Debug)]
struct Opened {
    run: PathBuf,
    /// When its report was written.
    written: Option<SystemTime>,
    probe: Arc<Probe>,
    cancel: Cancel,
}

impl Probes {
    /// `None` when it became obsolete while others had the lock: opening it would only close what is wanted now.
    fn open(
        &self,
        run: &Path,
        is_obsolete: &dyn Fn() -> bool,
    ) -> Result<Option<(Arc<Probe>, Cancel)>, ProbeError> {
        let report = if run.is_dir() { run.join("report.json") } else { run.to_owned() };
        let written = std::fs::metadata(report).and_then(|m| m.modified()).ok();
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_obsolete() {
            return Ok(None);
        }
        if let Some(o) = opened.as_ref().filter(|o| o.run == run && o.written == written) {
            return Ok(Some((Arc::clone(&o.probe), o.cancel.clone())));
        }
        if let Some(old) = opened.take() {
            old.cancel.cancel();
        }
        let (probe, cancel) = (Arc::new(Probe::open(run)?), Cancel::default());
        let new = Opened { run: run.to_owned(), written, probe: Arc::clone(&probe), cancel: cancel.clone() };
        *opened = Some(new);
        Ok(Some((probe, cancel)))
    }
}

impl EngineBackend {
    fn probe(&self, run: &Path) -> Result<(Arc<Probe>, Cancel), Problem> {
        let opened = self.probes.open(run, &|| false).and_then(|o| o.ok_or(ProbeError::Cancelled));
        opened.map_err(unopened)
    }
}

fn unopened(error: ProbeError) -> Problem {
    problem(Place::Run, key!("This run cannot be looked into"), error)
}

fn failed(error: ProbeError) -> Problem {
    let title = match &error {
        ProbeError::Picture { .. } => key!("This picture cannot be used"),
        ProbeError::NoPictures { .. } => key!("The run's pictures are gone"),
        ProbeError::OneSided(_) => key!("Nothing to compare"),
        _ => key!("This cannot be looked at"),
    };
    problem(Place::Run, title, error)
}

/// The chosen picture, or the run's first.
fn picture_of(probe: &Probe, chosen: Option<&Path>) -> Result<PathBuf, Problem> {
    let gone = || {
        let folders = probe.report().calibration.folders.join(", ");
        failed(ProbeError::NoPictures { folders })
    };
    let first = || probe.pictures().first().cloned();
    chosen.map(Path::to_owned).or_else(first).ok_or_else(gone)
}

impl InspectBackend for EngineBackend {
    fn open_run(&self, run: &Path, is_obsolete: &dyn Fn() -> bool) -> Result<bool, Problem> {
        Ok(self.probes.open(run, is_obsolete).map_err(unopened)?.is_some())
    }

    fn weights(&self, run: &Path, operation: &str, channel: Option<usize>) -> Result<WeightFigures, Problem> {
        self.probe(run)?.0.weights(operation, channel).map_err(failed)
    }

    fn activations(&self, run: &Path, operation: &str) -> Result<ActivationFigures, Problem> {
        // A question about another run that came between has closed this one.
        for _ in 0..ATTEMPTS {
            let (probe, cancel) = self.probe(run)?;
            match probe.activations(operation, &cancel) {
                Err(ProbeError::Cancelled) => {}
                answer => return answer.map_err(failed),
            }
        }
        Err(failed(ProbeError::Cancelled))
    }

    fn run_pictures(&self, run: &Path) -> Result<Vec<PathBuf>, Problem> {
        Ok(self.probe(run)?.0.pictures().to_vec())
    }

    fn scatter(&self, run: &Path, operation: &str, picture: Option<&Path>) -> Result<Scatter, Problem> {
        let (probe, _) = self.probe(run)?;
        probe.scatter(operation, &picture_of(&probe, picture)?).map_err(failed)
    }

    fn maps(
        &self,
        run: &Path,
        operation: &str,
        picture: Option<&Path>,
        channels: Range<usize>,
    ) -> Result<FeatureMaps, Problem> {
        let (probe, _) = self.probe(run)?;
        probe.maps(operation, &picture_of(&probe, picture)?, channels).map_err(failed)
    }

    fn try_picture(&self, run: &Path, picture: &Path) -> Result<TriedPicture, Problem> {
        self.probe(run)?.0.try_picture(picture, None).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_nobody_wants_any_more_is_not_opened() {
        let probes = Probes::default();
        assert!(probes.open(Path::new("/no such run"), &|| true).unwrap().is_none());
        assert!(probes.open(Path::new("/no such run"), &|| false).is_err());
    }
}
