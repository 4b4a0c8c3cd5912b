//! The graph as the file has it, on which the passes work before it becomes a [`Network`](crate::network::Network).
//!
//! Nodes and values are joined by name, as in ONNX, so that a pass reads like the rule it applies, and a test
//! builds its graph in a few lines.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::network::InputLayout;

/// The values of a constant. Integers and booleans of all widths are `Int`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// Floating point, also from float16 and float64.
    Float(Arc<[f32]>),
    /// Integers and booleans.
    Int(Arc<[i64]>),
}

/// A constant tensor in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constant {
    /// Extents; empty for a scalar.
    pub(crate) shape: Vec<usize>,
    /// Values, as many as the shape says.
    pub(crate) values: Values,
}

impl Constant {
    /// Float values; `values` must fit `shape`.
    pub(crate) fn float(shape: &[usize], values: impl Into<Arc<[f32]>>) -> Constant {
        Constant { shape: shape.to_vec(), values: Values::Float(values.into()) }
    }
    /// A one-dimensional integer constant.
    pub(crate) fn ints(values: impl Into<Arc<[i64]>>) -> Constant {
        let values = values.into();
        Constant { shape: vec![values.len()], values: Values::Int(values) }
    }
    /// The values if they are floats.
    pub(crate) fn as_float(&self) -> Option<&Arc<[f32]>> {
        match &self.values {
            Values::Float(v) => Some(v),
            Values::Int(_) => None,
        }
    }
    /// The values if they are integers.
    pub(crate) fn as_ints(&self) -> Option<&[i64]> {
        match &self.values {
            Values::Int(v) => Some(v),
            Values::Float(_) => None,
        }
    }
    /// The one float value of a scalar or a one-element tensor.
    pub(crate) fn scalar(&self) -> Option<f32> {
        match self.as_float()?.as_ref() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    /// `i`
    Int(i64),
    /// `f`
    Float(f32),
    /// `s`
    Text(String),
    /// `ints`
    Ints(Vec<i64>),
    /// `floats`
    Floats(Vec<f32>),
    /// `t`
    Tensor(Constant),
    /// Sub-graphs, sparse tensors and the like, which no supported operation has.
    Other,
}

/// A node of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GraphNode {
    /// Unique, never empty.
    pub(crate) name: String,
    /// ONNX's name of the operation, with its domain in front if it is not the default one.
    pub(crate) op: String,
    /// Names of the operands; empty for one left out.
    pub(crate) inputs: Vec<String>,
    /// Names of the results.
    pub(crate) outputs: Vec<String>,
    /// Attributes.
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// Nodes of the file that passes merged into this one.
    pub(crate) absorbed: Vec<String>,
}

impl GraphNode {
    /// Name of an operand, `None` when left out.
    pub(crate) fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|n| !n.is_empty())
    }
    /// Name of the first result; the reader guarantees that there is one.
    pub(crate) fn output(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }
    /// An integer attribute.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name)? {
            Attribute::Int(i) => Some(*i),
            _ => None,
        }
    }
    /// A float attribute.
    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        match self.attributes.get(name)? {
            Attribute::Float(f) => Some(*f),
            _ => None,
        }
    }
    /// A text attribute.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Attribute::Text(s) => Some(s),
            _ => None,
        }
    }
    /// An attribute with a list of integers.
    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name)? {
            Attribute::Ints(v) => Some(v),
            _ => None,
        }
    }
    /// Sets an attribute.
    pub(crate) fn set(&mut self, name: &str, value: Attribute) {
        self.attributes.insert(name.to_owned(), value);
    }
    /// Remembers a node, and all it had absorbed, as part of this one.
    pub(crate) fn absorb(&mut self, node: &GraphNode) {
        if !node.name.starts_with(GENERATED) {
            self.absorbed.push(node.name.clone());
        }
        self.absorbed.extend(node.absorbed.iter().cloned());
    }
}

/// Prefix of nodes that a pass made up; no name of a file begins so.
pub(crate) const GENERATED: &str = "\u{1}octet:";

/// A file's graph.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// The graph's name.
    pub(crate) name: String,
    /// In topological order.
    pub(crate) nodes: Vec<GraphNode>,
    /// Initializers, and what passes folded.
    pub(crate) constants: BTreeMap<String, Constant>,
    /// The picture.
    pub(crate) input: String,
    /// Its extents with batch 1.
    pub(crate) input_shape: Vec<usize>,
    /// The file's order of its axes.
    pub(crate) input_layout: InputLayout,
    /// The batch size that the file was written for, when it is a number other than 1.
    pub(crate) file_batch: Option<usize>,
    /// The scores.
    pub(crate) output: String,
    /// Version of the default operator set.
    pub(crate) opset: i64,
    /// IR version.
    pub(crate) ir_version: i64,
    /// `metadata_props`.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Who makes and who reads a value, by index into [`Graph::nodes`]. Valid until the graph changes.
pub(crate) struct Links {
    producer: HashMap<String, usize>,
    consumers: HashMap<String, Vec<usize>>,
}

impl Links {
    /// The node that computes a value.
    pub(crate) fn producer(&self, value: &str) -> Option<usize> {
        self.producer.get(value).copied()
    }
    /// The nodes that read a value, each once.
    pub(crate) fn consumers(&self, value: &str) -> &[usize] {
        self.consumers.get(value).map_or(&[], Vec::as_slice)
    }
}

