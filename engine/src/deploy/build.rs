//! `idf.py build` as a child whose whole process group ends with it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::build_log::{BuildLog, Finding};
use super::built;
use super::chip::ChipFacts;
use super::console::plain;
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::flasher_args::MAX_TEXT_BYTES;
use super::generate::Flavour;
use super::inside::{fresh_file, read_limited};
use super::origin::Origins;
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
/// How long lines are waited for after the end of `idf.py`.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How to build.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BuildRequest {
    /// The ESP-IDF to use; `None`: the first that is found.
    pub idf: Option<PathBuf>,
    /// Build the project wherever it comes from; it is remembered as the user's own then.
    pub trust: bool,
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
        // The build runs in another folder.
        places.named = Some(std::path::absolute(asked).map_err(DeployError::file(asked))?);
    }
    let found = idf::find(&places);
    let minimum = Version(chip.minimum_idf.0, chip.minimum_idf.1, 0);
    let get = format!(
        "install ESP-IDF {} or later (docs/deploy.md; {}.{} is the least), or name its folder with --idf; `octet doctor` says \
         what is there",
        minimum.max(idf::ADVISED),
        minimum.0,
        minimum.1
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
/// Nobody said yes to a project that Octet did not write or to settings around it, ESP-IDF is missing, the build failed (the first error is in the message), or what it left cannot be flashed.
pub fn build(
    project: &Project,
    request: &BuildRequest,
    reporter: &mut Reporter<'_>,
) -> Result<FlashPlan, DeployError> {
    project.check_whole()?;
    let origins = Origins::of_user();
    if request.trust {
        origins.note(&project.folder, reporter);
    } else {
        origins.check(&project.folder, &project.run, project.is_own)?;
    }
    let idf = toolchain(project.chip(), project.psram, project.flavour, request, reporter)?;
    remove_other_chips_build(project)?;
    let log_path = project.run.join(BUILD_LOG);
    let mut log_file = fresh_file(&log_path)?;
    let inputs = built::inputs(project);
    let mut building = Building { child: spawn(project, &idf)?, status: None };
    let (sender, lines) = sync_channel::<String>(LINES_IN_FLIGHT);
    let child = &mut building.child;
    if let Some(pipe) = child.stdout.take() {
        read_lines(pipe, sender.clone());
    }
    if let Some(pipe) = child.stderr.take() {
        read_lines(pipe, sender);
    }
    let mut log = BuildLog::default();
    let mut ended: Option<Instant> = None;
    loop {
        // The guard ends the build on every way out.
        reporter.check()?;
        match lines.recv_timeout(TURN) {
            Ok(line) => {
                writeln!(log_file, "{line}").map_err(DeployError::file(&log_path))?;
                let finding = log.take(&line);
                tell(finding, reporter);
                reporter.log(LogLevel::Debug, line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // What a build leaves running, such as a compiler's cache, may hold the pipes open.
                if building.has_ended() && ended.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
                    break;
                }
            }
        }
    }
    tell(log.finish(), reporter);
    let status = building.wait().map_err(DeployError::file(&log_path))?;
    if !status.success() {
        let first = log.first_error();
        return Err(DeployError::Build {
            message: first.map(in_words).or_else(|| Some(format!("idf.py ended with {status}"))),
            help: first.and_then(|d| d.help.clone()),
            log: log_path,
        });
    }
    let mut plan = FlashPlan::read(project)?;
    if let Some(app) = plan.app() {
        built::keep(project, &app.bytes, inputs)?;
        plan.changed_since_build = built::changed_since(project, &app.bytes)?;
    }
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
    let Ok(bytes) = read_limited(&description, MAX_TEXT_BYTES) else { return Ok(()) };
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
        // Windows starts no scripts by their names.
        Activation::Active if cfg!(windows) => {
            let mut command = Command::new("python");
            command.arg(idf.path.join("tools").join("idf.py"));
            command
        }
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
    if let Some(ceiling) = git_ceiling(project) {
        command.env("GIT_CEILING_DIRECTORIES", ceiling);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|error| DeployError::Missing {
        what: format!("a way to start idf.py ({error})"),
        help: "`octet doctor` says what is missing".to_owned(),
    })
}

/// ESP-IDF asks git for the project's version, and a repository that was unpacked around runs names programs that git
/// runs. One in the run folder was asked about before.
fn git_ceiling(project: &Project) -> Option<PathBuf> {
    let folder = project.folder.canonicalize().ok()?;
    let run = project.run.canonicalize().ok().filter(|run| folder.starts_with(run));
    run.unwrap_or(folder).parent().map(Path::to_owned)
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
    // Raw, since cmd does not know the backslashes that quote quotes elsewhere; with /S it takes the outer ones off.
    let text =
        "/D /S /C \"call \"%OCTET_ACTIVATE%\" >NUL && idf.py -B build -DIDF_TARGET=%IDF_TARGET% build\"";
    std::os::windows::process::CommandExt::raw_arg(&mut command, text).env("OCTET_ACTIVATE", script);
    command
}

fn read_lines(pipe: impl Read + Send + 'static, sender: SyncSender<String>) {
    std::thread::spawn(move || {
        let mut lines = Lines::new(pipe, None);
        while let Ok(Some(line)) = lines.next() {
            if sender.send(plain(&line.text)).is_err() {
                break;
            }
        }
    });
}

/// A running `idf.py`. Dropped before its end it is ended, with CMake, ninja, compilers and cargo below it.
struct Building {
    child: Child,
    status: Option<ExitStatus>,
}

impl Building {
    fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = match self.status {
            Some(status) => status,
            None => self.child.wait()?,
        };
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another process's.
        if self.status.is_none() {
            kill_group(self.child.id());
            // Where there are no groups, and after them: an error means that it has ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
