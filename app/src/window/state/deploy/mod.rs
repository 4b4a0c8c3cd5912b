//! Putting runs onto boards: the sheet, what is chosen in it, and the deployment at work.

mod console;
mod deployment;
mod measured;
mod options;
mod step;
mod usb;
mod words;

pub use console::{BoardConsole, BoardLine, LineKind};
pub use deployment::{DeployEnd, DeployWork, Deployment, Failure};
pub use measured::Measured;
pub use octet_engine::deploy::Step as DeployStep;
pub use options::{BAUDS, DeployOptions};
pub use step::{DEPLOY_STEPS, StepStatus, StepView};
pub use usb::UsbBoard;
pub use words::{command_of, in_window};

use crate::key;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::deploy::Port;
use octet_engine::doctor;
use octet_engine::network::Network;

use super::{Run, State};

/// Boards, tools, and the deployment.
#[derive(Debug, Default)]
pub struct Deploy {
    /// The sheet is shown.
    pub is_open: bool,
    /// What is chosen.
    pub options: DeployOptions,
    /// Another board just like the chosen one was seen: nothing but the port's name tells them apart.
    pub has_twin: bool,
    /// The serial ports, boards first; `None` until somebody has looked.
    pub ports: Option<Vec<Port>>,
    /// A thread looks for ports.
    pub looks_for_ports: bool,
    /// A thread looks once a second whether a board was plugged in.
    pub watches_ports: bool,
    /// What of the tool chain is there; `None` until somebody has looked.
    pub tools: Option<Vec<doctor::Finding>>,
    /// A thread looks at the tools.
    pub looks_at_tools: bool,
    /// The deployment at work, or the last one.
    pub deployment: Option<Deployment>,
    /// What the board said.
    pub console: BoardConsole,
    /// What boards measured, by run folder.
    pub measured: BTreeMap<PathBuf, Arc<Measured>>,
}

impl Deploy {
    /// The ports that are boards.
    pub fn boards(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter().flatten().filter(|p| p.is_board)
    }

    /// The port that would be used; `None` when there is none, or when one has to be chosen.
    pub fn port(&self) -> Option<&str> {
        if let Some(port) = self.options.port() {
            return Some(port);
        }
        let mut boards = self.boards();
        boards.next().filter(|_| boards.next().is_none()).map(|p| p.name.as_str())
    }

    /// Chooses otherwise. With a port its board is chosen.
    pub fn choose(&mut self, options: DeployOptions) {
        let is_other_port = options.port != self.options.port;
        self.options = options;
        if is_other_port {
            let name = self.options.port.trim();
            let port = self.ports.iter().flatten().find(|port| port.name == name);
            self.options.board = port.and_then(UsbBoard::of);
            let board = self.options.board.as_ref();
            let alike = |port: &&Port| board.is_some_and(|board| board.is_at(port));
            self.has_twin = self.ports.iter().flatten().filter(alike).count() > 1;
        }
    }

    /// Takes the ports that are there now. The chosen board is followed to another name where its serial number tells it
    /// from all that were seen, and a name that another board has now is not taken for it.
    pub fn take_ports(&mut self, ports: Vec<Port>) {
        if let Some(board) = &self.options.board {
            let name = self.options.port.trim();
            let at: Vec<&str> = ports.iter().filter(|p| board.is_at(p)).map(|p| p.name.as_str()).collect();
            let is_listed = ports.iter().any(|port| port.name == name);
            // Many bridges have no serial number, or all the same one.
            self.has_twin |= at.len() > 1;
            let can_be_told = board.serial_number.is_some() && !self.has_twin;
            match at[..] {
                _ if at.contains(&name) => {}
                [only] if can_be_told => self.options.port = only.to_owned(),
                // Another board has its name.
                _ if is_listed => self.options.port.clear(),
                // It was unplugged, and may come back.
                _ => {}
            }
        }
        self.ports = Some(ports);
    }

    /// What somebody who deploys for this chip has to have, of what was looked at.
    pub fn tools_for<'a>(&'a self, chip: &'a str) -> impl Iterator<Item = &'a doctor::Finding> {
        self.tools.iter().flatten().filter(move |tool| concerns(tool, chip))
    }

