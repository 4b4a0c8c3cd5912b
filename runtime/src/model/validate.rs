//! The checks that `Model::parse` makes before anything is handed out.

use super::{Model, Node, Tensor, ValueInfo};
use crate::error::Error;
use crate::limits::Limits;
use crate::reader::Vector;

/// What validation may read. FlatBuffers lets any number of tables share one text or one list of exponents, so
/// every reference counts, and it counts before it is read.
pub(super) struct Budget<'l> {
    pub(super) limits: &'l Limits,
    read: usize,
}

impl Budget<'_> {
    fn spend(&mut self, bytes: usize) -> Result<(), Error<'static>> {
        self.read = self.read.saturating_add(bytes);
        self.limits.check("bytes of all texts and exponents", self.read, self.limits.read_bytes)
    }

    /// A name, or another text that a program chose.
    pub(super) fn name<'a>(&mut self, bytes: &Vector<'a>) -> Result<&'a str, Error<'a>> {
        self.limits.check("bytes of a name", bytes.len(), self.limits.name_bytes)?;
        self.spend(bytes.len())?;
        Ok(bytes.text()?)
    }

    /// A text that a person may have written.
    fn text<'a>(&mut self, bytes: &Vector<'a>) -> Result<&'a str, Error<'a>> {
        self.limits.check("bytes of a metadata value", bytes.len(), self.limits.text_bytes)?;
        self.spend(bytes.len())?;
        Ok(bytes.text()?)
    }

    /// So many exponents of one tensor.
    pub(super) fn exponents(&mut self, count: usize) -> Result<(), Error<'static>> {
        self.limits.check("exponents of a tensor", count, self.limits.exponents)?;
        self.spend(count.saturating_mul(8))
    }
}

impl<'a> Model<'a> {
    pub(super) fn validate(&self, limits: &Limits) -> Result<(), Error<'a>> {
        limits.check("nodes", self.nodes.len(), limits.nodes)?;
        limits.check("initializers", self.initializers.len(), limits.initializers)?;
        limits.check("value infos", self.value_infos.len(), limits.initializers)?;
        limits.check("network inputs", self.inputs.len(), limits.node_edges)?;
        limits.check("network outputs", self.outputs.len(), limits.node_edges)?;
        limits.check("test tensors", self.test_inputs.len(), limits.node_edges)?;
        limits.check("test tensors", self.test_outputs.len(), limits.node_edges)?;
        limits.check("metadata entries", self.metadata.len(), limits.initializers)?;
        let budget = &mut Budget { limits, read: 0 };
        // Producer and its version.
        for id in [2, 3] {
            budget.text(&self.root.vector(id, 1)?)?;
        }
        for i in 0..self.metadata.len() {
            let entry = self.metadata.table(i)?;
            budget.name(&entry.vector(0, 1)?)?;
            budget.text(&entry.vector(1, 1)?)?;
        }
        for list in [self.initializers, self.test_inputs, self.test_outputs] {
            for i in 0..list.len() {
                Tensor::check(&list.table(i)?, budget)?;
            }
        }
        for list in [self.inputs, self.outputs, self.value_infos] {
            for i in 0..list.len() {
                ValueInfo::check(&list.table(i)?, budget)?;
            }
        }
        let mut edges = 0usize;
        for i in 0..self.nodes.len() {
            edges = edges.saturating_add(Node::check(&self.nodes.table(i)?, budget)?);
            // The searches by name below are quadratic in this number.
            limits.check("edges between nodes", edges, limits.edges)?;
        }
        self.check_names()?;
        self.check_order()
    }

    /// No two constants share a name.
    fn check_names(&self) -> Result<(), Error<'a>> {
        for i in 0..self.initializers.len() {
            let name = self.initializers.table(i)?.string(Tensor::NAME)?;
            for earlier in 0..i {
                if self.initializers.table(earlier)?.is_string(Tensor::NAME, name) {
                    return Err(Error::Tensor {
                        tensor: name,
                        problem: "is defined twice; export the model again",
                    });
                }
            }
        }
        Ok(())
    }

    /// Every input is a constant, a network input, or written by an earlier node; nothing is written twice.
    fn check_order(&self) -> Result<(), Error<'a>> {
        let written = |name: &str, before: usize| {
            self.inputs.find(ValueInfo::NAME, name).is_some()
                || self.nodes().take(before).any(|n| n.writes(name))
        };
        for (index, node) in self.nodes().enumerate() {
            let bad =
                |tensor, problem| Error::Node { node: node.name(), op: node.op_type(), tensor, problem };
            for name in node.inputs().filter(|n| !n.is_empty()) {
                if !written(name, index) && !self.is_initializer(name) {
                    return Err(bad(
                        name,
                        "is read before anything writes it; the nodes are not in execution order",
                    ));
                }
            }
            for name in node.outputs().filter(|n| !n.is_empty()) {
                if written(name, index) || self.is_initializer(name) {
                    return Err(bad(name, "is written twice; export the model again"));
                }
            }
        }
        for output in self.outputs() {
            if !written(output.name(), self.nodes.len()) {
                return Err(Error::Tensor {
                    tensor: output.name(),
                    problem: "is a network output that no node writes; export the model again",
                });
            }
        }
        Ok(())
    }

    fn is_initializer(&self, name: &str) -> bool {
        self.initializers.find(Tensor::NAME, name).is_some()
    }
}
