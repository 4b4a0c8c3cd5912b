//! The checks that `Model::parse` makes before anything is handed out.

use super::{Model, Node, Tensor, ValueInfo, check_entry, tensor};
use crate::error::Error;
use crate::limits::Limits;
use crate::reader::Vector;

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
        self.root.string(2)?;
        self.root.string(3)?;
        for i in 0..self.metadata.len() {
            check_entry(&self.metadata.table(i)?)?;
        }
        self.check_tensors(self.initializers, limits)?;
        self.check_tensors(self.test_inputs, limits)?;
        self.check_tensors(self.test_outputs, limits)?;
        for list in [self.inputs, self.outputs, self.value_infos] {
            for i in 0..list.len() {
                let value = ValueInfo::read(&list.table(i)?)?;
                limits.check("bytes of a name", value.name().len(), limits.name_bytes)?;
            }
        }
        let mut edges = 0usize;
        for i in 0..self.nodes.len() {
            edges = edges.saturating_add(Node::check(&self.nodes.table(i)?, limits)?);
        }
        // The searches by name below are quadratic in this number.
        limits.check("edges between nodes", edges, limits.edges)?;
        self.check_names()?;
        self.check_order()
    }

    fn check_tensors(&self, list: Vector<'a>, limits: &Limits) -> Result<(), Error<'a>> {
        for i in 0..list.len() {
            let tensor = Tensor::read(&list.table(i)?)?;
            limits.check("bytes of a name", tensor.name().len(), limits.name_bytes)?;
        }
        Ok(())
    }

    /// No two constants share a name.
    fn check_names(&self) -> Result<(), Error<'a>> {
        for i in 0..self.initializers.len() {
            let name = tensor::name(&self.initializers.table(i)?);
            for earlier in 0..i {
                if tensor::name(&self.initializers.table(earlier)?) == name {
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
            self.inputs().any(|v| v.name() == name)
                || self.nodes().take(before).any(|n| n.outputs().any(|o| o == name))
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
        let all = self.initializers;
        (0..all.len()).any(|i| all.table(i).is_ok_and(|t| tensor::name(&t) == name))
    }
}
