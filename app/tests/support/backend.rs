//! An engine that does what a test says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use octet::window::backend::{
    Backend, Example, Exponents, FoundPlugins, OpenedModel, Pick, Picked, PicturesBackend, PluginDescription,
    ProjectBackend, RunsBackend, SettingChoice, SettingField, SettingKind, StrategyBackend,
};
use octet::window::project::Orphan;
use octet::window::settings::Settings;
use octet::window::state::{CheckKey, Place, Problem, Work};
use octet_engine::deploy::{Measurement, Port};
use octet_engine::host::PluginFile;
use octet_engine::job::{Cancel, Event, JobHandle, QuantizeRequest};
use octet_engine::pictures::{Entry, Survey, survey};
use octet_engine::report::Report;
use serde_json::json;

use super::board::StartedDeployment;
use super::network::{branched, mobilenet_v2, single, unicode};

/// A job that was started; the test plays its part.
pub struct StartedJob {
    pub request: QuantizeRequest,
    pub sender: Sender<Event>,
    pub cancel: Cancel,
}

/// The scripted engine.
#[derive(Default)]
pub struct Scripted {
    pub jobs: Mutex<Vec<StartedJob>>,
    pub reports: Mutex<BTreeMap<PathBuf, Report>>,
    pub picks: Mutex<Vec<Picked>>,
    /// What was asked about operations and pictures.
    pub asked: Mutex<Vec<String>>,
    /// A check of pictures goes on until it is stopped.
    pub holds_check: AtomicBool,
    /// Plugins that were trusted.
    pub installed: Mutex<Vec<PluginFile>>,
    /// Folders that were opened in the file manager.
    pub opened: Mutex<Vec<PathBuf>>,
    /// The session that ended in order before.
    pub last: Mutex<Option<Orphan>>,
    /// The settings of the last start.
    pub settings: Mutex<Settings>,
    /// Plugins that are found besides the usual two.
    pub extra: Mutex<Vec<PluginDescription>>,
    /// Plugins that are not found at the moment.
    pub gone: Mutex<Vec<String>>,
    /// Serial ports.
    pub ports: Mutex<Vec<Port>>,
    /// How often they were listed.
    pub looks: AtomicUsize,
    /// Deployments that were started.
    pub deployments: Mutex<Vec<StartedDeployment>>,
    /// What boards measured, by run folder.
    pub measurements: Mutex<BTreeMap<PathBuf, Measurement>>,
    /// The folder that comes with the example.
    pub example_pictures: Mutex<PathBuf>,
    /// The data folder, for tests that delete runs.
    pub data: Mutex<Option<PathBuf>>,
}

/// A plugin whose only setting names a program.
pub fn trainer() -> PluginDescription {
    let fields = vec![field("command", "Command", SettingKind::Text, json!(""))];
    PluginDescription { fields, ..plugin("dev.octet.trainer", "Trainer") }
}

fn field(key: &str, title: &str, kind: SettingKind, default: serde_json::Value) -> SettingField {
    let description = format!("What {title} does");
    let (key, title) = (key.to_owned(), title.to_owned());
    SettingField { runs_program: key == "command", key, title, description, kind, default }
}

fn choice(value: &str) -> SettingChoice {
    SettingChoice { value: value.to_owned(), description: String::new() }
}

pub fn plugin(id: &str, name: &str) -> PluginDescription {
    let observers = vec![choice("kl"), choice("minmax"), choice("percentile")];
    PluginDescription {
        id: id.to_owned(),
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        vendor: "Octet".to_owned(),
        description: format!("{name}, scripted"),
        targets: Vec::new(),
        exponents: if id.ends_with("equalization") { Exponents::Leaves } else { Exponents::Chooses },
        fields: vec![
            field("observer", "Observer", SettingKind::Choice { options: observers }, json!("kl")),
            field("per_channel", "Per channel", SettingKind::Bool, json!(true)),
            field("bins", "Bins", SettingKind::Integer { min: Some(16), max: Some(4096) }, json!(2048)),
            field(
                "quantile",
                "Quantile",
                SettingKind::Number { min: Some(0.9), max: Some(1.0) },
                json!(0.9999),
            ),
            field("note", "Note", SettingKind::Text, json!("")),
            field("except", "Never", SettingKind::Patterns, json!("")),
        ],
    }
}

