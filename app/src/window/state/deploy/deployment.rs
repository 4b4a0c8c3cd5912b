//! A deployment as the window follows it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use octet_engine::deploy::{Cause, Device, Diagnostic, Event, Flavour, Project, StepState, Verification};
use octet_engine::job::Cancel;

use crate::tr;

use super::{DEPLOY_STEPS, DeployOptions, DeployStep, StepStatus, StepView};

/// What of a build's complaints is listed.
const MAX_DIAGNOSTICS: usize = 300;
/// Usual shares of a deployment's time in percent, in the order of the steps.
const SHARES: [f32; 6] = [4.0, 1.0, 60.0, 27.0, 0.0, 8.0];

/// What is done with a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployWork {
    /// From the run to a board that was compared.
    Everything,
    /// Reading the console until the user has seen enough.
    Monitor,
    /// Comparing the tensors, of a board that has the firmware.
    Verify,
    /// Writing and building the firmware, without a board.
    Build,
}

impl DeployWork {
    /// Whether a step is part of it; watching is part of none but itself.
    fn wants(self, step: DeployStep) -> bool {
        match self {
            DeployWork::Everything => true,
            DeployWork::Build => {
                matches!(step, DeployStep::Toolchain | DeployStep::Generate | DeployStep::Build)
            }
            DeployWork::Monitor | DeployWork::Verify => self.step() == Some(step),
        }
    }

    /// The step of a work that is one step alone.
    pub fn step(self) -> Option<DeployStep> {
        match self {
            DeployWork::Everything | DeployWork::Build => None,
            DeployWork::Monitor => Some(DeployStep::Monitor),
            DeployWork::Verify => Some(DeployStep::Verify),
        }
    }
}

/// An error, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step that ended.
    pub step: DeployStep,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// What kind of thing it is.
    pub cause: Cause,
}

impl Failure {
    /// All of it, for the clipboard.
    pub fn text(&self) -> String {
        let help = self.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        format!("{}: {}{help}", self.step.word(), self.message)
    }

    /// True where leaving the modem lines alone may help.
    pub fn may_be_the_reset(&self) -> bool {
        matches!(self.cause, Cause::Port | Cause::Flash | Cause::Console)
    }

