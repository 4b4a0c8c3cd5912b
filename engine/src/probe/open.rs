//! Opening a run folder, whose files may be anybody's.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use octet_runtime::Simulator;

use super::inference::Inferences;
use super::{Labels, Probe, ProbeError, shown};
use crate::draft::NamedDraft;
use crate::network::{Network, NodeId, TensorId};
use crate::onnx;
use crate::pictures::Preprocessing;
use crate::predict::{PredictError, read_file};
use crate::report::Report;
use crate::run::{self, FLOAT_MODEL};
use crate::target::TargetSpec;

/// Largest `plan.json` that is read.
const MAX_PLAN_BYTES: u64 = 64 << 20;

impl Probe {
    /// Opens a run folder, or its `report.json`.
    ///
    /// # Errors
    /// A file is missing or damaged, or they do not belong together.
    pub fn open(run: &Path) -> Result<Self, ProbeError> {
        let folder = match run.is_dir() {
            true => run.to_owned(),
            false => run.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let report = run::read_report(run)?;
        let target = TargetSpec::by_name(&report.target)
            .ok_or_else(|| ProbeError::Mismatch(format!("there is no target `{}`", report.target)))?;
        let plan: NamedDraft = run::read_json(&folder.join("plan.json"), MAX_PLAN_BYTES)?;
        let network = float_network(&folder, &report, &plan)?;
        let simulator = simulator(&folder.join("model.espdl"), target)?;
        let preprocessing = preprocessing(&network, &report)?;
        let observed = observed(&network, &plan)?;
        let outputs = network.tensor(network.output).len();
        if simulator.output().elements() != outputs {
            let found = simulator.output().elements();
            return Err(ProbeError::Mismatch(format!("{outputs} scores before, {found} after")));
        }
        let labels = Labels::find(Path::new(&report.model.path), &network, outputs);
        Ok(Probe {
            pictures: pictures(&report),
            report,
            plan,
            target,
            network,
            simulator,
            preprocessing,
            labels,
            observed,
            inferences: Mutex::new(Inferences::default()),
            activations: Mutex::new(None),
        })
    }
}

/// The network that the run's errors are measured against.
fn float_network(folder: &Path, report: &Report, plan: &NamedDraft) -> Result<Network, ProbeError> {
    let own = folder.join(FLOAT_MODEL);
    if own.exists() {
        return Ok(onnx::open(&own)?.network);
    }
    let changed = !plan.changed_weights.is_empty() || plan.nodes.iter().any(|n| n.relu_for_clip);
    if changed {
        return Err(ProbeError::NoFloatModel { path: own });
    }
    let path = PathBuf::from(&report.model.path);
    let opened = onnx::open(&path)?;
    match opened.sha256 == report.model.sha256 {
        true => Ok(opened.network),
        false => Err(ProbeError::ModelChanged { path }),
    }
}

fn simulator(path: &Path, target: &TargetSpec) -> Result<Simulator, ProbeError> {
    let bytes = read_file(path)?;
    let failed = |reason| ProbeError::Quantized(PredictError::Espdl { path: path.to_owned(), reason });
    Simulator::new(bytes.into(), Some(target.target)).map_err(|e| failed(e.to_string()))
}

/// As in the run: its own settings, which older reports lack, on top of the model's.
fn preprocessing(network: &Network, report: &Report) -> Result<Preprocessing, ProbeError> {
    Ok(Preprocessing::of_network(network, &report.preprocessing_settings)?)
}

/// As the graphwise analysis has it: operations but those that move integers or are fused into another.
fn observed(network: &Network, plan: &NamedDraft) -> Result<Vec<(NodeId, TensorId)>, ProbeError> {
    let find = |name: &str| {
        let missing = || ProbeError::Mismatch(format!("the model has no operation `{name}` of plan.json"));
        network.find_node(name).ok_or_else(missing)
    };
    let fused: Vec<&str> = plan.nodes.iter().filter_map(|n| n.activation.as_deref()).collect();
    let mut observed = Vec::new();
    for planned in plan.nodes.iter().filter(|n| !fused.contains(&n.name.as_str())) {
        let id = find(&planned.name)?;
        if !network.node(id).op.is_passive() {
            let last = planned.activation.as_deref().map_or(Ok(id), find)?;
            observed.push((id, network.node(last).output()));
        }
    }
    observed.sort_unstable();
    Ok(observed)
}

/// The files used that are still there. With several folders their pictures follow each other, so that a file is
/// looked for from the folder of the one before on.
fn pictures(report: &Report) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = report.calibration.folders.iter().map(PathBuf::from).collect();
    let mut current = 0;
    let mut found = Vec::new();
    for file in &report.calibration.used {
        let there = (current..folders.len()).find(|&i| folders[i].join(file).is_file());
        if let Some(i) = there {
            current = i;
            found.push(folders[i].join(file));
        }
    }
    found
}

impl Probe {
    /// The calibration pictures, or why there are none.
    pub(super) fn some_pictures(&self) -> Result<&[PathBuf], ProbeError> {
        let folders = || self.report.calibration.folders.join(", ");
        match self.pictures.is_empty() {
            true => Err(ProbeError::NoPictures { folders: folders() }),
            false => Ok(&self.pictures),
        }
    }

    /// A picture as the network sees it: its pixels, and its input (NCHW).
    pub(super) fn picture(&self, path: &Path) -> Result<(crate::pictures::Rgb, Vec<f32>), ProbeError> {
        let entry = crate::pictures::Entry { file: shown(path), path: path.to_owned(), class: None };
        let picture = crate::pictures::load_one(&entry, &self.preprocessing)
            .map_err(|s| ProbeError::Picture { path: path.to_owned(), reason: s.reason })?;
        let input = picture.to_nchw(&self.preprocessing);
        Ok((picture.rgb, input))
    }
}