    /// True while a deployment, the console or a comparison is at work.
    pub fn is_running(&self) -> bool {
        self.deployment.as_ref().is_some_and(|d| d.end.is_none())
    }
}

/// Whether a finding of the doctor is about deploying for this chip. Ports have a list of their own.
fn concerns(tool: &doctor::Finding, chip: &str) -> bool {
    match tool.name {
        "SIMD" | "file dialogs" | "boards" => false,
        name if name.starts_with("Rust for ") => tool.details.split(", ").any(|c| c == chip),
        _ => true,
    }
}

impl State {
    /// What stands in the way of building the firmware of the run on display; `None` when it can start.
    pub fn build_obstacle(&self) -> Option<&'static str> {
        if self.deploy.is_running() {
            Some(key!("A deployment is at work"))
        } else if self.runs.shown().is_none() {
            Some(key!("Quantize the model first"))
        } else {
            None
        }
    }

    /// What stands in the way of a deployment of the run on display; `None` when it can start.
    pub fn deploy_obstacle(&self) -> Option<&'static str> {
        let deploy = &self.deploy;
        let obstacle = self.build_obstacle();
        if obstacle.is_some() || deploy.port().is_some() {
            obstacle
        } else if deploy.ports.is_none() {
            Some("Looking for boards…")
        } else if deploy.boards().next().is_some() {
            Some(key!("Several boards are connected: choose one"))
        } else {
            Some(key!("Connect a board, or type its port"))
        }
    }

    /// The deployment that the sheet shows: the one at work, or the last one of the run on display.
    pub fn deployment(&self) -> Option<&Deployment> {
        let deployment = self.deploy.deployment.as_ref()?;
        let is_shown = self.runs.shown().is_some_and(|run| run.folder() == deployment.run);
        (deployment.end.is_none() || is_shown).then_some(deployment)
    }

    /// What a board measured of a run.
    pub fn measured_of(&self, run: &Run) -> Option<&Arc<Measured>> {
        self.deploy.measured.get(run.folder())
    }

    /// What a board measured of the run on display.
    pub fn measured(&self) -> Option<&Arc<Measured>> {
        self.measured_of(self.runs.shown()?)
    }

    /// The operation of the open model that makes a tensor of the file, one with figures where there is such a one.
    pub fn operation_of(&self, tensor: &str) -> Option<String> {
        let network = &self.model.open.as_ref()?.network;
        let node = node_of(network, tensor)?;
        let own = network.node(node).name.as_str();
        if self.layer(own).is_some() {
            return Some(own.to_owned());
        }
        // A Clip is part of the operation before it.
        let before = network.node(node).inputs.first().and_then(|t| network.producer(*t));
        let before =
            before.map(|id| network.node(id).name.as_str()).filter(|name| self.layer(name).is_some());
        Some(before.unwrap_or(own).to_owned())
    }
}

fn node_of(network: &Network, tensor: &str) -> Option<octet_engine::network::NodeId> {
    let named = |name: &str| network.tensors.iter().position(|t| t.name == name);
    // A RequantizeLinear of ours is named after the tensor that it reads.
    let id = named(tensor).or_else(|| named(tensor.rsplit_once("_at_")?.0));
    match id {
        Some(id) => network.producer(octet_engine::network::TensorId(id)),
        None => network.find_node(tensor),
    }
}

