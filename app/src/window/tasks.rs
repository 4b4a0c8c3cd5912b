//! Carries out what takes time: one thread for each, which reports through a channel and wakes the window.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use octet_engine::deploy::DeployRequest;
use octet_engine::job::{JobHandle, QuantizeRequest};

use super::actions::{DeployEffect, DeployMessage, Effect};
use super::backend::Backend;
use super::messages::Message;
use super::state::{DeployWork, Model, ThemeChoice};
use super::{START_TARGET, fonts};

/// The threads' channel and what they work with.
pub struct Tasks {
    ctx: egui::Context,
    backend: Arc<dyn Backend>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

/// Sends messages and wakes the window.
#[derive(Clone)]
struct Reporter {
    ctx: egui::Context,
    sender: Sender<Message>,
}

impl Reporter {
    /// False when the window is gone.
    fn report(&self, message: Message) -> bool {
        let heard = self.sender.send(message).is_ok();
        self.ctx.request_repaint();
        heard
    }
}

impl Tasks {
    /// Works with this backend for the window behind `ctx`.
    pub fn new(ctx: egui::Context, backend: Arc<dyn Backend>) -> Self {
        let (sender, receiver) = channel();
        Self { ctx, backend, sender, receiver }
    }

    /// What the tasks work with.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// The messages that have arrived.
    pub fn messages(&self) -> Vec<Message> {
        self.receiver.try_iter().collect()
    }

    /// Starts what was asked for.
    pub fn run(&self, effect: Effect) {
        match effect {
            Effect::Ask(what) => self.spawn("dialog", move |b| Message::Picked(what, b.pick(what))),
            Effect::Drop(paths) => self.spawn("drop", move |b| {
                let kind = |p: std::path::PathBuf| {
                    let kind = b.classify(&p);
                    (p, kind)
                };
                Message::Dropped(paths.into_iter().map(kind).collect())
            }),
            Effect::LookAtHover(paths) => self.spawn("hover", move |b| {
                let kinds = paths.iter().map(|p| b.classify(p)).collect();
                Message::Hovers(paths, kinds)
            }),
            Effect::OpenModel(path) => self.spawn("open", move |b| {
                let started = Instant::now();
                let opened = b.open_model(&path);
                let model = opened.map(|o| Box::new(Model::new(path.clone(), o)));
                let ms = started.elapsed().as_millis();
                tracing::info!(target: START_TARGET, ms, "read {}", path.display());
                Message::Model(path, model)
            }),
            Effect::OpenExample => self.spawn("example", |b| Message::Example(b.example_model())),
            Effect::OpenRun(path) => self.spawn("report", move |b| {
                let report = b.load_report(&path).map(Box::new);
                Message::Run(path, report)
            }),
            Effect::ListPictures { path, evaluation, labels } => self.spawn("pictures", move |b| {
                Message::Folder { evaluation, result: b.list_pictures(&path, labels.as_deref()) }
            }),
            Effect::FindPlugins => self.spawn("plugins", |b| Message::Plugins(b.plugins())),
            Effect::Trust(path) => self.spawn("trust", move |b| Message::Trusted(b.trust(&path))),
            Effect::Start { request, label } => self.start(*request, label),
            Effect::Graph(effect) => self.spawn("graph", move |b| Message::Graph(effect.run(b))),
            Effect::Inspect(effect) => self.spawn("inspect", move |b| Message::Inspect(effect.run(b))),
            Effect::Pictures(effect) => self.spawn("pictures", move |b| Message::Pictures(effect.run(b))),
            Effect::Strategy(effect) => self.spawn("strategy", move |b| Message::Strategy(effect.run(b))),
            Effect::Runs(effect) => self.spawn("runs", move |b| Message::Runs(effect.run(b))),
            Effect::Deploy(DeployEffect::Start { work, request }) => self.deploy(work, *request),
            Effect::Deploy(effect) => self.spawn("deploy", move |b| Message::Deploy(effect.run(b))),
            Effect::Edit(effect) => self.spawn("edit", move |b| Message::Edit(effect.run(b))),
            Effect::Project(effect) => self.spawn("project", move |b| Message::Project(effect.run(b))),
            Effect::SetScale(scale) => self.ctx.set_zoom_factor(scale),
            Effect::AddChineseGlyphs => {
                let ctx = self.ctx.clone();
                spawn_named("font", move || fonts::add_system_face(&ctx));
            }
            Effect::Close => self.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Effect::Notify(text) => notify(&self.ctx, text),
            Effect::Copy(text) => self.ctx.copy_text(text),
            Effect::SetTheme(theme) => self.ctx.set_theme(match theme {
                ThemeChoice::System => egui::ThemePreference::System,
                ThemeChoice::Dark => egui::ThemePreference::Dark,
                ThemeChoice::Light => egui::ThemePreference::Light,
            }),
        }
    }

    fn reporter(&self) -> Reporter {
        Reporter { ctx: self.ctx.clone(), sender: self.sender.clone() }
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&dyn Backend) -> Message + Send + 'static) {
        let (backend, reporter) = (self.backend.clone(), self.reporter());
        spawn_named(name, move || {
            reporter.report(work(backend.as_ref()));
        });
    }

    /// Works with a board until that ends, or the window is gone.
    fn deploy(&self, work: DeployWork, request: DeployRequest) {
        let (backend, reporter) = (self.backend.clone(), self.reporter());
        spawn_named("deployment", move || {
            let handle = backend.deploy(work, request);
            reporter.report(Message::Deploy(DeployMessage::Started(handle.cancel.clone())));
            for event in &handle.events {
                if !reporter.report(Message::Deploy(DeployMessage::Told(Box::new(event)))) {
                    handle.cancel.cancel();
                    return;
                }
            }
            reporter.report(Message::Deploy(DeployMessage::Over));
        });
    }

    fn start(&self, mut request: QuantizeRequest, label: String) {
        let (backend, reporter) = (self.backend.clone(), self.reporter());
        spawn_named("job", move || {
            let started = backend.new_run_folder(&label).and_then(|out| {
                request.out = out;
                backend.start(request)
            });
            match started {
                Ok(handle) => follow(&reporter, &handle),
                Err(problem) => {
                    reporter.report(Message::Started(Err(problem)));
                }
            }
        });
    }
}

/// Tells the user of the end of a long job: the system's notification, and a sign on the window's entry.
fn notify(ctx: &egui::Context, text: String) {
    use egui::{UserAttentionType, ViewportCommand};
    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
    spawn_named("notify", move || {
        // Where the system has no such program, the sign on the window's entry is all there is.
        let told = std::process::Command::new("notify-send")
            .args(["--app-name=Octet", "--icon=octet", "--", "Octet", &text])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        if let Err(error) = told {
            tracing::debug!("no notification: {error}");
        }
    });
}

/// Passes on what a job tells until it ends; ends it when the window is gone.
fn follow(reporter: &Reporter, handle: &JobHandle) {
    reporter.report(Message::Started(Ok(handle.cancel.clone())));
    for event in &handle.events {
        if !reporter.report(Message::Job(event)) {
            handle.cancel.cancel();
            return;
        }
    }
    reporter.report(Message::JobOver);
}

fn spawn_named(name: &str, work: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name(format!("window-{name}")).spawn(work);
    if let Err(error) = spawned {
        tracing::error!("no thread for {name}: {error}");
    }
}
