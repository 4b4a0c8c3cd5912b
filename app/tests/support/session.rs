//! The state without a window: what would be done on threads waits until the test says so.

use std::path::PathBuf;

use octet::window::actions::{Action, EditAction, EditEffect, EditMessage, Effect, apply};
use octet::window::backend::Backend;
use octet::window::messages::{Message, receive};
use octet::window::state::{Model, State};
use octet_engine::job::{Event, QuantizeRequest};
use octet_engine::report::Report;

use super::backend::Scripted;

#[derive(Default)]
pub struct Session {
    pub state: State,
    pub backend: Scripted,
    /// What waits, in the order in which it was asked for.
    pub waiting: Vec<Effect>,
    /// Jobs that were started.
    pub jobs: Vec<QuantizeRequest>,
}

impl Session {
    /// With the plugins found.
    pub fn new() -> Self {
        let mut session = Self::default();
        session.perform(Action::FindPlugins);
        session.work();
        session
    }

    /// With the model of this name, one folder of pictures and Int8.
    pub fn ready(model: &str) -> (Self, tempfile::TempDir) {
        let pictures = super::pictures::folder(&[("1.bmp", 3)]);
        let mut session = Self::new();
        session.perform(Action::OpenModel(format!("/models/{model}.onnx").into()));
        session.perform(Action::AddPictures(pictures.path().to_owned()));
        session.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
        session.work();
        (session, pictures)
    }

    pub fn perform(&mut self, action: Action) {
        let effects = apply(&mut self.state, action);
        self.waiting.extend(effects);
    }

    pub fn edit(&mut self, action: EditAction) {
        self.perform(Action::Edit(action));
    }

    pub fn tell(&mut self, message: Message) {
        let effects = receive(&mut self.state, message);
        self.waiting.extend(effects);
    }

    /// Does all that waits, and what follows from it.
    pub fn work(&mut self) {
        while !self.waiting.is_empty() {
            let effect = self.waiting.remove(0);
            self.work_on(effect);
        }
    }

    /// Does one thing now, whatever waits before it.
    pub fn work_on(&mut self, effect: Effect) {
        let backend = &self.backend;
        let message = match effect {
            Effect::OpenModel(path) => {
                let model = backend.open_model(&path).map(|o| Box::new(Model::new(path.clone(), o)));
                Message::Model(path, model)
            }
            Effect::OpenRun(path) => {
                let report = backend.load_report(&path).map(Box::new);
                Message::Run(path, report)
            }
            Effect::ListPictures { path, labels, ticket } => {
                Message::Folder { ticket, result: backend.list_pictures(&path, labels.as_deref()) }
            }
            Effect::FindPlugins => Message::Plugins(backend.plugins()),
            Effect::Drop(paths) => Message::Dropped(
                paths.into_iter().map(|path| (path.clone(), backend.classify(&path))).collect(),
            ),
            Effect::Start { request, .. } => {
                self.jobs.push(*request);
                return;
            }
            // Nobody waits for the user to go on typing.
            Effect::Edit(EditEffect::Wait { generation }) => {
                Message::Edit(EditMessage::Rested { generation })
            }
            Effect::Strategy(effect) => Message::Strategy(effect.run(backend)),
            Effect::Runs(effect) => Message::Runs(effect.run(backend)),
            Effect::Project(effect) => Message::Project(effect.run(backend)),
            _ => return,
        };
        self.tell(message);
    }

    /// Puts a run of a model on display, as if it had been opened from its folder; gives its report.
    pub fn report(&self, model: &str) -> Report {
        let path = PathBuf::from(format!("/models/{model}.onnx"));
        let opened = self.backend.open_model(&path).unwrap();
        let mut report = super::report::report(&opened.network, &path.display().to_string());
        report.model.sha256 = opened.sha256;
        report
    }

    /// Makes a run of this name that can be opened.
    pub fn with_run(&mut self, name: &str, report: Report) -> PathBuf {
        let path = PathBuf::from("/runs").join(name);
        self.backend.reports.lock().unwrap().insert(path.clone(), report);
        path
    }

    /// Opens a run.
    pub fn open_run(&mut self, name: &str, report: Report) -> PathBuf {
        let path = self.with_run(name, report);
        self.perform(Action::OpenRun(path.clone()));
        self.work();
        path
    }

    /// The job that runs ends with a run of this name.
    pub fn finish(&mut self, name: &str, report: Report) -> PathBuf {
        let run = self.with_run(name, report);
        self.tell(Message::Job(Event::Done { run: run.clone() }));
        self.tell(Message::JobOver);
        run
    }

    /// Quantizes the open model; the run is shown.
    pub fn quantize(&mut self, name: &str, report: Report) -> PathBuf {
        self.perform(Action::Start);
        self.work();
        let run = self.finish(name, report);
        self.work();
        run
    }

    pub fn widths(&self) -> Vec<(&str, u32)> {
        self.state.edits.widths.iter().map(|(name, bits)| (name.as_str(), *bits)).collect()
    }

    pub fn past(&self) -> Vec<String> {
        self.state.history.past().collect()
    }
}

/// Sets an operation to 16 bits.
pub fn wide(operation: &str) -> EditAction {
    EditAction::SetWidth(vec![operation.to_owned()], Some(16))
}
