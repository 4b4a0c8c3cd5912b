//! A parsed `.espdl` file: names, shapes, attributes and bytes, read in place.

mod attribute;
mod tensor;
mod validate;

pub use attribute::{Attribute, Value};
pub use tensor::{Exponents, Tensor, ValueInfo};

use crate::error::Error;
use crate::limits::Limits;
use crate::reader::{self, Table, Vector};
use validate::Budget;

/// A validated model, borrowed from the bytes of its file. Copying it is cheap.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    payload: &'a [u8],
    root: Table<'a>,
    nodes: Vector<'a>,
    initializers: Vector<'a>,
    inputs: Vector<'a>,
    outputs: Vector<'a>,
    value_infos: Vector<'a>,
    test_inputs: Vector<'a>,
    test_outputs: Vector<'a>,
    metadata: Vector<'a>,
}

impl<'a> Model<'a> {
    /// Reads a plain `EDL2` file and checks all of its graph, with the default [`Limits`].
    ///
    /// # Errors
    /// When the header is not that of one plain model, when any offset, count or size leaves the buffer, when
    /// a type, extent or exponent is out of range, or when a node reads a tensor that nothing has written yet.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error<'a>> {
        Self::parse_with(file, &Limits::default())
    }

    /// [`Model::parse`] with limits of the caller's choice.
    ///
    /// # Errors
    /// As [`Model::parse`].
    pub fn parse_with(file: &'a [u8], limits: &Limits) -> Result<Self, Error<'a>> {
        let payload = reader::payload(file)?;
        let root = Table::root(payload)?;
        let graph = root.table(7)?.ok_or(Error::Malformed { what: "the model holds no graph", at: 0 })?;
        let model = Self {
            payload,
            root,
            nodes: graph.vector(0, 4)?,
            initializers: graph.vector(2, 4)?,
            inputs: graph.vector(4, 4)?,
            outputs: graph.vector(5, 4)?,
            value_infos: graph.vector(6, 4)?,
            test_inputs: graph.vector(8, 4)?,
            test_outputs: graph.vector(9, 4)?,
            metadata: root.vector(8, 4)?,
        };
        model.validate(limits)?;
        Ok(model)
    }

    /// The FlatBuffers payload; positions of tensor data count from its start.
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The operations in execution order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'a>> + use<'a> {
        let nodes = self.nodes;
        (0..nodes.len()).map(move |i| Node { table: nodes.table(i).ok() })
    }

    /// The operation at that position of the execution order.
    pub fn node(&self, index: usize) -> Node<'a> {
        Node { table: self.nodes.table(index).ok() }
    }

    /// Number of operations.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Constants: weights, biases, bounds, tables.
    pub fn initializers(&self) -> impl Iterator<Item = Tensor<'a>> + use<'a> {
        tensors(self.initializers)
    }

    /// The constant of that name.
    #[inline(never)]
    pub fn initializer(&self, name: &str) -> Option<Tensor<'a>> {
        if name.is_empty() {
            return None;
        }
        Tensor::read(&self.initializers.find(Tensor::NAME, name)?).ok()
    }

    /// The network's inputs.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = ValueInfo<'a>> + use<'a> {
        values(self.inputs)
    }

    /// The network's outputs.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = ValueInfo<'a>> + use<'a> {
        values(self.outputs)
    }

    /// What the file says of the tensors between nodes.
    pub fn value_infos(&self) -> impl ExactSizeIterator<Item = ValueInfo<'a>> + use<'a> {
        values(self.value_infos)
    }

    /// Type, shape and exponent of a tensor: an input, an output, or one in between.
    #[inline(never)]
    pub fn value(&self, name: &str) -> Option<ValueInfo<'a>> {
        let mut lists = [self.value_infos, self.outputs, self.inputs].into_iter();
        lists.find_map(|all| ValueInfo::read(&all.find(ValueInfo::NAME, name)?).ok())
    }

    /// Whether the first network input has this name.
    pub(crate) fn first_input_is(&self, name: &str) -> bool {
        self.inputs.table(0).is_ok_and(|t| t.is_string(ValueInfo::NAME, name))
    }

    /// Inputs of the self test that ESP-DL runs on the chip.
    pub fn test_inputs_value(&self) -> impl Iterator<Item = Tensor<'a>> + use<'a> {
        tensors(self.test_inputs)
    }

    /// The outputs which [`Model::test_inputs_value`] must give.
    pub fn test_outputs_value(&self) -> impl Iterator<Item = Tensor<'a>> + use<'a> {
        tensors(self.test_outputs)
    }

    /// All `metadata_props`.
    pub fn metadata_props(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let all = self.metadata;
        (0..all.len()).filter_map(move |i| {
            let entry = all.table(i).ok()?;
            Some((entry.string(0).ok()?, entry.string(1).ok()?))
        })
    }

    /// The value of one of the `metadata_props`.
    pub fn metadata(&self, key: &str) -> Option<&'a str> {
        self.metadata.find(0, key)?.string(1).ok()
    }

    /// `producer_name`; empty in ESP-PPQ's files.
    pub fn producer_name(&self) -> &'a str {
        self.root.string(2).unwrap_or("")
    }

    /// `producer_version`.
    pub fn producer_version(&self) -> &'a str {
        self.root.string(3).unwrap_or("")
    }

    /// Bytes of all constants: what the weights take of the flash.
    pub fn initializer_bytes(&self) -> usize {
        self.initializers().map(|t| t.data().len()).sum()
    }
}

