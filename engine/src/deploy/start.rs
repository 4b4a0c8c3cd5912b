//! The whole way in the background, as the window's button and `octet deploy` want it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::build::{self, BuildRequest, build};
use super::chip::ChipFacts;
use super::error::DeployError;
use super::event::{Event, Reporter, Step};
use super::flash::{FlashRequest, detect, flash};
use super::generate::{self, GenerateRequest, generate};
use super::origin::Origins;
use super::plan::FlashPlan;
use super::ports::{Port, choose_port, list_ports};
use super::project::{PROJECT_FILE, Project};
use super::verify::{VerifyRequest, verify};
use crate::job::Cancel;
use crate::run;
use crate::strategy::LogLevel;

/// Events that wait for the listener; more hold the deployment up.
const EVENTS_IN_FLIGHT: usize = 4096;

/// From a run to a board that answers.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployRequest {
    /// What to generate.
    pub generate: GenerateRequest,
    /// How to build.
    pub build: BuildRequest,
    /// The port; `None`: the only board.
    pub port: Option<String>,
    /// Speed of flashing.
    pub baud: u32,
    /// Speed of the console.
    pub console_baud: u32,
    /// Leave the modem lines alone.
    pub no_reset: bool,
    /// Write the model's partition alone; nothing is built then.
    pub model_only: bool,
    /// Whether the board's tensors are compared in the end.
    pub verify: bool,
    /// End with what was built, without a board.
    pub until_built: bool,
    /// A board that says nothing for so long has failed.
    pub patience: Duration,
}

/// A deployment that runs in the background. Dropping the handle does not end it; [`Cancel::cancel`] does.
#[derive(Debug)]
pub struct DeployHandle {
    /// What happens; ends after [`Event::Done`] or [`Event::Error`].
    pub events: Receiver<Event>,
    /// Ends it, with the build's whole process group.
    pub cancel: Cancel,
}

/// Starts it.
pub fn start(request: DeployRequest) -> DeployHandle {
    background(move |reporter| deploy(&request, reporter))
}

/// Runs a step, or several, in the background.
pub fn background(
    work: impl FnOnce(&mut Reporter<'_>) -> Result<Project, DeployError> + Send + 'static,
) -> DeployHandle {
    let (sender, events) = sync_channel(EVENTS_IN_FLIGHT);
    let cancel = Cancel::default();
    let token = cancel.clone();
    std::thread::spawn(move || {
        let last = sender.clone();
        // Nobody listens any more when sending fails; the work goes on to its end.
        let mut reporter = Reporter::new(token, move |event| drop(sender.send(event)));
        let result = work(&mut reporter);
        let step = reporter.step();
        let event = match result {
            Ok(project) => Event::Done { run: project.run, project: project.folder },
            Err(error) => {
                Event::Error { step, message: error.to_string(), help: error.help(), cause: error.cause() }
            }
        };
        drop(last.send(event));
    });
    DeployHandle { events, cancel }
}

fn deploy(request: &DeployRequest, reporter: &mut Reporter<'_>) -> Result<Project, DeployError> {
    let mut generating = request.generate.clone();
    let port = reporter.run(Step::Toolchain, |reporter| prepare(request, &mut generating, reporter))?;
    let project = reporter.run(Step::Generate, |reporter| generate(&generating, reporter))?;
    let Some(port) = port else {
        reporter.run(Step::Build, |reporter| build(&project, &request.build, reporter))?;
        return Ok(project);
    };
    let built = match request.model_only {
        // Whatever was built last is what the board has; only the model is taken from now.
        true => None,
        false => Some(reporter.run(Step::Build, |reporter| build(&project, &request.build, reporter))?),
    };
    let flashing = FlashRequest {
        port: port.clone(),
        baud: request.baud,
        no_reset: request.no_reset,
        model_only: request.model_only,
    };
    reporter.run(Step::Flash, |reporter| {
        let plan = built.map_or_else(|| FlashPlan::read(&project), Ok)?;
        flash(&plan, &flashing, reporter)
    })?;
    if request.verify {
        let verifying = VerifyRequest {
            port,
            baud: request.console_baud,
            no_reset: request.no_reset,
            patience: request.patience,
        };
        reporter.run(Step::Verify, |reporter| verify(&project, &verifying, reporter))?;
    }
    Ok(project)
}

/// What would fail at the end is better told at the beginning: the tools, the port, the chip at its other end. Returns the
/// port; `None` where no board is wanted.
fn prepare(
    request: &DeployRequest,
    generating: &mut GenerateRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Option<Port>, DeployError> {
    let report = run::read_report(&generating.run)?;
    let target = generating.target.clone().unwrap_or_else(|| report.target.clone());
    let chip = ChipFacts::by_name(&target).ok_or_else(|| {
        DeployError::request(
            format!("there is no target `{target}`"),
            "`octet firmware new --help` lists them",
        )
    })?;
    if request.until_built || !request.model_only {
        check_origin(request)?;
        build::toolchain(
            chip,
            generating.psram.unwrap_or(false),
            generating.flavour,
            &request.build,
            reporter,
        )?;
    }
    if request.until_built {
        return Ok(None);
    }
    let port = choose_port(request.port.as_deref(), &list_ports())?;
    // A board that was brought into its boot loader by hand is talked to once, when it is written.
    if request.no_reset {
        return Ok(Some(port));
    }
    let looking = FlashRequest {
        port: port.clone(),
        baud: request.baud,
        no_reset: request.no_reset,
        model_only: request.model_only,
    };
    let device = detect(&looking, reporter)?;
    reporter.tell(Event::Device(device.clone()));
    if device.chip != chip.name {
        return Err(DeployError::Board {
            message: format!(
                "the board at {} is an {}, and the run is for {}",
                port.name, device.chip, chip.name
            ),
            help: format!(
                "choose the other board's port with --port, or quantize the model with `--target {}`",
                device.chip
            ),
        });
    }
    if chip.name == "esp32p4"
        && let Some((major, minor)) = device.revision
    {
        generating.p4_below_revision_3 = major < 3;
        reporter.log(LogLevel::Info, format!("the chip has revision {major}.{minor}"));
    }
    Ok(Some(port))
}

/// A project that is there already, and that would be built, has to be Octet's own; settings around it count before it is
/// there too. What is told so early has changed nothing.
fn check_origin(request: &DeployRequest) -> Result<(), DeployError> {
    let GenerateRequest { run, out, flavour, afresh, .. } = &request.generate;
    let run_folder = if run.is_dir() { run.clone() } else { generate::parent(run) };
    let project = out.clone().unwrap_or_else(|| Project::default_folder(&run_folder, *flavour));
    if request.build.trust {
        return Ok(());
    }
    let will_be_own = *afresh || !project.join(PROJECT_FILE).is_file();
    Origins::of_user().check(&project, &run_folder, will_be_own)
}