impl PicturesBackend for Scripted {
    fn check_pictures(&self, entries: &[Entry], key: &CheckKey, ticket: &Work) -> Option<Survey> {
        while self.holds_check.load(Ordering::Relaxed) && !ticket.flag().load(Ordering::Relaxed) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        survey(entries, &key.preprocessing, key.classes, ticket.flag(), |done| ticket.reached(done))
    }
}
impl StrategyBackend for Scripted {
    fn look_at_plugin(&self, path: &Path) -> Result<PluginFile, Problem> {
        if path.ends_with("bad.so") {
            return Err(Problem::new(Place::Strategy, "This plugin cannot be installed", "it is no library"));
        }
        Ok(PluginFile {
            path: path.to_owned(),
            bytes: 4096,
            sha256: "0123456789abcdef".repeat(4),
            destination: Path::new("/data/plugins").join(path.file_name().unwrap()),
            replaces: false,
            trusted: false,
        })
    }

    fn install_plugin(&self, file: &PluginFile, _in_place: bool) -> Result<PluginDescription, Problem> {
        self.installed.lock().unwrap().push(file.clone());
        Ok(plugin("org.example.new", "New one"))
    }
}
impl RunsBackend for Scripted {
    fn runs_data(&self) -> Option<PathBuf> {
        self.data.lock().unwrap().clone()
    }
    fn open_folder(&self, folder: &Path) -> Result<(), Problem> {
        self.opened.lock().unwrap().push(folder.to_owned());
        Ok(())
    }
}
impl ProjectBackend for Scripted {
    fn settings(&self) -> Settings {
        self.settings.lock().unwrap().clone()
    }
    fn save_settings(&self, settings: &Settings) {
        *self.settings.lock().unwrap() = settings.clone();
    }
    fn last_session(&self) -> Option<Orphan> {
        self.last.lock().unwrap().clone()
    }
}

impl Backend for Scripted {
    fn open_model(&self, path: &Path) -> Result<OpenedModel, Problem> {
        if path.ends_with("bad.onnx") {
            return Err(Problem::new(Place::Model, "The model is damaged", "node `x` reads itself"));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        assert!(name != "panics", "a scripted panic");
        let network = match name.as_ref() {
            "large" => branched(2000),
            "branched" => branched(40),
            "unicode" => unicode(),
            "single" => single(),
            _ => mobilenet_v2(224),
        };
        let sha256 = if name == "other" { "def" } else { "abc" }.to_owned();
        Ok(OpenedModel { network, sha256, notes: vec!["2 nodes folded".to_owned()] })
    }

    fn example(&self) -> Result<Example, Problem> {
        let pictures = self.example_pictures.lock().unwrap().clone();
        Ok(Example { model: PathBuf::from("/example/mobilenetv2.onnx"), pictures })
    }

    fn plugins(&self) -> Result<FoundPlugins, Problem> {
        let mut usable =
            vec![plugin("dev.octet.equalization", "Equalization"), plugin("dev.octet.int8", "Int8")];
        usable.retain(|p| !self.gone.lock().unwrap().contains(&p.id));
        usable.extend(self.extra.lock().unwrap().clone());
        usable.extend(self.installed.lock().unwrap().iter().map(|_| plugin("org.example.new", "New one")));
        Ok(FoundPlugins { usable, refused: Vec::new() })
    }

    fn new_run_folder(&self, label: &str) -> Result<PathBuf, Problem> {
        Ok(PathBuf::from("/runs").join(label))
    }

    fn start(&self, request: QuantizeRequest) -> Result<JobHandle, Problem> {
        let (sender, events) = channel();
        let cancel = Cancel::default();
        self.jobs.lock().unwrap().push(StartedJob { request, sender, cancel: cancel.clone() });
        Ok(JobHandle { events, cancel })
    }

    fn load_report(&self, run: &Path) -> Result<Report, Problem> {
        let reports = self.reports.lock().unwrap();
        reports
            .get(run)
            .cloned()
            .ok_or_else(|| Problem::new(Place::Run, "This run cannot be read", run.display().to_string()))
    }

    fn pick(&self, _what: Pick) -> Picked {
        self.picks.lock().unwrap().pop().unwrap_or(Picked::Unavailable)
    }
}
