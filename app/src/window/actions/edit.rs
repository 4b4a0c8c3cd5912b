//! Changes by hand, their scores, and undoing.

use std::thread::sleep;
use std::time::Duration;

use super::{Effect, job};
use crate::window::backend::Backend;
use crate::window::state::{Document, Edits, Made, Side, State, Step};
use crate::{tr, trn};

/// How long the window waits for the next change before it scores the last one.
const SETTLES_MS: u64 = 350;

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum EditAction {
    /// Give operations a width of 8 or 16 bits; `None` leaves it to the strategies.
    SetWidth(Vec<String>, Option<u32>),
    /// Give an operation's output an exponent; `None` leaves it to the strategies.
    SetExponent(String, Option<i32>),
    /// Shift the exponents of an operation's weights; 0 leaves them to the strategies.
    ShiftWeights(String, i32),
    /// Calibrate operations in another way; `None` as the rest.
    SetObserver(Vec<String>, Option<String>),
    /// Have strategies leave operations alone, or not.
    Exclude(Vec<String>, bool),
    /// Take back every change by hand to these operations.
    Reset(Vec<String>),
    /// Undo the last change.
    Undo,
    /// Redo the last change that was undone.
    Redo,
    /// Undo this many changes.
    UndoTimes(usize),
    /// Redo this many changes.
    RedoTimes(usize),
    /// Score the changes now.
    Score,
}

/// An operation by the end of its name, or how many there are.
fn names(operations: &[String]) -> String {
    match operations {
        [one] => one.clone(),
        many => trn!(many.len(), "1 operation", "%{n} operations").into_owned(),
    }
}

impl EditAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            EditAction::SetWidth(of, Some(bits)) => {
                tr!("%{what} to int%{bits}", what = names(of), bits = bits).into_owned()
            }
            EditAction::SetWidth(of, None) => {
                tr!("width of %{what} as the strategies say", what = names(of)).into_owned()
            }
            EditAction::SetExponent(of, Some(exponent)) => {
                tr!("output exponent of %{what} to %{exponent}", what = of, exponent = exponent).into_owned()
            }
            EditAction::SetExponent(of, None) => {
                tr!("output exponent of %{what} as the strategies say", what = of).into_owned()
            }
            EditAction::ShiftWeights(of, by) => {
                tr!("weight exponents of %{what} by %{by}", what = of, by = format!("{by:+}")).into_owned()
            }
            EditAction::SetObserver(of, Some(observer)) => {
                tr!("calibrate %{what} by %{method}", what = names(of), method = observer).into_owned()
            }
            EditAction::SetObserver(of, None) => {
                tr!("calibrate %{what} as the rest", what = names(of)).into_owned()
            }
            EditAction::Exclude(of, true) => {
                tr!("strategies leave %{what} alone", what = names(of)).into_owned()
            }
            EditAction::Exclude(of, false) => {
                tr!("strategies may change %{what}", what = names(of)).into_owned()
            }
            EditAction::Reset(of) => tr!("reset %{what}", what = names(of)).into_owned(),
            EditAction::Undo | EditAction::UndoTimes(_) => tr!("undo").into_owned(),
            EditAction::Redo | EditAction::RedoTimes(_) => tr!("redo").into_owned(),
            EditAction::Score => tr!("score the changes").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            EditAction::Undo => return walk(state, 1, true),
            EditAction::Redo => return walk(state, 1, false),
            EditAction::UndoTimes(times) => return walk(state, times, true),
            EditAction::RedoTimes(times) => return walk(state, times, false),
            EditAction::Score => {
                remember_made(state, &Document::of(state).without_edits());
                if state.runs.reference.is_none() {
                    state.runs.reference = state.runs.shown;
                }
                (state.scoring.wanted, state.scoring.asked) = (true, true);
                return score(state);
            }
            change => change_edits(&mut state.edits, change),
        }
        Vec::new()
    }
}

fn change_edits(edits: &mut Edits, change: EditAction) {
    match change {
        EditAction::SetWidth(operations, Some(bits)) => {
            edits.widths.extend(operations.into_iter().map(|name| (name, bits)));
        }
        EditAction::SetWidth(operations, None) => edits.widths.retain(|name, _| !operations.contains(name)),
        EditAction::SetExponent(operation, Some(exponent)) => {
            edits.exponents.output_exponents.insert(operation, exponent);
        }
        EditAction::SetExponent(operation, None) => {
            edits.exponents.output_exponents.remove(&operation);
        }
        EditAction::ShiftWeights(operation, 0) => {
            edits.exponents.weight_shifts.remove(&operation);
        }
        EditAction::ShiftWeights(operation, by) => {
            edits.exponents.weight_shifts.insert(operation, by);
        }
        EditAction::SetObserver(operations, Some(observer)) => {
            edits.observers.extend(operations.into_iter().map(|name| (name, observer.clone())));
        }
        EditAction::SetObserver(operations, None) => {
            edits.observers.retain(|name, _| !operations.contains(name));
        }
        EditAction::Exclude(operations, true) => edits.excluded.extend(operations),
        EditAction::Exclude(operations, false) => edits.excluded.retain(|name| !operations.contains(name)),
        EditAction::Reset(operations) => {
            let keep = |name: &String| !operations.contains(name);
            edits.widths.retain(|name, _| keep(name));
            edits.observers.retain(|name, _| keep(name));
            edits.excluded.retain(keep);
            edits.exponents.output_exponents.retain(|name, _| keep(name));
            edits.exponents.weight_shifts.retain(|name, _| keep(name));
        }
        EditAction::Undo
        | EditAction::Redo
        | EditAction::UndoTimes(_)
        | EditAction::RedoTimes(_)
        | EditAction::Score => {}
    }
}

