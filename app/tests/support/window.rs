//! The window in a harness, without a display.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use octet::window::WindowOptions;
use octet::window::actions::Action;
use octet::window::app::OctetWindow;
use octet::window::state::State;

use super::backend::Scripted;

pub struct Window {
    pub harness: Harness<'static, OctetWindow>,
    pub backend: Arc<Scripted>,
    /// Folders that are there as long as the window.
    pub folders: Vec<tempfile::TempDir>,
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

impl Window {
    pub fn new() -> Self {
        Self::sized([1400.0, 900.0])
    }

    /// As large as this.
    pub fn sized(size: [f32; 2]) -> Self {
        Self::prepared(size, |_| {})
    }

    /// With an engine that was prepared before the window asks it anything.
    pub fn prepared(size: [f32; 2], prepare: impl FnOnce(&Scripted)) -> Self {
        let backend = Arc::new(Scripted::default());
        prepare(&backend);
        let given = backend.clone();
        // Names of operations may hold any character.
        let builder = Harness::builder().with_size(size).allow_missing_glyphs();
        let harness = builder.build_eframe(move |cc| {
            OctetWindow::new(cc, given, WindowOptions { open: None, started: Instant::now() })
        });
        let mut window = Self { harness, backend, folders: Vec::new() };
        window.until("plugins are listed", |s| s.strategies.found.is_some());
        window
    }

    /// With a model open.
    pub fn with_model() -> Self {
        Self::with_model_of("net")
    }

    /// With the scripted engine's model of this name open.
    pub fn with_model_of(name: &str) -> Self {
        let mut window = Self::new();
        window.perform(Action::OpenModel(format!("/models/{name}.onnx").into()));
        window.until("the model is open", |s| s.model.open.is_some());
        window
    }

    /// With the report of a run on display.
    pub fn with_report() -> Self {
        Self::with_report_and(|_| {})
    }

    /// With the report of a run on display, and an engine that was prepared.
    pub fn with_report_and(prepare: impl FnOnce(&Scripted)) -> Self {
        let mut window = Self::prepared([1400.0, 900.0], prepare);
        window.perform(Action::OpenModel("/models/net.onnx".into()));
        window.until("the model is open", |s| s.model.open.is_some());
        let network = window.state().model.open.clone().unwrap().network.clone();
        let report = super::report::report(&network, "/models/net.onnx");
        window.backend.reports.lock().unwrap().insert("/runs/one".into(), report);
        window.perform(Action::OpenRun("/runs/one".into()));
        window.until("the report is shown", |s| s.report().is_some());
        window
    }

    pub fn state(&self) -> &State {
        self.harness.state().state()
    }

    pub fn perform(&mut self, action: Action) {
        self.harness.state_mut().perform(vec![action]);
        self.settle();
    }

    /// Draws until threads have reported and the condition holds.
    pub fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let started = Instant::now();
        while !holds(self.state()) {
            assert!(started.elapsed() < Duration::from_secs(20), "in vain waited until {what}");
            std::thread::sleep(Duration::from_millis(4));
            self.harness.step();
        }
        self.settle();
    }

    /// A few frames, enough for clicks to arrive; then until the graph is arranged.
    pub fn settle(&mut self) {
        self.harness.run_steps(4);
        let started = Instant::now();
        while self.state().graph.arranging.is_some() {
            assert!(started.elapsed() < Duration::from_secs(20), "in vain waited for the layout");
            std::thread::sleep(Duration::from_millis(2));
            self.harness.run_steps(2);
        }
    }

    pub fn drop_path(&mut self, path: &Path) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
        self.settle();
    }

    pub fn click(&mut self, role: Role, label: &str) {
        // What a person would scroll to first.
        self.harness.get_by_role_and_label(role, label).scroll_to_me();
        self.settle();
        self.harness.get_by_role_and_label(role, label).click();
        self.settle();
    }

    /// As a screen reader clicks: also on what has to be scrolled to.
    pub fn press(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click_accesskit();
        self.settle();
    }

    pub fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    pub fn has_button(&self, label: &str) -> bool {
        self.harness.query_all_by_role_and_label(Role::Button, label).next().is_some()
    }

    /// Types into the text field of this name.
    pub fn type_into(&mut self, label: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, label).focus();
        self.settle();
        self.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
        self.settle();
    }

    pub fn key(&mut self, key: egui::Key) {
        self.harness.key_press(key);
        self.settle();
    }
}