/// A file that a tool named, which may lie beside the project or in its build.
pub fn file_of(project: &Path, named: &Path) -> PathBuf {
    if named.is_absolute() {
        return named.to_owned();
    }
    let beside = project.join(named);
    let inside = project.join("build").join(named);
    if !beside.exists() && inside.exists() { inside } else { beside }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, serial_number: Option<&str>) -> Port {
        Port {
            name: name.to_owned(),
            description: "CP210x bridge".to_owned(),
            vid: Some(0x10c4),
            pid: Some(0xea60),
            serial_number: serial_number.map(str::to_owned),
            is_board: true,
        }
    }

    fn chosen(ports: Vec<Port>, name: &str) -> Deploy {
        let mut deploy = Deploy::default();
        deploy.take_ports(ports);
        deploy.choose(DeployOptions { port: name.to_owned(), ..DeployOptions::default() });
        deploy
    }

    #[test]
    fn a_board_is_followed_to_another_port_and_no_other_is_taken_for_it() {
        let (one, two) = (port("/dev/ttyUSB0", Some("1")), port("/dev/ttyUSB1", Some("2")));
        let mut deploy = chosen(vec![one.clone(), two.clone()], "/dev/ttyUSB0");
        // Unplugged, the other one is not written to instead.
        deploy.take_ports(vec![two.clone()]);
        assert_eq!(deploy.port(), Some("/dev/ttyUSB0"));
        deploy.take_ports(vec![port("/dev/ttyUSB7", Some("1")), two.clone()]);
        assert_eq!(deploy.port(), Some("/dev/ttyUSB7"));
        // Another one has its name.
        deploy.take_ports(vec![port("/dev/ttyUSB7", Some("3")), two]);
        assert_eq!(deploy.port(), None);
        deploy.take_ports(vec![one]);
        assert_eq!(deploy.port(), Some("/dev/ttyUSB0"));
    }

    #[test]
    fn boards_that_cannot_be_told_apart_are_asked_about() {
        let alike = || vec![port("/dev/ttyUSB0", None), port("/dev/ttyUSB1", None)];
        let mut deploy = chosen(alike(), "/dev/ttyUSB1");
        deploy.take_ports(alike());
        assert_eq!(deploy.port(), Some("/dev/ttyUSB1"), "its name is still one of them");
        let mut next = Deploy { options: deploy.options.kept(), ..Deploy::default() };
        next.take_ports(alike());
        assert_eq!(next.port(), None);
    }

    #[test]
    fn the_port_does_not_jump_to_a_board_that_is_just_like_the_chosen_one() {
        for serial_number in [None, Some("0001")] {
            let (one, two) = (port("/dev/ttyUSB0", serial_number), port("/dev/ttyUSB1", serial_number));
            let both = || vec![one.clone(), two.clone()];
            let mut deploy = chosen(both(), "/dev/ttyUSB0");
            // Unplugged, however often that is looked at.
            for _ in 0..2 {
                deploy.take_ports(vec![two.clone()]);
                assert_eq!(deploy.port(), Some("/dev/ttyUSB0"), "{serial_number:?}");
            }
            deploy.take_ports(both());
            assert_eq!(deploy.port(), Some("/dev/ttyUSB0"), "{serial_number:?}");
            // The other one came later.
            let mut deploy = chosen(vec![one.clone()], "/dev/ttyUSB0");
            deploy.take_ports(both());
            deploy.take_ports(vec![two.clone()]);
            assert_eq!(deploy.port(), Some("/dev/ttyUSB0"), "{serial_number:?}");
        }
        // Without a serial number nobody knows which one it is under another name.
        let mut deploy = chosen(vec![port("/dev/ttyUSB0", None)], "/dev/ttyUSB0");
        deploy.take_ports(vec![port("/dev/ttyUSB1", None)]);
        assert_eq!(deploy.port(), Some("/dev/ttyUSB0"));
        // A choice among others forgets it.
        let mut deploy = chosen(vec![port("a", Some("0001")), port("b", Some("0001"))], "a");
        deploy.take_ports(vec![port("c", Some("7"))]);
        deploy.choose(DeployOptions { port: "c".to_owned(), ..DeployOptions::default() });
        deploy.take_ports(vec![port("d", Some("7"))]);
        assert_eq!(deploy.port(), Some("d"));
    }

    #[test]
    fn a_port_that_was_typed_stays_as_it_is() {
        let mut deploy = chosen(vec![port("/dev/ttyUSB0", Some("1"))], "/dev/pts/3");
        assert_eq!(deploy.options.board, None);
        deploy.take_ports(vec![port("/dev/ttyUSB1", Some("1"))]);
        assert_eq!(deploy.port(), Some("/dev/pts/3"));
    }
}
