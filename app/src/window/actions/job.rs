//! Starting jobs.

use std::path::PathBuf;
use std::time::Instant;

use octet_engine::job::QuantizeRequest;

use super::{Effect, show};
use crate::window::state::{Document, Job, Place, Problem, ProgramQuestion, State, requests};
use crate::{key, tr};

/// Pictures of the graphwise analysis.
const GRAPHWISE_PICTURES: usize = 32;
/// Pictures of the layerwise analysis; scores do without it.
const LAYERWISE_PICTURES: usize = 16;

/// Starts a run, or a score that measures what takes seconds alone. Nothing is handed back when something stands in the
/// way, which is told.
pub(super) fn start(state: &mut State, is_score: bool) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle() {
        state.toasts.info(tr!(obstacle));
        return Vec::new();
    }
    let programs = state.strategies.unknown_programs();
    if !programs.is_empty() {
        state.scoring.wanted = false;
        state.strategies.asks = Some(ProgramQuestion { programs, is_score });
        return Vec::new();
    }
    let Some(model) = state.model.open.clone() else { return Vec::new() };
    let strategies = match requests(&state.strategies, &state.edits) {
        Ok(strategies) => strategies,
        Err(error) => {
            let problem = Problem::new(
                Place::Strategy,
                key!("The changes by hand cannot be carried out"),
                error.to_string(),
            );
            state.toasts.problem(&problem);
            state.problems.insert(problem.place, problem);
            return Vec::new();
        }
    };
    state.problems.remove(&Place::Run);
    let target = state.target.0.name;
    let title = match is_score {
        true => tr!("Score").into_owned(),
        false => tr!("%{strategies} for %{target}", strategies = state.strategies.words(), target = target)
            .into_owned(),
    };
    show::started(state);
    let mut job = Job::new(title, Instant::now());
    job.is_score = is_score;
    job.document = Document::of(state);
    state.begin_job(job);
    state.scoring.wanted = false;
    state.scoring.asked = false;
    let stem = model.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let pictures = &state.pictures;
    let request = QuantizeRequest {
        model: model.path.clone(),
        images: pictures.folders.iter().map(|f| f.path.clone()).collect(),
        eval: pictures.evaluation.as_ref().filter(|_| !is_score).map(|f| f.path.clone()),
        labels: pictures.labels.clone().filter(|_| !is_score && pictures.evaluation.is_some()),
        strategies,
        target: target.to_owned(),
        out: PathBuf::new(),
        graphwise_pictures: GRAPHWISE_PICTURES,
        layerwise_pictures: if is_score { 0 } else { LAYERWISE_PICTURES },
        layerwise_outputs: false,
        keep_clip: false,
        preprocessing: pictures.preprocessing.clone(),
        threads: 0,
        reuse: is_score,
        leave_out: pictures.left_out(),
        edits: state.edits.exponents.clone(),
    };
    let slug = if is_score { "score".to_owned() } else { state.strategies.slug() };
    let label = format!("{stem}-{slug}-{target}");
    vec![Effect::Start { request: Box::new(request), label, is_score }]
}
