//! The job itself, inside the worker: model, pictures, strategies, plan, file, analyses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use octet_runtime::{Data, Simulator};

use super::chain::{ChainCache, run_strategies};
use super::report::{Parts, assemble};
use super::{Cancel, Event, Library, Phase, Pipeline, QuantizeRequest, StrategyRequest};
use crate::analyse::{self, AnalysisError, Ticker, to_nhwc};
use crate::draft::Draft;
use crate::float::{FloatExecutor, Tract};
use crate::lower::{LowerOptions, lower, with_test_vectors};
use crate::network::Network;
use crate::onnx::{self, Opened};
use crate::pictures::{FolderError, LeaveOutError, Preprocessing, SettingError};
use crate::plan::Plan;
use crate::report::{Report, StrategyFacts};
use crate::session::{
    PictureGone, PictureStore, Session, Sink, StatisticsCache, fingerprint, float_network, list_folders,
    plan_draft,
};
use crate::strategy::LogLevel;
use crate::target::TargetSpec;
use crate::{espdl, host, memory, qdq, run};

/// Why a job failed; the text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The user cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The model cannot be opened.
    #[error(transparent)]
    Open(#[from] onnx::OpenError),
    /// The folder of pictures cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A picture that is to be left out is not there.
    #[error(transparent)]
    LeaveOut(#[from] LeaveOutError),
    /// The pre-processing makes no sense.
    #[error(transparent)]
    Preprocessing(#[from] SettingError),
    /// A picture changed under the job.
    #[error(transparent)]
    Picture(#[from] PictureGone),
    /// A plugin failed or misbehaved.
    #[error(transparent)]
    Host(#[from] host::HostError),
    /// The strategies left something open.
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    /// The plan breaks a rule that the chip enforces.
    #[error("the plan cannot run on {target}: {}", .findings.join("; "))]
    Rules {
        /// Chip name.
        target: String,
        /// The violations.
        findings: Vec<String>,
    },
    /// The plan cannot be written.
    #[error(transparent)]
    Lower(#[from] crate::lower::LowerError),
    /// An analysis failed.
    #[error(transparent)]
    Analysis(AnalysisError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Run(#[from] run::RunError),
    /// Something about the request itself.
    #[error("{0}")]
    Request(String),
}

impl From<AnalysisError> for JobError {
    fn from(error: AnalysisError) -> Self {
        match error {
            AnalysisError::Cancelled => JobError::Cancelled,
            other => JobError::Analysis(other),
        }
    }
}

/// Takes the name of the plugin whose code runs.
type OnPlugin = dyn Fn(Option<&str>) + Send + Sync;

/// How a job talks while it runs.
pub(super) struct Progress {
    pub(super) cancel: Cancel,
    pub(super) sink: Sink,
    /// Told which plugin's code runs.
    pub(super) plugin: Box<OnPlugin>,
}

/// What the worker keeps between jobs.
#[derive(Default)]
pub(super) struct Cache {
    model: Option<(String, Arc<Opened>)>,
    pictures: Option<(String, Arc<PictureStore>, Arc<StatisticsCache>)>,
    chains: ChainCache,
}

/// Runs a job and returns the report without evaluation.
pub(super) fn quantize(
    request: &QuantizeRequest,
    libraries: &[Library],
    cache: &mut Cache,
    progress: &Progress,
) -> Result<Report, JobError> {
    let mut clock = Clock::default();
    let target = TargetSpec::by_name(&request.target)
        .ok_or_else(|| JobError::Request(format!("there is no target `{}`", request.target)))?;
    let (opened, pictures, statistics) = clock.time("load", || load(request, cache, progress))?;
    let classes = opened.network.tensor(opened.network.output).len();
    let found = pictures.findings(classes);
    for finding in &found {
        (progress.sink)(Event::Warning(Box::new(finding.clone())));
    }
    let network = Arc::new(opened.network.clone());
    let executor: Arc<dyn FloatExecutor> = Arc::new(Tract);
    let mut session = Session::new(
        Arc::clone(&network),
        target,
        Arc::clone(&executor),
        Arc::clone(&pictures),
        statistics,
        progress.cancel.clone(),
        Arc::clone(&progress.sink),
    );
    let started = Instant::now();
    let subject = cache.pictures.as_ref().map(|(key, ..)| key.clone()).unwrap_or_default();
    let strategies = run_strategies(request, libraries, &subject, &mut session, &mut cache.chains, progress)?;
    let ran = strategies.iter().map(as_request).collect();
    clock.add("calibrate", session.calibrate_secs());
    clock.add("strategy", started.elapsed().as_secs_f64() - session.calibrate_secs());
    let mut draft = session.into_draft();
    request.edits.apply(&network, &mut draft)?;
    let (plan, findings) = plan_draft(&network, &mut draft, target, false)?;
    request.edits.check_effect(&network, &plan)?;
    let fatal: Vec<String> = findings.iter().filter(|f| f.fatal).map(|f| f.message.clone()).collect();
    if !fatal.is_empty() {
        return Err(JobError::Rules { target: target.name.to_owned(), findings: fatal });
    }
    let job = Job {
        request,
        network: &network,
        draft: &draft,
        plan: &plan,
        executor,
        pictures: &pictures,
        progress,
    };
    let exported = clock.time("export", || job.export())?;
    Pipeline::new(ran).write(&request.out)?;
    let graphwise = clock.time("graphwise", || job.graphwise(&exported.simulator))?;
    let accumulators = clock.time("graphwise", || job.accumulators(&exported.simulator))?;
    let layerwise = clock.time("layerwise", || job.layerwise())?;
    let memory_map = clock.time("export", || memory::maps(&exported.simulator));
    let memory_map = memory_map.map_err(|e| AnalysisError::Runtime(e.to_string()))?;
    let warnings = findings.into_iter().map(|f| f.message).collect();
    Ok(assemble(Parts {
        request,
        opened: &opened,
        draft: &draft,
        plan: &plan,
        strategies,
        pictures: &pictures,
        simulator: &exported.simulator,
        file_bytes: exported.file_bytes,
        memory_map: Some(memory_map),
        graphwise: graphwise.as_ref(),
        layerwise: layerwise.as_ref(),
        accumulators,
        warnings,
        findings: found,
        timings_secs: clock.0,
    }))
}

#[derive(Default)]
struct Clock(BTreeMap<String, f64>);

impl Clock {
    fn add(&mut self, phase: &str, secs: f64) {
        *self.0.entry(phase.to_owned()).or_default() += secs;
    }
    fn time<T>(&mut self, phase: &str, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = run();
        self.add(phase, started.elapsed().as_secs_f64());
        result
    }
}

type Loaded = (Arc<Opened>, Arc<PictureStore>, Arc<StatisticsCache>);

fn load(request: &QuantizeRequest, cache: &mut Cache, progress: &Progress) -> Result<Loaded, JobError> {
    let tell = |fraction: f32, message: &str| {
        let message = message.to_owned();
        (progress.sink)(Event::Progress { phase: Phase::Load, fraction, message });
    };
    tell(0.0, "reading the model");
    let opened = open_cached(&request.model, cache)?;
    let preprocessing = Preprocessing::of_network(&opened.network, &request.preprocessing)?;
    let listing = list_folders(&request.images)?.without(&request.leave_out)?;
    for unlisted in &listing.unlisted {
        (progress.sink)(Event::Log { level: LogLevel::Warning, message: unlisted.to_string() });
    }
    let key = format!("{} {:?} {:?}", opened.sha256, preprocessing, fingerprint(&listing));
    if let Some((known, pictures, statistics)) = &cache.pictures
        && *known == key
    {
        return Ok((opened, Arc::clone(pictures), Arc::clone(statistics)));
    }
    let report = |fraction: f32| tell(fraction, "reading the pictures");
    let pictures = PictureStore::load(&listing, preprocessing, &progress.cancel, &report);
    if progress.cancel.is_cancelled() {
        return Err(JobError::Cancelled);
    }
    if pictures.is_empty() {
        let skipped = pictures.skipped();
        let why = skipped.first().map_or_else(String::new, |s| format!("; `{}`: {}", s.file, s.reason));
        return Err(JobError::Request(format!(
            "there is no usable picture in {} (JPEG, PNG, WebP or BMP){why}",
            request
                .images
                .iter()
                .map(|folder| format!("`{}`", folder.display()))
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    let (pictures, statistics) = (Arc::new(pictures), Arc::<StatisticsCache>::default());
    cache.pictures = Some((key, Arc::clone(&pictures), Arc::clone(&statistics)));
    Ok((opened, pictures, statistics))
}

fn open_cached(path: &Path, cache: &mut Cache) -> Result<Arc<Opened>, JobError> {
    if let Some((known, opened)) = &cache.model
        && stamps(path, opened).is_some_and(|now| now == *known)
    {
        return Ok(Arc::clone(opened));
    }
    let opened = Arc::new(onnx::open(path)?);
    cache.model = stamps(path, &opened).map(|stamps| (stamps, Arc::clone(&opened)));
    Ok(opened)
}

/// Size and time of the model's files, which change under a long-lived worker.
fn stamps(path: &Path, opened: &Opened) -> Option<String> {
    let stamp = |path: &Path| std::fs::metadata(path).and_then(|m| Ok((m.len(), m.modified()?))).ok();
    let files = std::iter::once(path).chain(opened.external.iter().map(PathBuf::as_path));
    let stamps: Option<Vec<_>> = files.map(|file| Some((file, stamp(file)?))).collect();
    stamps.map(|stamps| format!("{stamps:?}"))
}

/// The strategy with the settings that it ran with.
fn as_request(facts: &StrategyFacts) -> StrategyRequest {
    let settings = facts.settings.as_object().cloned().unwrap_or_default();
    StrategyRequest { id: facts.id.clone(), settings: settings.into_iter().collect() }
}

struct Exported {
    simulator: Simulator,
    file_bytes: u64,
}

struct Job<'a> {
    request: &'a QuantizeRequest,
    network: &'a Network,
    draft: &'a Draft,
    plan: &'a Plan,
    executor: Arc<dyn FloatExecutor>,
    pictures: &'a PictureStore,
    progress: &'a Progress,
}

impl Job<'_> {
    fn with_ticker<T>(
        &self,
        phase: Phase,
        run: impl FnOnce(&Ticker<'_>) -> Result<T, AnalysisError>,
    ) -> Result<T, JobError> {
        let report = |fraction: f32, message: &str| {
            let message = message.to_owned();
            (self.progress.sink)(Event::Progress { phase, fraction, message });
        };
        Ok(run(&Ticker::new(&self.progress.cancel, &report))?)
    }

    fn inputs(&self, count: usize) -> Result<Vec<Vec<f32>>, JobError> {
        self.pictures.sample(count).into_iter().map(|i| Ok(self.pictures.input(i)?)).collect()
    }

    /// Writes `model.espdl`, `model.qdq.onnx`, `plan.json` and, where a strategy changed the float network,
    /// `model.float.onnx`.
    fn export(&self) -> Result<Exported, JobError> {
        let tell = |fraction: f32, message: &str| {
            let message = message.to_owned();
            (self.progress.sink)(Event::Progress { phase: Phase::Export, fraction, message });
        };
        tell(0.0, "writing the model");
        let options = LowerOptions { keep_clip: self.request.keep_clip };
        let mut file = lower(self.network, self.draft, self.plan, options)?;
        // So that whoever opens the file prepares pictures the same way.
        file.metadata.extend(self.pictures.preprocessing_settings());
        let runtime = |e: octet_runtime::SimulatorError| AnalysisError::Runtime(e.to_string());
        let plain = espdl::write(&file).map_err(crate::lower::LowerError::from)?;
        let simulator = Simulator::new(plain.into(), Some(self.plan.target.target)).map_err(runtime)?;
        let picture = self.pictures.input(0)?;
        let nhwc = to_nhwc(&picture, &self.network.tensor(self.network.input).shape);
        let mut scratch = simulator.scratch();
        let mut input = Vec::new();
        let mut first = |view: octet_runtime::TensorView<'_>| {
            if view.node.is_none() {
                input = bytes_of(&view.data);
            }
        };
        let output = simulator.run(&mut scratch, Data::F32(&nhwc), Some(&mut first)).map_err(runtime)?;
        let output = bytes_of(&output.data);
        let file = with_test_vectors(file, &input, &output);
        let bytes = espdl::write(&file).map_err(crate::lower::LowerError::from)?;
        // The report of an earlier run into the same folder tells of another model.
        run::remove_report(&self.request.out)?;
        run::write_file(&self.request.out, "model.espdl", &bytes)?;
        run::write_file(
            &self.request.out,
            "model.qdq.onnx",
            &qdq::to_qdq(self.network, self.draft, self.plan),
        )?;
        if let Some(model) = self.changed_float_model()? {
            run::write_file(&self.request.out, run::FLOAT_MODEL, &model)?;
        }
        let named = crate::draft::NamedDraft::new(self.network, self.draft, self.plan);
        run::write_json(&self.request.out, "plan.json", &named)?;
        tell(1.0, "");
        Ok(Exported { simulator, file_bytes: bytes.len() as u64 })
    }

    /// The float network that errors are measured against, as an ONNX file; `None` where it is the model file's.
    fn changed_float_model(&self) -> Result<Option<Vec<u8>>, JobError> {
        if self.draft.changed_weights.is_empty() && self.draft.relu_for_clip.is_empty() {
            return Ok(None);
        }
        let network = float_network(self.network, self.draft);
        let model = onnx::float_model(&network, &self.draft.changed_weights);
        model.map(Some).map_err(|e| JobError::Request(e.to_string()))
    }

    fn graphwise(&self, simulator: &Simulator) -> Result<Option<analyse::Graphwise>, JobError> {
        if self.request.graphwise_pictures == 0 {
            return Ok(None);
        }
        let inputs = self.inputs(self.request.graphwise_pictures)?;
        let network = float_network(self.network, self.draft);
        let executor = self.executor.as_ref();
        self.with_ticker(Phase::Graphwise, |ticker| {
            analyse::graphwise(&network, self.draft, self.plan, simulator, executor, &inputs, ticker)
        })
        .map(Some)
    }

    fn accumulators(&self, simulator: &Simulator) -> Result<Vec<crate::report::AccumulatorFacts>, JobError> {
        let bits = self.plan.target.accumulator_bits_int8;
        if bits >= 32 {
            return Ok(Vec::new());
        }
        let inputs = self.inputs(self.request.graphwise_pictures)?;
        let shape = &self.network.tensor(self.network.input).shape;
        let mut facts = self.with_ticker(Phase::Graphwise, |ticker| {
            analyse::audit_accumulators(simulator, shape, &inputs, bits, ticker)
        })?;
        for fact in &mut facts {
            fact.name = self.operation_of(&fact.name);
        }
        Ok(facts)
    }

    /// The name of the operation that leaves `tensor` after its fused activation.
    fn operation_of(&self, tensor: &str) -> String {
        let producer = self.network.node_ids().find(|(_, n)| self.network.tensor(n.output()).name == tensor);
        let operation = producer.map(|(id, _)| self.plan.node(id).activation_of.unwrap_or(id));
        operation.map_or_else(|| tensor.to_owned(), |id| self.network.node(id).name.clone())
    }

    fn layerwise(&self) -> Result<Option<analyse::Layerwise>, JobError> {
        if self.request.layerwise_pictures == 0 {
            return Ok(None);
        }
        let inputs = self.inputs(self.request.layerwise_pictures)?;
        let network = float_network(self.network, self.draft);
        let (executor, outputs_too) = (self.executor.as_ref(), self.request.layerwise_outputs);
        self.with_ticker(Phase::Layerwise, |ticker| {
            analyse::layerwise(&network, self.draft, self.plan, executor, &inputs, outputs_too, ticker)
        })
        .map(Some)
    }
}

/// Little endian.
fn bytes_of(data: &Data<'_>) -> Vec<u8> {
    match data {
        Data::I8(v) => v.iter().map(|&q| q as u8).collect(),
        Data::I16(v) => v.iter().flat_map(|q| q.to_le_bytes()).collect(),
        Data::F32(v) => v.iter().flat_map(|q| q.to_le_bytes()).collect(),
    }
}