    /// True where another port may help.
    pub fn may_be_the_port(&self) -> bool {
        self.may_be_the_reset()
            || self.cause == Cause::Board
            || (self.cause == Cause::Request && self.step == DeployStep::Toolchain)
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeployEnd {
    /// As it should.
    Done,
    /// With an error.
    Failed(Failure),
    /// The user ended it.
    Cancelled,
}

/// A deployment, with what was done to the board after it.
#[derive(Debug)]
pub struct Deployment {
    /// The run folder.
    pub run: PathBuf,
    /// Folder of the project.
    pub project: PathBuf,
    /// What was asked for last.
    pub work: DeployWork,
    /// It was asked for without a reset, though the options have one.
    pub without_reset: bool,
    /// When that was.
    pub started: Instant,
    /// Raised to end it; there as soon as it has started.
    pub cancel: Option<Cancel>,
    /// The user asked it to end.
    pub cancelling: bool,
    /// The steps, in the order of [`DEPLOY_STEPS`].
    pub steps: [StepView; 6],
    /// The board, once it has answered.
    pub device: Option<Device>,
    /// What the build complained of.
    pub diagnostics: Vec<Diagnostic>,
    /// The board against the desktop.
    pub verification: Option<Verification>,
    /// Set once it has ended.
    pub end: Option<DeployEnd>,
}

impl Deployment {
    /// A deployment that was just asked for.
    pub fn new(run: &Path, now: Instant) -> Self {
        Self {
            run: run.to_owned(),
            project: Project::default_folder(run, Flavour::default()),
            work: DeployWork::Everything,
            without_reset: false,
            started: now,
            cancel: None,
            cancelling: false,
            steps: DEPLOY_STEPS.map(StepView::new),
            device: None,
            diagnostics: Vec::new(),
            verification: None,
            end: None,
        }
    }

    /// The next work begins. What the steps before it came to stays when it is one step alone.
    pub fn begin(&mut self, work: DeployWork, options: &DeployOptions, now: Instant) {
        (self.work, self.started) = (work, now);
        self.project = Project::default_folder(&self.run, options.flavour);
        (self.cancel, self.cancelling, self.end) = (None, false, None);
        match work.step() {
            Some(step) => *self.step_mut(step) = StepView { is_open: true, ..StepView::new(step) },
            None => {
                for view in &mut self.steps {
                    if work.wants(view.step) {
                        let is_open = view.is_open && view.step == DeployStep::Monitor;
                        *view = StepView { is_open, ..StepView::new(view.step) };
                    } else if view.step != DeployStep::Monitor && view.status == StepStatus::ToDo {
                        view.status = StepStatus::LeftOut;
                    }
                }
                self.diagnostics.clear();
                if work == DeployWork::Everything {
                    self.device = None;
                    let left_out =
                        [(DeployStep::Build, options.model_only), (DeployStep::Verify, !options.verify)];
                    for (step, _) in left_out.into_iter().filter(|(_, is_left_out)| *is_left_out) {
                        self.step_mut(step).status = StepStatus::LeftOut;
                    }
                }
            }
        }
        if matches!(work, DeployWork::Everything | DeployWork::Verify) {
            self.verification = None;
        }
    }

    /// A step.
    pub fn step(&self, step: DeployStep) -> &StepView {
        &self.steps[step as usize]
    }

    /// A step, to be changed.
    pub fn step_mut(&mut self, step: DeployStep) -> &mut StepView {
        &mut self.steps[step as usize]
    }

    /// The step at work.
    pub fn running(&self) -> Option<&StepView> {
        self.steps.iter().find(|view| view.status == StepStatus::Running)
    }

    /// What it ended with.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.end {
            Some(DeployEnd::Failed(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Takes note of what the engine tells, but for the console's lines.
    pub fn note(&mut self, event: Event, now: Instant) {
        match event {
            // The command line alone sends pictures.
            Event::Classified(_)
            | Event::Step { step: DeployStep::Classify, .. }
            | Event::Progress { step: DeployStep::Classify, .. }
            | Event::Log { step: DeployStep::Classify, .. }
            | Event::Error { step: DeployStep::Classify, .. } => {}
            Event::Step { step, state, secs } => self.step_told(step, state, secs, now),
            Event::Progress { step, fraction, message, bytes } => {
                let view = self.step_mut(step);
                view.fraction = Some(if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 });
                (view.message, view.bytes) = (message, bytes);
            }
            Event::Log { step, level, message } => self.step_mut(step).note(Some(level), message),
            Event::Diagnostic(diagnostic) => {
                if self.diagnostics.len() < MAX_DIAGNOSTICS {
                    self.diagnostics.push(diagnostic);
                }
            }
            Event::Device(device) => self.device = Some(device),
            Event::Console(_) => {}
            Event::Verified(verification) => self.verification = Some(verification),
            Event::Error { step, message, help, cause } => {
                let is_wish = self.cancelling || cause == Cause::Cancelled;
                let view = self.step_mut(step);
                view.status = if is_wish { StepStatus::Cancelled } else { StepStatus::Failed };
                let help = help.as_deref().map(super::in_window);
                self.end = Some(match is_wish {
                    true => DeployEnd::Cancelled,
                    false => DeployEnd::Failed(Failure { step, message, help, cause }),
                });
            }
            Event::Done { project, .. } => {
                self.project = project;
                self.end = Some(DeployEnd::Done);
            }
        }
    }

    fn step_told(&mut self, step: DeployStep, state: StepState, secs: Option<f64>, now: Instant) {
        let cancelling = self.cancelling;
        let view = self.step_mut(step);
        match state {
            StepState::Started => view.begin(now),
            StepState::Done => (view.status, view.secs) = (StepStatus::Done, secs),
            StepState::Failed => {
                view.status = if cancelling { StepStatus::Cancelled } else { StepStatus::Failed };
                view.secs = secs;
            }
        }
    }

    /// The channel closed; a deployment without an end has lost its thread.
    pub fn over(&mut self) {
        if self.end.is_some() {
            return;
        }
        if self.cancelling {
            self.end = Some(DeployEnd::Cancelled);
            return;
        }
        let step = self.running().map_or(DeployStep::Toolchain, |view| view.step);
        let failure = Failure {
            step,
            message: tr!("the deployment ended without a result").into_owned(),
            help: None,
            cause: Cause::Request,
        };
        self.step_mut(step).status = StepStatus::Failed;
        self.end = Some(DeployEnd::Failed(failure));
    }

    /// 0..=1 over all steps that are wanted; `None` where nobody knows when it ends.
    pub fn overall(&self) -> Option<f32> {
        if self.work == DeployWork::Monitor {
            return None;
        }
        let wanted = |view: &StepView| self.work.wants(view.step) && view.status != StepStatus::LeftOut;
        let (mut all, mut done) = (0.0, 0.0);
        for (view, share) in self.steps.iter().zip(SHARES).filter(|(view, _)| wanted(view)) {
            all += share;
            done += share
                * match view.status {
                    StepStatus::Done => 1.0,
                    StepStatus::Running => view.fraction.unwrap_or(0.0),
                    _ => 0.0,
                };
        }
        Some(if all > 0.0 { done / all } else { 0.0 })
    }

    /// How long it has been at work.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(options: &DeployOptions) -> Deployment {
        let now = Instant::now();
        let mut deployment = Deployment::new(Path::new("/läufe/1"), now);
        deployment.begin(DeployWork::Everything, options, now);
        deployment
    }

    fn tell(deployment: &mut Deployment, step: DeployStep, state: StepState) {
        deployment.note(Event::Step { step, state, secs: Some(1.0) }, Instant::now());
    }

    #[test]
    fn steps_lie_where_they_are_looked_for() {
        let deployment = begun(&DeployOptions::default());
        assert!(DEPLOY_STEPS.into_iter().all(|step| deployment.step(step).step == step));
        assert_eq!(SHARES.iter().sum::<f32>(), 100.0);
    }

    #[test]
    fn steps_that_are_left_out_do_not_count() {
        let options = DeployOptions { model_only: true, verify: false, ..DeployOptions::default() };
        let mut deployment = begun(&options);
        assert_eq!(deployment.step(DeployStep::Build).status, StepStatus::LeftOut);
        let mut last = 0.0;
        for step in [DeployStep::Toolchain, DeployStep::Generate, DeployStep::Flash] {
            tell(&mut deployment, step, StepState::Started);
            tell(&mut deployment, step, StepState::Done);
            assert!(deployment.overall().unwrap() > last);
            last = deployment.overall().unwrap();
        }
        assert!((last - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_build_alone_ends_before_the_board() {
        let options = DeployOptions { model_only: true, ..DeployOptions::default() };
        let mut deployment = begun(&options);
        deployment.begin(DeployWork::Build, &options, Instant::now());
        let status = |step| deployment.step(step).status;
        assert_eq!(status(DeployStep::Build), StepStatus::ToDo, "nothing else was asked for");
        assert_eq!([DeployStep::Flash, DeployStep::Verify].map(status), [StepStatus::LeftOut; 2]);
        for step in [DeployStep::Toolchain, DeployStep::Generate, DeployStep::Build] {
            tell(&mut deployment, step, StepState::Done);
        }
        assert_eq!(deployment.overall(), Some(1.0));
    }

    #[test]
    fn a_build_alone_takes_nothing_from_the_board() {
        let mut deployment = begun(&DeployOptions::default());
        tell(&mut deployment, DeployStep::Flash, StepState::Done);
        tell(&mut deployment, DeployStep::Build, StepState::Done);
        deployment.begin(DeployWork::Build, &DeployOptions::default(), Instant::now());
        assert_eq!(deployment.step(DeployStep::Flash).status, StepStatus::Done);
        assert_eq!(deployment.step(DeployStep::Build).status, StepStatus::ToDo);
    }

    #[test]
    fn an_error_after_cancel_is_no_failure() {
        let mut deployment = begun(&DeployOptions::default());
        tell(&mut deployment, DeployStep::Build, StepState::Started);
        deployment.cancelling = true;
        tell(&mut deployment, DeployStep::Build, StepState::Failed);
        let event = Event::Error {
            step: DeployStep::Build,
            message: "cancelled".to_owned(),
            help: None,
            cause: Cause::Cancelled,
        };
        deployment.note(event, Instant::now());
        assert_eq!(deployment.end, Some(DeployEnd::Cancelled));
        assert_eq!(deployment.step(DeployStep::Build).status, StepStatus::Cancelled);
    }

    #[test]
    fn watching_the_console_leaves_the_other_steps_as_they_were() {
        let mut deployment = begun(&DeployOptions::default());
        tell(&mut deployment, DeployStep::Flash, StepState::Done);
        deployment.begin(DeployWork::Monitor, &DeployOptions::default(), Instant::now());
        assert_eq!(deployment.step(DeployStep::Flash).status, StepStatus::Done);
        assert_eq!((deployment.overall(), deployment.end.clone()), (None, None));
    }
}
