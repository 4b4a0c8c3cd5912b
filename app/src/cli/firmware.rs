//! `octet firmware`: the steps of a deployment, one by one.

use std::time::Duration;

use anyhow::Context;
use octet_engine::deploy::{
    BuildRequest, DeployError, Event, FlashPlan, FlashRequest, Flavour, GenerateRequest, ModelPlace,
    MonitorRequest, Port, Project, Reporter, Step, VerifyRequest, build, check_chip, choose_port, flash,
    generate, list_ports, monitor, verify,
};
use octet_engine::job::Cancel;
use serde_json::json;

use super::deploy_output::DeployPrinter;
use super::firmware_args::{
    ContentArgs, FirmwareCommand, FlashArgs, FlavourArg, ModelPlaceArg, MonitorArgs, NewArgs, PortArgs,
    ProjectArgs, PsramArg, VerifyArgs,
};
use super::output::{print_json, print_line};
use super::step_failed::failed;
use super::{UsageError, classify};

pub(super) fn run(command: &FirmwareCommand) -> anyhow::Result<()> {
    match command {
        FirmwareCommand::New(args) => new(args),
        FirmwareCommand::Build(args) => {
            let project = read(Step::Build, &args.project)?;
            let request = BuildRequest { idf: args.idf.clone(), trust: args.trust.trust };
            step(Step::Build, args.json, &project, |reporter| build(&project, &request, reporter).map(drop))
        }
        FirmwareCommand::Flash(args) => write(args),
        FirmwareCommand::Monitor(args) => watch(args),
        FirmwareCommand::Verify(args) => compare(args),
        FirmwareCommand::Classify(args) => classify::run(args),
        FirmwareCommand::Ports { json } => ports(*json),
    }
}

fn new(args: &NewArgs) -> anyhow::Result<()> {
    let request = generate_request(&args.project, &args.content)?;
    let cancel = watch_interrupt()?;
    let mut printer = DeployPrinter::new(args.json, false);
    let mut reporter = Reporter::new(cancel, move |event| printer.show(&event));
    let generated = reporter.run(Step::Generate, |reporter| generate(&request, reporter));
    let project = generated.map_err(failed(Step::Generate))?;
    reporter.tell(done(&project));
    drop(reporter);
    if !args.json {
        print_line(&format!(
            "{} holds the firmware of {} for {}.",
            project.folder.display(),
            project.name,
            project.target
        ));
        let psram = if project.psram { "external RAM" } else { "on the chip" };
        print_line(&format!("  activations {} KiB ({psram})", project.arena_bytes.div_ceil(1024)));
        print_line(&format!("  model       {} KiB", project.model_bytes.div_ceil(1024)));
        print_line(&format!("  flash       {} MB", project.flash_mib));
    }
    Ok(())
}

fn write(args: &FlashArgs) -> anyhow::Result<()> {
    let project = read(Step::Flash, &args.project)?;
    let plan = FlashPlan::read(&project).map_err(failed(Step::Flash))?;
    let request = FlashRequest {
        port: port(Step::Flash, &args.port)?,
        baud: args.baud,
        no_reset: args.port.no_reset,
        model_only: args.model_only,
    };
    step(Step::Flash, args.json, &project, |reporter| match args.chip_check {
        true => check_chip(&plan, &request, reporter).map(drop),
        false => flash(&plan, &request, reporter).map(drop),
    })
}

fn watch(args: &MonitorArgs) -> anyhow::Result<()> {
    let project = read(Step::Monitor, &args.project)?;
    let request = MonitorRequest {
        port: port(Step::Monitor, &args.port)?,
        baud: args.baud,
        no_reset: args.port.no_reset,
        duration: args.secs.map(Duration::from_secs),
        run: project.run.clone(),
    };
    step(Step::Monitor, args.json, &project, |reporter| monitor(&request, reporter).map(drop))
}

fn compare(args: &VerifyArgs) -> anyhow::Result<()> {
    let project = read(Step::Verify, &args.project)?;
    let request = VerifyRequest {
        port: port(Step::Verify, &args.port)?,
        baud: args.baud,
        no_reset: args.port.no_reset,
        patience: Duration::from_secs(args.patience),
    };
    step(Step::Verify, args.json, &project, |reporter| verify(&project, &request, reporter).map(drop))
}

