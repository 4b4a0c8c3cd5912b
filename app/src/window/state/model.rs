//! The open model, with what is drawn of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use octet_engine::network::{Network, NodeId};

use super::{Edits, History, State};
use crate::window::backend::OpenedModel;
use crate::window::graph::{Group, group_edges, groups};

/// The model, or the way to it.
#[derive(Debug, Clone, Default)]
pub struct ModelState {
    /// The open one.
    pub open: Option<Arc<Model>>,
    /// SHA-256 of the last one that was opened, also while none is.
    pub last_sha256: Option<String>,
    /// The one being read.
    pub opening: Option<PathBuf>,
    /// What was changed by hand on other models, by their SHA-256.
    pub others: BTreeMap<String, Kept>,
}

/// What belongs to one model and waits until it is opened again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    /// Changes by hand.
    pub edits: Edits,
    /// What can be undone.
    pub history: History,
}

impl State {
    /// From now on changes by hand are about the model with this hash. Those on the one before are kept until it comes
    /// back.
    pub fn turn_to(&mut self, sha256: &str) {
        let last = self.model.last_sha256.replace(sha256.to_owned());
        if last.as_deref() == Some(sha256) {
            return;
        }
        let had_one = last.is_some();
        if let Some(last) = last {
            let kept =
                Kept { edits: std::mem::take(&mut self.edits), history: std::mem::take(&mut self.history) };
            if kept != Kept::default() {
                self.model.others.insert(last, kept);
            }
            self.scoring.generation += 1;
            self.scoring.wanted = false;
            self.marked.clear();
        }
        if self.edits.is_empty()
            && let Some(kept) = self.model.others.remove(sha256)
        {
            self.edits = kept.edits;
            if had_one {
                self.history = kept.history;
            }
        }
    }
}

/// A model and its structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The file.
    pub path: PathBuf,
    /// What it computes.
    pub network: Network,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What the importer did, in words.
    pub notes: Vec<String>,
    /// Operations grouped for the canvas.
    pub groups: Vec<Group>,
    /// Edges between the groups.
    pub edges: Vec<(usize, usize)>,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
    /// Weights and biases.
    pub parameters: u64,
}

impl Model {
    /// Works out what is drawn of a network.
    pub fn new(path: PathBuf, opened: OpenedModel) -> Self {
        let OpenedModel { network, sha256, notes } = opened;
        let groups = groups(&network);
        let edges = group_edges(&network, &groups);
        let macs = network.node_ids().map(|(id, _)| network.macs(id)).sum();
        let computing = network.nodes.iter().filter(|n| n.op.is_computing());
        let constants = computing.flat_map(|n| n.inputs.iter().skip(1));
        let parameters = constants.map(|t| network.tensor(*t).len() as u64).sum();
        Self { path, network, sha256, notes, groups, edges, macs, parameters }
    }

    /// The file's name.
    pub fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The group that holds an operation.
    pub fn group_of(&self, node: NodeId) -> Option<usize> {
        self.groups.iter().position(|g| g.nodes.contains(&node))
    }
}