fn tensors<'a>(all: Vector<'a>) -> impl Iterator<Item = Tensor<'a>> + use<'a> {
    (0..all.len()).filter_map(move |i| Tensor::read(&all.table(i).ok()?).ok())
}

fn values<'a>(all: Vector<'a>) -> impl ExactSizeIterator<Item = ValueInfo<'a>> + use<'a> {
    (0..all.len()).map(move |i| all.table(i).ok().and_then(|t| ValueInfo::read(&t).ok()).unwrap_or_default())
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    // `None` cannot occur after validation.
    table: Option<Table<'a>>,
}

impl<'a> Node<'a> {
    #[inline(never)]
    fn text(&self, id: usize) -> &'a str {
        self.table.and_then(|t| t.string(id).ok()).unwrap_or("")
    }

    #[inline(never)]
    fn list(&self, id: usize) -> Option<Vector<'a>> {
        self.table.and_then(|t| t.vector(id, 4).ok())
    }

    /// Name of the node.
    pub fn name(&self) -> &'a str {
        self.text(2)
    }

    /// The ONNX operation, such as `Conv`.
    pub fn op_type(&self) -> &'a str {
        self.text(3)
    }

    /// Names of the inputs; an omitted optional one is empty.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        names(self.list(0))
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        names(self.list(1))
    }

    /// The name of one input; empty when there is none.
    #[inline(never)]
    pub fn input(&self, index: usize) -> &'a str {
        self.list(0).and_then(|l| l.string(index).ok()).unwrap_or("")
    }

    /// The name of one output; empty when there is none.
    #[inline(never)]
    pub fn output(&self, index: usize) -> &'a str {
        self.list(1).and_then(|l| l.string(index).ok()).unwrap_or("")
    }

    /// Whether the first output has this name.
    pub(crate) fn first_output_is(&self, name: &str) -> bool {
        self.list(1).is_some_and(|l| l.is_string(0, name))
    }

    /// Whether one of the outputs has this name.
    fn writes(&self, name: &str) -> bool {
        self.list(1).is_some_and(|l| (0..l.len()).any(|i| l.is_string(i, name)))
    }

    /// The attributes.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let list = self.list(5);
        (0..list.map_or(0, |l| l.len())).filter_map(move |i| Attribute::read(&list?.table(i).ok()?).ok())
    }

    /// The value of the attribute of that name.
    #[inline(never)]
    pub fn attribute(&self, name: &str) -> Option<Value<'a>> {
        self.attributes().find(|a| a.name() == name).map(|a| a.value())
    }

    /// Checks one node; returns the number of its inputs and outputs.
    fn check(table: &Table<'a>, budget: &mut Budget<'_>) -> Result<usize, Error<'a>> {
        let limits = budget.limits;
        let mut edges = 0;
        for id in [2, 3] {
            budget.name(&table.vector(id, 1)?)?;
        }
        for id in [0, 1] {
            let list = table.vector(id, 4)?;
            limits.check("inputs or outputs of a node", list.len(), limits.node_edges)?;
            edges += list.len();
            for i in 0..list.len() {
                budget.name(&list.undecoded(i)?)?;
            }
        }
        let attributes = table.vector(5, 4)?;
        limits.check("attributes of a node", attributes.len(), limits.node_edges)?;
        for i in 0..attributes.len() {
            Attribute::check(&attributes.table(i)?, budget)?;
        }
        Ok(edges)
    }
}

fn names<'a>(list: Option<Vector<'a>>) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
    (0..list.map_or(0, |l| l.len())).map(move |i| list.and_then(|l| l.string(i).ok()).unwrap_or(""))
}
