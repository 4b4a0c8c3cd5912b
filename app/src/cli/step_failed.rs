//! The end of a deployment's step by an error: JSON lines tell each part of it, people read one sentence.

use octet_engine::deploy::{Cause, DeployError, Event, Step};

/// What ended a step, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map_or_else(String::new, |help| format!("; {help}")))]
pub(super) struct StepFailed {
    step: Step,
    message: String,
    help: Option<String>,
    cause: Cause,
}

impl StepFailed {
    /// What the engine said of a step.
    pub(super) fn new(step: Step, error: &DeployError) -> Self {
        StepFailed { step, message: error.to_string(), help: error.help(), cause: error.cause() }
    }

    /// The last event of a deployment, when it is an error. Whatever a step says after Ctrl-C, it was the user who ended it.
    pub(super) fn of_event(event: &Event, is_cancelled: bool) -> Option<Self> {
        let Event::Error { step, message, help, cause } = event else { return None };
        let cause = if is_cancelled { Cause::Cancelled } else { *cause };
        Some(StepFailed { step: *step, message: message.clone(), help: help.clone(), cause })
    }

    /// True when the user ended it.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cause == Cause::Cancelled
    }

    /// The line for programs.
    pub(super) fn event(&self) -> Event {
        Event::Error {
            step: self.step,
            message: self.message.clone(),
            help: self.help.clone(),
            cause: self.cause,
        }
    }
}

/// Makes the error of a step out of the engine's.
pub(super) fn failed(step: Step) -> impl FnOnce(DeployError) -> StepFailed {
    move |error| StepFailed::new(step, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_one_sentence_and_programs_each_part() {
        let error = DeployError::Port {
            port: "COM3".to_owned(),
            reason: "it is in use".to_owned(),
            help: "close the other program".to_owned(),
        };
        let failed = StepFailed::new(Step::Flash, &error);
        assert_eq!(failed.to_string(), "COM3: it is in use; close the other program");
        let line = serde_json::to_value(failed.event()).unwrap();
        let parts = ["event", "step", "message", "help", "cause"].map(|part| line[part].as_str().unwrap());
        assert_eq!(parts, ["error", "flash", "COM3: it is in use", "close the other program", "port"]);
        assert!(!failed.is_cancelled());
        assert!(StepFailed::of_event(&failed.event(), true).unwrap().is_cancelled());
        assert!(StepFailed::new(Step::Build, &DeployError::Cancelled).is_cancelled());
    }
}
