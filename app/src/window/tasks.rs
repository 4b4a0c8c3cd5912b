//! Carries out what takes time: one thread for each, which reports through a channel and wakes the window.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use octet_engine::deploy::{DeployRequest, Port};
use octet_engine::job::{JobHandle, QuantizeRequest};

use super::actions::{DeployEffect, DeployMessage, Effect, ProjectEffect};
use super::backend::Backend;
use super::lost::{Lost, lost};
use super::messages::Message;
use super::state::{DeployWork, Model, ThemeChoice};
use super::{START_TARGET, fonts};

/// The threads' channel and what they work with.
pub struct Tasks {
    ctx: egui::Context,
    backend: Arc<dyn Backend>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    saves: Queue,
    /// The thread that looks for boards ends when this goes.
    watch: Cell<Option<Sender<()>>>,
    /// What is told when the work on the effect at hand ends in a panic.
    lost: Cell<Lost>,
}

/// How often boards are looked for.
const PORTS_EVERY: Duration = Duration::from_secs(1);

/// Work that is done one piece after the other on one thread; dropping it waits for the last one. A project that is saved
/// twice ends up as it was saved last, also when the window closes meanwhile.
#[derive(Default)]
struct Queue {
    running: Option<(Sender<Piece>, thread::JoinHandle<()>)>,
}

type Piece = Box<dyn FnOnce() + Send>;

impl Queue {
    fn start() -> Self {
        let (sender, pieces) = channel::<Piece>();
        let spawned = thread::Builder::new()
            .name("window-saves".to_owned())
            .spawn(move || pieces.into_iter().for_each(|piece| piece()));
        match spawned {
            Ok(thread) => Self { running: Some((sender, thread)) },
            Err(error) => {
                tracing::error!("no thread for saving: {error}");
                Self::default()
            }
        }
    }

    fn add(&self, piece: Piece) {
        if let Some((sender, _)) = &self.running {
            // A thread that is gone has told why.
            let _ = sender.send(piece);
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.running.take() {
            drop(sender);
            // A panic has been reported by its thread.
            let _ = thread.join();
        }
    }
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
        Self {
            ctx,
            backend,
            sender,
            receiver,
            saves: Queue::start(),
            watch: Cell::default(),
            lost: Cell::default(),
        }
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
        self.lost.set(lost(&effect));
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
            Effect::OpenExample => self.spawn("example", |b| Message::Example(b.example())),
            Effect::OpenRun(path) => self.spawn("report", move |b| {
                let report = b.load_report(&path).map(Box::new);
                Message::Run(path, report)
            }),
            Effect::ListPictures { path, labels, ticket } => self.spawn("pictures", move |b| {
                Message::Folder { ticket, result: b.list_pictures(&path, labels.as_deref()) }
            }),
            Effect::FindPlugins => self.spawn("plugins", |b| Message::Plugins(b.plugins())),
            Effect::Start { request, label, is_score } => self.start(*request, label, is_score),
            Effect::Graph(effect) => self.spawn("graph", move |b| Message::Graph(effect.run(b))),
            Effect::Inspect(effect) => self.spawn("inspect", move |b| Message::Inspect(effect.run(b))),
            Effect::Pictures(effect) => self.spawn("pictures", move |b| Message::Pictures(effect.run(b))),
            Effect::Strategy(effect) => self.spawn("strategy", move |b| Message::Strategy(effect.run(b))),
            Effect::Runs(effect) => self.spawn("runs", move |b| Message::Runs(effect.run(b))),
            Effect::Deploy(DeployEffect::Start { work, request }) => self.deploy(work, *request),
            Effect::Deploy(DeployEffect::WatchPorts(known)) => self.watch_ports(known),
            Effect::Deploy(DeployEffect::LeavePorts) => self.watch.set(None),
            Effect::Deploy(effect) => self.spawn("deploy", move |b| Message::Deploy(effect.run(b))),
            Effect::Edit(effect) => self.spawn("edit", move |b| Message::Edit(effect.run(b))),
            Effect::Project(effect @ ProjectEffect::Save { .. }) => {
                let (backend, reporter, lost) = (self.backend.clone(), self.reporter(), self.lost.take());
                self.saves.add(Box::new(move || {
                    let message = guarded(lost, || Message::Project(effect.run(backend.as_ref())));
                    if let Some(message) = message {
                        reporter.report(message);
                    }
                }));
            }
            Effect::Project(effect) => self.spawn("project", move |b| Message::Project(effect.run(b))),
            Effect::LookForFile { path, then } => self.spawn("look", move |_| {
                let is_there = path.exists();
                Message::FileThere { path, then, is_there }
            }),
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

    /// Works on a thread. Where the work ends in a panic, what waits for it is told.
    fn spawn(&self, name: &str, work: impl FnOnce(&dyn Backend) -> Message + Send + 'static) {
        let (backend, reporter, lost) = (self.backend.clone(), self.reporter(), self.lost.take());
        spawn_named(name, move || {
            if let Some(message) = guarded(lost, || work(backend.as_ref())) {
                reporter.report(message);
            }
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

    /// Looks for boards until nobody wants to know. Only what is new wakes the window.
    fn watch_ports(&self, mut known: Vec<Port>) {
        let (sender, end) = channel();
        self.watch.set(Some(sender));
        let (backend, reporter) = (self.backend.clone(), self.reporter());
        spawn_named("ports", move || {
            while end.recv_timeout(PORTS_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = backend.ports();
                if now != known {
                    known.clone_from(&now);
                    reporter.report(Message::Deploy(DeployMessage::Ports(now)));
                }
            }
        });
    }

    fn start(&self, mut request: QuantizeRequest, label: String, is_score: bool) {
        let (backend, reporter, lost) = (self.backend.clone(), self.reporter(), self.lost.take());
        spawn_named("job", move || {
            let after = reporter.clone();
            let message = guarded(lost, move || {
                let folder = match is_score {
                    true => backend.new_score_folder(&label),
                    false => backend.new_run_folder(&label),
                };
                let started = folder.and_then(|out| {
                    request.out = out;
                    // What the user has deleted since need not be left out.
                    request.leave_out.retain(|path| Path::new(path).exists());
                    backend.start(request)
                });
                match started {
                    Ok(handle) => {
                        follow(&reporter, &handle);
                        Message::JobOver
                    }
                    Err(problem) => Message::Started(Err(problem)),
                }
            });
            if let Some(message) = message {
                after.report(message);
            }
        });
    }
}

/// The message of the work; that of its end where it panics. The panic itself is logged by the thread.
fn guarded(lost: Lost, work: impl FnOnce() -> Message) -> Option<Message> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(message) => Some(message),
        Err(panic) => lost.map(|lost| lost(&reason(panic.as_ref()))),
    }
}

/// What a panic says.
fn reason(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
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
}

fn spawn_named(name: &str, work: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name(format!("window-{name}")).spawn(work);
    if let Err(error) = spawned {
        tracing::error!("no thread for {name}: {error}");
    }
}
