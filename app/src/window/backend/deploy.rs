//! What the window asks for about boards.

use std::path::Path;

use octet_engine::deploy::{
    DeployHandle, DeployRequest, Flavour, Measurement, MonitorRequest, Port, Project, Step, VerifyRequest,
    background, choose_port, list_ports, monitor, start, verify,
};
use octet_engine::doctor::{self, Finding};

use super::EngineBackend;
use crate::window::state::{DeployWork, Place, Problem};

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
            let title = "What the board measured cannot be read";
            Problem::new(Place::Deploy, title, format!("{e}; {help}"))
        })
    }
    /// Opens a file with the system's program for it.
    fn open_file(&self, path: &Path) -> Result<(), Problem> {
        open::that_detached(path).map_err(|e| {
            let detail = format!("{e}; the file is {}", path.display());
            Problem::new(Place::Deploy, "No program could be opened for this file", detail)
        })
    }
}

impl DeployBackend for EngineBackend {}

/// The project that an earlier deployment wrote.
fn project_of(request: &DeployRequest) -> Result<Project, octet_engine::deploy::DeployError> {
    let generate = &request.generate;
    Project::read(&Project::default_folder(&generate.run, generate.flavour), &generate.run)
}