fn ports(as_json: bool) -> anyhow::Result<()> {
    let ports = list_ports();
    if as_json {
        return print_json(&json!({ "ports": ports }));
    }
    for port in &ports {
        let mark = if port.is_board { "board  " } else { "       " };
        print_line(&format!("{mark}  {:<16} {}", port.name, port.description));
    }
    if ports.is_empty() {
        print_line("there is no serial port; `octet doctor` says more");
    }
    Ok(())
}

/// Runs one step and tells its end.
pub(super) fn step(
    step: Step,
    json: bool,
    project: &Project,
    work: impl FnOnce(&mut Reporter<'_>) -> Result<(), DeployError>,
) -> anyhow::Result<()> {
    let cancel = watch_interrupt()?;
    let mut printer = DeployPrinter::new(json, step == Step::Monitor);
    let mut reporter = Reporter::new(cancel, move |event| printer.show(&event));
    match reporter.run(step, work) {
        // Nothing else ends the console but Ctrl-C: whoever presses it has seen what there was to see.
        Err(error) if step == Step::Monitor && error.is_cancelled() => {}
        result => result.map_err(failed(step))?,
    }
    reporter.tell(done(project));
    Ok(())
}

fn done(project: &Project) -> Event {
    Event::Done { run: project.run.clone(), project: project.folder.clone() }
}

/// Ctrl-C ends the step.
pub(super) fn watch_interrupt() -> anyhow::Result<Cancel> {
    let cancel = Cancel::default();
    let token = cancel.clone();
    ctrlc::set_handler(move || token.cancel()).context("cannot watch for Ctrl-C")?;
    Ok(cancel)
}

pub(super) fn flavour(args: &ProjectArgs) -> Flavour {
    match args.flavour {
        FlavourArg::Octet => Flavour::Octet,
        FlavourArg::EspDl => Flavour::EspDl,
    }
}

pub(super) fn generate_request(args: &ProjectArgs, content: &ContentArgs) -> anyhow::Result<GenerateRequest> {
    if let Some(name) = &args.target {
        super::target(name)?;
    }
    Ok(GenerateRequest {
        run: args.run.clone(),
        out: args.out.clone(),
        target: args.target.clone(),
        flavour: flavour(args),
        model_place: match content.model_in {
            ModelPlaceArg::Partition => ModelPlace::Partition,
            ModelPlaceArg::Rodata => ModelPlace::Rodata,
        },
        names: content.names.clone(),
        pictures: content.pictures,
        p4_below_revision_3: content.chip_revision.is_some_and(|(major, _)| major < 3),
        psram: match content.psram {
            PsramArg::Auto => None,
            PsramArg::On => Some(true),
            PsramArg::Off => Some(false),
        },
        afresh: content.afresh,
    })
}

/// The project that `firmware new` wrote.
pub(super) fn read(step: Step, args: &ProjectArgs) -> anyhow::Result<Project> {
    // A run may be named by its report, as `firmware new` takes it.
    let run = match args.run.parent() {
        Some(parent) if args.run.is_file() && parent.as_os_str().is_empty() => std::path::Path::new("."),
        Some(parent) if args.run.is_file() => parent,
        _ => &args.run,
    };
    let folder = args.out.clone().unwrap_or_else(|| Project::default_folder(run, flavour(args)));
    let project = Project::read(&folder, run).map_err(failed(step))?;
    if let Some(name) = &args.target
        && super::target(name)?.name != project.target
    {
        let message = format!(
            "`{}` is for {}; write it for {name} with `octet firmware new`",
            folder.display(),
            project.target
        );
        return Err(UsageError(message).into());
    }
    Ok(project)
}

/// The port that was asked for, or the only board's.
pub(super) fn port(step: Step, args: &PortArgs) -> anyhow::Result<Port> {
    Ok(choose_port(args.port.as_deref(), &list_ports()).map_err(failed(step))?)
}