/// Walks through the history, and shows the run of where it comes to, if there is one.
fn walk(state: &mut State, times: usize, back: bool) -> Vec<Effect> {
    let before = Document::of(state);
    let mut last = None;
    for _ in 0..times {
        let now = Document::of(state);
        let step = if back { state.history.undo(now) } else { state.history.redo(now) };
        let Some((name, document)) = step else { break };
        document.restore(state);
        last = Some(name);
    }
    match last {
        Some(name) => {
            state.toasts.info(if back {
                tr!("Undone: %{what}", what = name)
            } else {
                tr!("Done again: %{what}", what = name)
            });
            after_change(state, &before)
        }
        None => {
            state.toasts.info(if back {
                tr!("There is nothing to undo")
            } else {
                tr!("There is nothing to redo")
            });
            Vec::new()
        }
    }
}

/// What follows from a change of the document: a run that fits is shown, and a change by hand is scored.
pub(super) fn after_change(state: &mut State, before: &Document) -> Vec<Effect> {
    let now = Document::of(state);
    state.scoring.generation += 1;
    state.scoring.wanted = false;
    state.scoring.asked = false;
    if let Some(index) = state.run_of(&now) {
        state.runs.shown = Some(index);
        state.follow_run();
        return Vec::new();
    }
    remember_made(state, before);
    if state.shown_made().is_none_or(|made| !now.differs_by_hand_only(&made.document)) {
        return Vec::new();
    }
    if state.runs.reference.is_none() {
        state.runs.reference = state.runs.shown;
    }
    // What runs a program or takes long is only done when the user says so.
    if state.scores_on_demand() {
        return Vec::new();
    }
    state.scoring.wanted = true;
    vec![Effect::Edit(EditEffect::Wait { generation: state.scoring.generation })]
}

/// A score that nobody asked for has come to a strategy that takes long: it is given up, and a button offers it.
pub(in crate::window) fn give_up_long_score(state: &mut State) {
    let Some(job) = state.job.as_mut() else { return };
    if !(job.is_score && job.by_itself && job.can_finish && !job.cancelling) {
        return;
    }
    job.cancelling = true;
    if let Some(cancel) = &job.cancel {
        cancel.cancel();
    }
    state.scoring.long = Some(job.document.chain.clone());
}

/// A run that was opened, not made in this session, can be compared with as long as what is chosen is what it was made
/// with.
fn remember_made(state: &mut State, before: &Document) {
    let Some(run) = state.runs.shown().filter(|run| !state.scoring.made.contains_key(&run.path)) else {
        return;
    };
    if state.would_make(before, run) {
        let made = Made { document: before.clone(), is_score: false };
        let path = run.path.clone();
        state.scoring.made.insert(path, made);
    }
}

/// Starts the score that is wanted; a score at work gives way to it, another job is waited for.
fn score(state: &mut State) -> Vec<Effect> {
    if !state.scoring.wanted {
        return Vec::new();
    }
    if let Some(job) = state.job.as_mut().filter(|j| j.end.is_none()) {
        if job.is_score && !job.cancelling {
            job.cancelling = true;
            if let Some(cancel) = &job.cancel {
                cancel.cancel();
            }
        }
        return Vec::new();
    }
    let asked = state.scoring.asked;
    if !asked && state.scores_on_demand() {
        state.scoring.wanted = false;
        return Vec::new();
    }
    let effects = job::start(state, true);
    if effects.is_empty() {
        // What stands in the way was told, or is asked.
        state.scoring.wanted = false;
        if state.strategies.asks.is_none() {
            state.side = Side::Step(Step::Errors);
        }
    } else if let Some(job) = &mut state.job {
        job.by_itself = !asked;
    }
    effects
}

/// What a job's end means for a score that was waiting for it.
pub(in crate::window) fn after_job(state: &mut State) -> Vec<Effect> {
    if !state.scoring.wanted {
        return Vec::new();
    }
    vec![Effect::Edit(EditEffect::Wait { generation: state.scoring.generation })]
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum EditEffect {
    /// Waits until changes have come to rest.
    Wait {
        /// The change it waits for.
        generation: u64,
    },
}

impl EditEffect {
    /// Does the work.
    pub fn run(self, _backend: &dyn Backend) -> EditMessage {
        let EditEffect::Wait { generation } = self;
        sleep(Duration::from_millis(SETTLES_MS));
        EditMessage::Rested { generation }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum EditMessage {
    /// No change came for a while, unless the generation is another one by now.
    Rested {
        /// The change that was waited for.
        generation: u64,
    },
}

impl EditMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let EditMessage::Rested { generation } = self;
        if generation == state.scoring.generation { score(state) } else { Vec::new() }
    }
}
