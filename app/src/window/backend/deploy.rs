//! What the window asks for about boards.

use std::path::Path;

use octet_engine::deploy::{
    DeployHandle, DeployRequest, Flavour, Measurement, MonitorRequest, Port, Project, Step, VerifyRequest,
    background, choose_port, list_ports, monitor, start, verify,
};
use octet_engine::doctor::{self, Finding};

use super::EngineBackend;
use crate::window::state::{DeployWork, Place, Problem};
use crate::{key, tr};

/// The part of the [`Backend`](super::Backend) about boards.
pub trait DeployBackend {
    /// The serial ports of this machine, boards first.
    fn ports(&self) -> Vec<Port> {
        list_ports()
    }
    /// What of the tool chain is there.
    fn tools(&self) -> Vec<Finding> {
        doctor::examine()
    }
    /// Starts to work with a board.
    fn deploy(&self, work: DeployWork, request: DeployRequest) -> DeployHandle {
        match work {
            DeployWork::Everything => start(request),
            DeployWork::Build => start(DeployRequest { until_built: true, ..request }),
            DeployWork::Monitor => background(move |reporter| {
                reporter.run(Step::Monitor, |reporter| {
                    let project = project_of(&request)?;
                    let watching = MonitorRequest {
                        port: choose_port(request.port.as_deref(), &list_ports())?,
                        baud: request.console_baud,
                        no_reset: request.no_reset,
                        duration: None,
                        run: project.run.clone(),
                    };
                    monitor(&watching, reporter)?;
                    Ok(project)
                })
            }),
            DeployWork::Verify => background(move |reporter| {
                reporter.run(Step::Verify, |reporter| {
                    let project = project_of(&request)?;
                    let verifying = VerifyRequest {
                        port: choose_port(request.port.as_deref(), &list_ports())?,
                        baud: request.console_baud,
                        no_reset: request.no_reset,
                        patience: request.patience,
                    };
                    verify(&project, &verifying, reporter)?;
                    Ok(project)
                })
            }),
        }
    }
    /// What a board measured of a run; `None` when none has, or with another model.
    fn measured(&self, run: &Path, flavour: Flavour) -> Result<Option<Measurement>, Problem> {
        Measurement::read(run, flavour).map_err(|e| {
            let help = e.help().unwrap_or_default();
            let title = key!("What the board measured cannot be read");
            Problem::new(Place::Deploy, title, format!("{e}; {help}"))
        })
    }
    /// Opens a text with the system's program for it; of anything else its folder, since a tool named it.
    fn open_file(&self, path: &Path) -> Result<(), Problem> {
        open::that_detached(openable(path)).map_err(|e| {
            let detail = tr!("%{reason}; the file is %{path}", reason = e, path = path.display());
            Problem::new(Place::Deploy, key!("No program could be opened for this file"), detail)
        })
    }
}

impl DeployBackend for EngineBackend {}

/// What of a file may be opened: opening a program would start it.
fn openable(path: &Path) -> &Path {
    const TEXTS: [&str; 17] = [
        "c", "cc", "cmake", "cpp", "csv", "cxx", "h", "hh", "hpp", "inc", "ld", "lf", "log", "rs", "s",
        "toml", "txt",
    ];
    let ending = path.extension().map(|e| e.to_ascii_lowercase());
    if path.is_file() && ending.is_some_and(|ending| TEXTS.iter().any(|text| ending == *text)) {
        return path;
    }
    // Some systems take a folder with an ending for a program.
    let mut folders = path.ancestors().skip(1);
    folders.find(|folder| folder.is_dir() && folder.extension().is_none()).unwrap_or(Path::new("."))
}

/// The project that an earlier deployment wrote.
fn project_of(request: &DeployRequest) -> Result<Project, octet_engine::deploy::DeployError> {
    let generate = &request.generate;
    Project::read(&Project::default_folder(&generate.run, generate.flavour), &generate.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_not_opened() {
        let folder = tempfile::Builder::new().prefix("plain").tempdir().unwrap();
        let bundle = folder.path().join("tool.app");
        std::fs::create_dir_all(bundle.join("folder.c")).unwrap();
        for name in ["main.c", "assets.S", "build.log", "run.sh", "tool.exe", "tool", "tool.app/tool"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for name in ["main.c", "assets.S", "build.log"] {
            let path = folder.path().join(name);
            assert_eq!(openable(&path), path);
        }
        for name in ["run.sh", "tool.exe", "tool", "tool.app/tool", "tool.app/folder.c", "none.c"] {
            assert_eq!(openable(&folder.path().join(name)), folder.path(), "{name}");
        }
    }
}
