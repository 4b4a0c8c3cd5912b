//! `idf.py build` as a child whose whole process group ends with it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::build_log::{BuildLog, Finding};
use super::chip::ChipFacts;
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::generate::Flavour;
use super::plan::FlashPlan;
use super::project::Project;
use crate::doctor::idf::{self, Activation, Idf, Places, Version};
use crate::doctor::rust::Rust;
use crate::job::group::kill_group;
use crate::job::lines::Lines;
use crate::strategy::LogLevel;

/// Name of the saved log in the run folder.
const BUILD_LOG: &str = "build.log";
/// Lines that wait to be told; more hold the build up.
const LINES_IN_FLIGHT: usize = 1024;
/// How often the user's wish to end is looked at.
const TURN: Duration = Duration::from_millis(100);

/// How to build.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BuildRequest {
    /// The ESP-IDF to use; `None`: the first that is found.
    pub idf: Option<PathBuf>,
}

/// The ESP-IDF for a project.
///
/// # Errors
/// None was found, or none is new enough.
pub(super) fn toolchain(
    chip: &ChipFacts,
    psram: bool,
    flavour: Flavour,
    request: &BuildRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Idf, DeployError> {
    let mut places = Places::of_machine();
    if let Some(asked) = &request.idf {
        // An environment of another ESP-IDF must not be mixed with this one.
        let is_active = places.idf_path.as_ref() == Some(asked);
        places = Places {
            idf_path: Some(asked.clone()),
            path: places.path.filter(|_| is_active),
            ..Places::default()
        };
    }
    let found = idf::find(&places);
    let minimum = Version(chip.minimum_idf.0, chip.minimum_idf.1, 0);
    let get = format!(
        "install ESP-IDF {}.{} or later (docs/deploy.md), or name its folder with --idf; `octet doctor` says what is there",
        minimum.0, minimum.1
    );
    let mut problem = None;
    for idf in found {
        match idf.problem(minimum, psram) {
            None => {
                reporter.log(LogLevel::Info, format!("ESP-IDF {}", idf.described()));
                if flavour == Flavour::Octet
                    && let Some(remedy) = Rust::of_machine().missing_for(chip.rust)
                {
                    // Other sources of Rust than rustup exist; the build knows in the end.
                    let message = format!("Rust for {} seems to be missing: {remedy}", chip.rust.name());
                    reporter.log(LogLevel::Warning, message);
                }
                return Ok(idf);
            }
            Some(reason) => problem = problem.or(Some(reason)),
        }
    }
    Err(match (problem, &request.idf) {
        (Some(reason), _) => DeployError::request(reason, get),
        (None, Some(asked)) => DeployError::request(format!("`{}` holds no ESP-IDF", asked.display()), get),
        (None, None) => DeployError::Missing { what: "ESP-IDF".to_owned(), help: get },
    })
}

/// Builds the project. The whole log goes to `build.log` in the run folder.
///
/// # Errors
/// ESP-IDF is missing, the build failed (the first error is in the message), or what it left cannot be flashed.
pub fn build(
    project: &Project,
    request: &BuildRequest,
    reporter: &mut Reporter<'_>,
) -> Result<FlashPlan, DeployError> {
    let idf = toolchain(project.chip(), project.psram, project.flavour, request, reporter)?;
    remove_other_chips_build(project)?;
    let log_path = project.run.join(BUILD_LOG);
    let mut log_file = File::create(&log_path).map_err(DeployError::file(&log_path))?;
    let mut child = spawn(project, &idf)?;
    let (sender, lines) = sync_channel::<String>(LINES_IN_FLIGHT);
    let readers = [
        child.stdout.take().map(|pipe| read_lines(pipe, sender.clone())),
        child.stderr.take().map(|pipe| read_lines(pipe, sender.clone())),
    ];
    drop(sender);
    let mut log = BuildLog::default();
    loop {
        if reporter.cancel().is_cancelled() {
            end(&mut child);
            return Err(DeployError::Cancelled);
        }
        match lines.recv_timeout(TURN) {
            Ok(line) => {
                writeln!(log_file, "{line}").map_err(DeployError::file(&log_path))?;
                let finding = log.take(&line);
                tell(finding, reporter);
                reporter.log(LogLevel::Debug, line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    readers.into_iter().flatten().for_each(|reader| drop(reader.join()));
    tell(log.finish(), reporter);
    let status = child.wait().map_err(DeployError::file(&log_path))?;
    if !status.success() {
        let first = log.first_error();
        return Err(DeployError::Build {
            message: first.map(in_words).or_else(|| Some(format!("idf.py ended with {status}"))),
            help: first.and_then(|d| d.help.clone()),
            log: log_path,
        });
    }
    let plan = FlashPlan::read(project)?;
    for file in &plan.files {
        let place = plan.partitions.iter().find(|p| p.name == file.name);
        let room = place.map_or_else(String::new, |p| format!(" of {} KiB", p.size >> 10));
        let message =
            format!("{} at {:#x}: {} KiB{room}", file.name, file.offset, file.bytes.len().div_ceil(1024));
        reporter.log(LogLevel::Info, message);
    }
    reporter.progress(1.0, "built");
    Ok(plan)
}

fn in_words(diagnostic: &super::event::Diagnostic) -> String {
    let place = match (&diagnostic.file, diagnostic.line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", file.display()),
        (Some(file), None) => format!("{}: ", file.display()),
        _ => String::new(),
    };
    format!("{place}{}", diagnostic.message)
}

fn tell(finding: Option<Finding>, reporter: &mut Reporter<'_>) {
    match finding {
        Some(Finding::Progress { fraction, text }) => reporter.progress(fraction, text),
        Some(Finding::Diagnostic(diagnostic)) => reporter.tell(Event::Diagnostic(diagnostic)),
        None => {}
    }
}

/// `idf.py` refuses a build folder of another chip.
fn remove_other_chips_build(project: &Project) -> Result<(), DeployError> {
    let build = project.folder.join("build");
    let description = build.join("project_description.json");
    let Ok(bytes) = std::fs::read(&description) else { return Ok(()) };
    let target = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|value| value.get("target").and_then(|t| t.as_str()).map(str::to_owned));
    if target.is_some_and(|target| target != project.target) {
        std::fs::remove_dir_all(&build).map_err(DeployError::file(&build))?;
    }
    Ok(())
}

/// Starts `idf.py`, after the script that prepares its environment where there is one.
fn spawn(project: &Project, idf: &Idf) -> Result<Child, DeployError> {
    // The shell takes no text of ours but these variables.
    let mut command = match &idf.activation {
        Activation::Active => Command::new("idf.py"),
        Activation::Script(script) => {
            if !script.is_file() {
                return Err(DeployError::Missing {
                    what: format!("`{}`", script.display()),
                    help: "install ESP-IDF's tools anew with its install script".to_owned(),
                });
            }
            activated(script)
        }
    };
    if matches!(idf.activation, Activation::Active) {
        command.args(arguments(project));
    }
    command
        .env("IDF_PATH", &idf.path)
        .env("IDF_TARGET", &project.target)
        .current_dir(&project.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A variable of the surroundings would win over the project's own settings.
    command.env_remove("SDKCONFIG_DEFAULTS").env_remove("CARGO_TARGET_DIR");
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|error| DeployError::Missing {
        what: format!("a way to start idf.py ({error})"),
        help: "`octet doctor` says what is missing".to_owned(),
    })
}

/// The project's folder is the current one, so that no path has to be written into a command line.
fn arguments(project: &Project) -> [String; 4] {
    ["-B".to_owned(), "build".to_owned(), format!("-DIDF_TARGET={}", project.target), "build".to_owned()]
}

#[cfg(not(windows))]
fn activated(script: &Path) -> Command {
    let mut command = Command::new("bash");
    let text = "source \"$OCTET_ACTIVATE\" >/dev/null || exit 97; exec idf.py -B build \"-DIDF_TARGET=$IDF_TARGET\" build";
    command.args(["-c", text]).env("OCTET_ACTIVATE", script);
    command
}

#[cfg(windows)]
fn activated(script: &Path) -> Command {
    let is_powershell = script.extension().is_some_and(|e| e == "ps1");
    if is_powershell {
        let mut command = Command::new("powershell");
        let text = ". $env:OCTET_ACTIVATE; idf.py -B build \"-DIDF_TARGET=$env:IDF_TARGET\" build; exit $LASTEXITCODE";
        command.args(["-ExecutionPolicy", "Bypass", "-Command", text]).env("OCTET_ACTIVATE", script);
        return command;
    }
    let mut command = Command::new("cmd");
    let text = "call \"%OCTET_ACTIVATE%\" >NUL && idf.py -B build -DIDF_TARGET=%IDF_TARGET% build";
    command.args(["/C", text]).env("OCTET_ACTIVATE", script);
    command
}

fn read_lines(pipe: impl Read + Send + 'static, sender: SyncSender<String>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut lines = Lines::new(pipe, None);
        while let Ok(Some(line)) = lines.next() {
            if sender.send(line.text).is_err() {
                break;
            }
        }
    })
}

/// Ends idf.py with CMake, ninja, compilers and cargo below it.
fn end(child: &mut Child) {
    kill_group(child.id());
    // Where there are no groups, and after them: an error means that it has ended.
    let _ = child.kill();
    let _ = child.wait();
}
