//! State of planning: slots and steps written so far, and how to look things up in the file.

use super::op::{Op, Source, Step, TensorSlot};
use crate::error::Error;
use crate::limits::Limits;
use crate::model::{Model, Node, Tensor, Value};
use crate::shape::{DType, Shape};
use core::cell::Cell;

/// Planning failed; why stands in the [`Fault`]. Errors themselves are long, and handing them from function to function
/// would take kilobytes of code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// Where the error of a failed planning stands.
pub(super) type Fault<'a> = Cell<Option<Error<'a>>>;

/// Fails with an error.
#[cold]
#[inline(never)]
pub(super) fn fail<'a>(fault: &Fault<'a>, error: Error<'a>) -> Failed {
    fault.set(Some(error));
    Failed
}

/// The planner's state.
pub(super) struct Context<'m, 'a> {
    pub(super) model: &'m Model<'a>,
    fault: &'m Fault<'a>,
    limits: &'m Limits,
    slots: &'m mut [TensorSlot],
    used_slots: usize,
    steps: &'m mut [Step],
    used_steps: usize,
    work: u64,
    picture: Option<[usize; 2]>,
}

/// An activation that a node reads.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    pub(super) index: u16,
    pub(super) shape: Shape,
    pub(super) dtype: DType,
    pub(super) exponent: Option<i32>,
    pub(super) nonnegative: bool,
}

impl Operand {
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }
}

/// One node being lowered, with its errors.
#[derive(Clone, Copy)]
pub(super) struct At<'m, 'a> {
    pub(super) node: Node<'a>,
    pub(super) index: usize,
    fault: &'m Fault<'a>,
}

impl<'a> At<'_, 'a> {
    /// Fails with an error of this node about one of its tensors.
    #[cold]
    #[inline(never)]
    pub(super) fn error(&self, tensor: &'a str, problem: &'static str) -> Failed {
        self.fail(Error::Node { node: self.node.name(), op: self.node.op_type(), tensor, problem })
    }

    /// Fails with any error.
    pub(super) fn fail(&self, error: Error<'a>) -> Failed {
        fail(self.fault, error)
    }

    #[inline(never)]
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        match self.node.attribute(name) {
            Some(Value::Int(v)) => v,
            _ => default,
        }
    }

    #[inline(never)]
    pub(super) fn text(&self, name: &str) -> &'a str {
        match self.node.attribute(name) {
            Some(Value::Text(v)) => v,
            _ => "",
        }
    }

    /// A list attribute of `N` numbers within `range`.
    pub(super) fn ints<const N: usize>(
        &self,
        name: &str,
        default: usize,
        range: core::ops::RangeInclusive<i64>,
    ) -> Result<[usize; N], Failed> {
        let Some(Value::Ints(list)) = self.node.attribute(name) else { return Ok([default; N]) };
        if list.len() != N {
            return Err(self.error("", "a list attribute has a wrong length; only 2-D windows are supported"));
        }
        let mut out = [default; N];
        for (slot, value) in out.iter_mut().zip(list.iter()) {
            if !range.contains(&value) {
                return Err(self.error("", "an attribute (kernel, stride, dilation or pad) is out of range"));
            }
            *slot = usize::try_from(value).unwrap_or(default);
        }
        Ok(out)
    }

    /// The axis an attribute names, counted from the front.
    #[inline(never)]
    pub(super) fn axis(&self, value: i64, rank: usize) -> Result<usize, Failed> {
        let from_front = if value < 0 { value + rank as i64 } else { value };
        usize::try_from(from_front)
            .ok()
            .filter(|&a| a < rank)
            .ok_or(self.error("", "attribute axis lies outside of the input's axes"))
    }
}

/// The name of the tensor in a slot.
pub(super) fn slot_name<'a>(model: &Model<'a>, slot: &TensorSlot) -> &'a str {
    match slot.source {
        Source::Input => model.inputs().next().map_or("", |v| v.name()),
        Source::Node(n) => model.node(usize::from(n)).output(0),
    }
}