impl Graph {
    /// Looks up who makes and who reads which value.
    pub(crate) fn links(&self) -> Links {
        let mut producer = HashMap::new();
        let mut consumers: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                producer.insert(output.clone(), i);
            }
            for input in node.inputs.iter().filter(|n| !n.is_empty()) {
                let readers = consumers.entry(input.clone()).or_default();
                if readers.last() != Some(&i) {
                    readers.push(i);
                }
            }
        }
        Links { producer, consumers }
    }

    /// A node's operand as a constant.
    pub(crate) fn constant(&self, node: &GraphNode, index: usize) -> Option<&Constant> {
        self.constants.get(node.input(index)?)
    }

    /// The node that computes `value`, provided that nobody else reads it and it is not the graph's output: then a
    /// pass may change it. The second number is the index of `value`'s one reader.
    pub(crate) fn sole_producer(&self, links: &Links, value: &str) -> Option<usize> {
        let producer = links.producer(value)?;
        (value != self.output && links.consumers(value).len() == 1).then_some(producer)
    }

    /// A name that no value has yet, made from `base`.
    pub(crate) fn fresh_value(&self, base: &str) -> String {
        let taken = |name: &str| {
            name == self.input
                || self.constants.contains_key(name)
                || self.nodes.iter().any(|n| n.outputs.iter().chain(&n.inputs).any(|o| o == name))
        };
        unique(base, taken)
    }

    /// Puts changed values where a node reads a constant. Other readers of the old constant keep it.
    pub(crate) fn replace_constant(&mut self, node: usize, index: usize, value: Constant) {
        let old = self.nodes[node].input(index).map(str::to_owned);
        let readers =
            |name: &str| self.nodes.iter().flat_map(|n| &n.inputs).filter(|n| n.as_str() == name).count();
        let name = match old {
            Some(name) if readers(&name) == 1 => name,
            Some(name) => self.fresh_value(&format!("{name}_{}", self.nodes[node].name)),
            None => self.fresh_value(&format!("{}_constant_{index}", self.nodes[node].name)),
        };
        let inputs = &mut self.nodes[node].inputs;
        if inputs.len() <= index {
            inputs.resize(index + 1, String::new());
        }
        inputs[index] = name.clone();
        self.constants.insert(name, value);
    }

    /// Merges the node at `from` into its producer at `into`, which takes over its result.
    pub(crate) fn merge_into_producer(&mut self, into: usize, from: usize) {
        let removed = self.nodes.remove(from);
        // Producers come before their readers, so `into` still points at the same node.
        let node = &mut self.nodes[into];
        node.outputs = removed.outputs.clone();
        node.absorb(&removed);
    }

    /// Takes out the node at `index`, which passes its first operand on unchanged. False when that is impossible,
    /// because it joins the graph's input with its output.
    pub(crate) fn bypass(&mut self, index: usize) -> bool {
        let Some(node) = self.nodes.get(index).cloned() else { return false };
        let (Some(from), to) = (node.input(0).map(str::to_owned), node.output().to_owned()) else {
            return false;
        };
        let producer = self.nodes.iter().position(|n| n.outputs.contains(&from));
        if to == self.output {
            let Some(producer) = producer else { return false };
            // The graph's output keeps its name: the producer computes it under that name.
            self.rename(&from, &to);
            self.nodes[producer].absorb(&node);
        } else {
            let reader = self.nodes.iter().position(|n| n.inputs.contains(&to));
            for other in &mut self.nodes {
                other.inputs.iter_mut().filter(|n| **n == to).for_each(|n| n.clone_from(&from));
            }
            if let Some(keeper) = producer.or(reader) {
                self.nodes[keeper].absorb(&node);
            }
        }
        self.nodes.remove(index);
        true
    }

    fn rename(&mut self, from: &str, to: &str) {
        for node in &mut self.nodes {
            for name in node.inputs.iter_mut().chain(&mut node.outputs).filter(|n| *n == from) {
                to.clone_into(name);
            }
        }
    }

    /// Drops nodes that do not contribute to the output, and constants that nobody reads. Returns the names of the
    /// dropped nodes.
    pub(crate) fn remove_unused(&mut self) -> Vec<String> {
        let mut needed: HashSet<String> = HashSet::from([self.output.clone()]);
        let mut keep = vec![false; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate().rev() {
            if node.outputs.iter().any(|o| needed.contains(o)) {
                keep[i] = true;
                needed.extend(node.inputs.iter().cloned());
            }
        }
        let mut dropped = Vec::new();
        let mut kept = keep.iter();
        self.nodes.retain(|node| {
            let keep = kept.next().copied().unwrap_or(true);
            if !keep && !node.name.starts_with(GENERATED) {
                dropped.push(node.name.clone());
            }
            keep
        });
        self.constants.retain(|name, _| needed.contains(name));
        dropped
    }
}

/// `base`, or `base_2`, `base_3`, ... if that is taken.
pub(crate) fn unique(base: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(base) {
        return base.to_owned();
    }
    (2_u64..).map(|i| format!("{base}_{i}")).find(|name| !taken(name)).unwrap_or_default()
}

/// Number of elements of a shape; `None` when it does not fit the address space.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d))
}