/// Whether the tensor in a slot has this name.
fn slot_is(model: &Model<'_>, slot: &TensorSlot, name: &str) -> bool {
    match slot.source {
        Source::Input => model.first_input_is(name),
        Source::Node(n) => model.node(usize::from(n)).first_output_is(name),
    }
}

impl<'m, 'a> Context<'m, 'a> {
    /// `picture` is another `[height, width]` of the input than the file states; what the file says of shapes counts
    /// for nothing then.
    pub(super) fn new(
        model: &'m Model<'a>,
        fault: &'m Fault<'a>,
        limits: &'m Limits,
        picture: Option<[usize; 2]>,
        slots: &'m mut [TensorSlot],
        steps: &'m mut [Step],
    ) -> Self {
        Self { model, fault, limits, slots, used_slots: 0, steps, used_steps: 0, work: 0, picture }
    }

    /// Numbers of slots and steps used, and the work of all steps.
    pub(super) fn used(&self) -> (usize, usize, u64) {
        (self.used_slots, self.used_steps, self.work)
    }

    /// The node at that position of the execution order.
    pub(super) fn at(&self, index: usize) -> At<'m, 'a> {
        At { node: self.model.node(index), index, fault: self.fault }
    }

    /// Takes over the network's only input; returns its slot.
    pub(super) fn add_input(&mut self) -> Result<usize, Failed> {
        let fault = self.fault;
        let bad = |tensor, problem| fail(fault, Error::Tensor { tensor, problem });
        let mut inputs = self.model.inputs();
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            return Err(bad("", "networks with exactly one input are supported"));
        };
        let shape = input.shape().ok_or_else(|| bad(input.name(), "the network input states no shape"))?;
        let shape = match self.picture {
            None => shape,
            Some([height, width]) if shape.rank() == 4 => {
                Shape::new(&[shape.dim(0), height, width, shape.dim(3)])
                    .ok_or_else(|| bad(input.name(), "cannot have this height and width"))?
            }
            Some(_) => return Err(bad(input.name(), "is no picture and has no other height and width")),
        };
        let dtype = input.dtype().filter(|d| d.range().is_some());
        let dtype = dtype.ok_or_else(|| bad(input.name(), "the network input must be int8 or int16"))?;
        let exponent =
            input.exponent().ok_or_else(|| bad(input.name(), "the network input states no exponent"))?;
        let slot =
            TensorSlot { source: Source::Input, shape, dtype, exponent: Some(exponent), ..<_>::default() };
        self.add_slot(slot, input.name()).map(usize::from)
    }

    fn add_slot(&mut self, mut slot: TensorSlot, name: &'a str) -> Result<u16, Failed> {
        let bytes = slot.shape.elements().checked_mul(slot.dtype.bytes()).and_then(|b| u32::try_from(b).ok());
        slot.bytes = match bytes {
            Some(0) => {
                return Err(fail(self.fault, Error::Tensor { tensor: name, problem: "has no elements" }));
            }
            Some(bytes) => bytes,
            None => {
                return Err(fail(
                    self.fault,
                    Error::Tensor { tensor: name, problem: "is larger than 4 GiB" },
                ));
            }
        };
        let index = self.used_slots;
        let needed = index + 1;
        let available = self.slots.len();
        let short = || fail(self.fault, Error::Memory { what: "tensor slots", needed, available });
        let place = self.slots.get_mut(index).ok_or_else(short)?;
        *place = slot;
        self.used_slots = needed;
        u16::try_from(index).map_err(|_| {
            fail(self.fault, Error::Limit { what: "tensors", value: index as u64, limit: 65535 })
        })
    }

    /// The activation a node reads at that position.
    #[inline(never)]
    pub(super) fn operand(&self, at: &At<'_, 'a>, position: usize) -> Result<Operand, Failed> {
        let name = at.node.input(position);
        if name.is_empty() {
            return Err(at.error("", "an input is missing"));
        }
        let used = self.slots.get(..self.used_slots).unwrap_or_default();
        let index = used.iter().position(|s| slot_is(self.model, s, name)).ok_or_else(|| {
            at.error(name, "a constant or a second output is read where an activation is expected")
        })?;
        let &TensorSlot { shape, dtype, exponent, nonnegative, .. } =
            used.get(index).ok_or_else(|| at.error(name, "is not known yet"))?;
        Ok(Operand { index: index as u16, shape, dtype, exponent, nonnegative })
    }

    /// An activation of integers, and its exponent.
    #[inline(never)]
    pub(super) fn integers(&self, at: &At<'_, 'a>, position: usize) -> Result<(Operand, i32), Failed> {
        let operand = self.operand(at, position)?;
        match operand.exponent.filter(|_| operand.dtype.range().is_some()) {
            Some(exponent) => Ok((operand, exponent)),
            None => Err(at.fail(Error::Type {
                node: at.node.name(),
                tensor: at.node.input(position),
                found: operand.dtype,
            })),
        }
    }

    /// A constant a node reads at that position; `None` when it is omitted.
    #[inline(never)]
    pub(super) fn constant(&self, at: &At<'_, 'a>, position: usize) -> Option<Tensor<'a>> {
        self.model.initializer(at.node.input(position))
    }

    /// Type and exponent which the file states for the node's output.
    pub(super) fn stated(&self, at: &At<'_, 'a>) -> Result<(DType, Option<i32>), Failed> {
        let name = at.node.output(0);
        let missing =
            || at.error(name, "the file states no type or exponent for this tensor; export it again");
        let value = self.model.value(name).ok_or_else(missing)?;
        let dtype = value.dtype().ok_or_else(missing)?;
        match dtype {
            DType::F32 => Ok((dtype, None)),
            DType::I8 | DType::I16 => Ok((dtype, Some(value.exponent().ok_or_else(missing)?))),
            found => Err(at.fail(Error::Type { node: at.node.name(), tensor: name, found })),
        }
    }

    /// Type and exponent of an output of integers.
    #[inline(never)]
    pub(super) fn stated_integers(&self, at: &At<'_, 'a>) -> Result<(DType, i32), Failed> {
        match self.stated(at)? {
            (dtype, Some(exponent)) => Ok((dtype, exponent)),
            (found, None) => {
                Err(at.fail(Error::Type { node: at.node.name(), tensor: at.node.output(0), found }))
            }
        }
    }

    /// Adds the node's output of this shape, after comparing it with the file's statement.
    #[inline(never)]
    pub(super) fn add_output(&mut self, at: &At<'_, 'a>, shape: Shape) -> Result<u16, Failed> {
        self.add_output_stated(at, shape, shape)
    }

    /// As [`Self::add_output`]; the file may also state the shape `quirk`.
    pub(super) fn add_output_stated(
        &mut self,
        at: &At<'_, 'a>,
        shape: Shape,
        quirk: Shape,
    ) -> Result<u16, Failed> {
        let name = at.node.output(0);
        if name.is_empty() {
            return Err(at.error("", "the node has no output"));
        }
        if at.node.outputs().skip(1).any(|o| !o.is_empty()) {
            return Err(at.error(at.node.output(1), "only the first output of a node is supported"));
        }
        let (dtype, exponent) = self.stated(at)?;
        let stated = self.model.value(name).and_then(|v| v.shape()).filter(|_| self.picture.is_none());
        if let Some(stated) = stated.filter(|s| *s != shape && *s != quirk) {
            return Err(at.fail(Error::Shape {
                node: at.node.name(),
                tensor: name,
                stated,
                inferred: shape,
            }));
        }
        let source = Source::Node(at.index as u16);
        self.add_slot(TensorSlot { source, shape, dtype, exponent, ..<_>::default() }, name)
    }

    /// The output must have the type and exponent of the input.
    #[inline(never)]
    pub(super) fn same_type(&self, at: &At<'_, 'a>, input: &Operand) -> Result<(), Failed> {
        let (found, exponent) = self.stated(at)?;
        let (node, tensor) = (at.node.name(), at.node.output(0));
        if found != input.dtype {
            return Err(at.fail(Error::Type { node, tensor, found }));
        }
        match (exponent, input.exponent) {
            (Some(found), Some(expected)) if found != expected => {
                Err(at.fail(Error::Exponent { node, tensor, found, expected }))
            }
            _ => Ok(()),
        }
    }

    /// Appends a step that does `work` units of work.
    #[inline(never)]
    pub(super) fn push(
        &mut self,
        at: &At<'_, 'a>,
        op: Op,
        inputs: [u16; 2],
        output: u16,
        work: u64,
    ) -> Result<(), Failed> {
        self.work = self.work.saturating_add(work);
        if self.work > self.limits.work {
            return Err(at.fail(Error::Limit {
                what: "multiply-accumulates of one inference",
                value: self.work,
                limit: self.limits.work,
            }));
        }
        let (index, available) = (self.used_steps, self.steps.len());
        let short = || at.fail(Error::Memory { what: "steps", needed: index + 1, available });
        let step = self.steps.get_mut(index).ok_or_else(short)?;
        *step = Step { op, node: at.index as u16, completes: true, inputs, output, ..Step::default() };
        self.used_steps += 1;
        // The planner marks lifetimes by u16 step numbers, one more than the last for network outputs.
        let now = u16::try_from(index).ok().filter(|&i| i < u16::MAX - 1);
        let limit = u64::from(u16::MAX - 1);
        let now = now.ok_or_else(|| at.fail(Error::Limit { what: "steps", value: index as u64, limit }))?;
        for input in inputs {
            if let Some(slot) = self.slots.get_mut(usize::from(input)) {
                slot.last = slot.last.max(now);
            }
        }
        let nonnegative = self.nonnegative(&op, inputs);
        if let Some(slot) = self.slots.get_mut(usize::from(output)) {
            slot.nonnegative = nonnegative;
            if matches!(op, Op::ConcatPart { start, .. } if start > 0) {
                slot.last = now;
            } else {
                (slot.first, slot.last) = (now, now);
            }
        }
        Ok(())
    }

    /// Whether no output of such a step is below 0.
    fn nonnegative(&self, op: &Op, inputs: [u16; 2]) -> bool {
        match op {
            Op::Conv(conv) => conv.relu,
            Op::Clamp { low, .. } if *low >= 0 => true,
            Op::Clamp { .. } | Op::Add | Op::MaxPool { .. } | Op::Copy => {
                inputs.into_iter().all(|i| self.slots.get(usize::from(i)).is_some_and(|s| s.nonnegative))
            }
            _ => false,
        }
    }

    /// Marks the last step as not yet completing its node.
    pub(super) fn more_to_come(&mut self) {
        if let Some(step) = self.used_steps.checked_sub(1).and_then(|i| self.steps.get_mut(i)) {
            step.completes = false;
        }
    }

    /// Keeps the network's only output to the end; returns its slot.
    pub(super) fn finish(&mut self) -> Result<usize, Failed> {
        let fault = self.fault;
        let bad = |tensor, problem| fail(fault, Error::Tensor { tensor, problem });
        let mut outputs = self.model.outputs();
        let (Some(output), None) = (outputs.next(), outputs.next()) else {
            return Err(bad("", "networks with exactly one output are supported"));
        };
        let end = self.used_steps as u16;
        let used = self.slots.get_mut(..self.used_slots).unwrap_or_default();
        let model = self.model;
        let found = used.iter_mut().enumerate().find(|(_, s)| slot_is(model, s, output.name()));
        let (index, slot) =
            found.ok_or_else(|| bad(output.name(), "the network output is never computed"))?;
        slot.last = end;
        Ok(index)
    }
}
