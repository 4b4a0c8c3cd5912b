//! From a parsed file to steps over one arena: shape inference, checks, lifetimes, places.
//!
//! A plan lives in slices that the caller provides, so a chip needs no heap: ask [`Plan::sizes`], make the two
//! slices, call [`Plan::build`], make an arena of [`Plan::arena_bytes`], write the input to
//! [`Plan::input`]`().range()`, call [`Plan::run`], read [`Plan::output`]`().range()`.

mod arena;
mod blocks;
mod context;
mod convolution;
mod describe;
mod lower;
mod macs;
mod op;
mod overlap;
mod pooling;
mod reshaping;
mod schedule;
mod strategy;

pub use arena::ALIGNMENT;
pub use describe::Stage;
pub(crate) use op::{Conv, ConvKernel, Op, PadMode, Span, Window};
pub use op::{Step, TensorSlot};
pub(crate) use schedule::Schedule;
pub use strategy::Strategy;

use crate::error::Error;
use crate::fused::Executor;
use crate::limits::Limits;
use crate::model::Model;
use crate::observe::Observer;
use crate::target::{Rounding, Target};
use context::{Context, Fault};

/// How many elements the slices for [`Plan::build`] need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of [`TensorSlot`]s.
    pub tensors: usize,
    /// Number of [`Step`]s.
    pub steps: usize,
}

/// The numbers of a plan, without its tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) rounding: Rounding,
    pub(crate) arena_bytes: usize,
    pub(crate) peak_step: usize,
    pub(crate) peak_bytes: usize,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) work: u64,
}

/// An executable plan.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'s> {
    pub(crate) slots: &'s [TensorSlot],
    pub(crate) steps: &'s [Step],
    pub(crate) summary: Summary,
    input: &'s TensorSlot,
    output: &'s TensorSlot,
}

impl<'s> Plan<'s> {
    /// How large the slices for [`Plan::build`] must be.
    pub fn sizes(model: &Model<'_>) -> Sizes {
        let steps = model.nodes().map(|n| if n.op_type() == "Concat" { n.inputs().len().max(1) } else { 1 });
        Sizes { tensors: model.inputs().len() + model.node_count(), steps: steps.sum() }
    }

    /// Infers all shapes, compares them with the file's, and places all tensors, layer by layer
    /// ([`Strategy::Layerwise`]).
    ///
    /// # Errors
    /// When an operation or one of its parameters is not supported, when shapes, types or exponents do not
    /// agree, when a limit is exceeded, or when a slice is too short.
    pub fn build<'a>(
        model: &Model<'a>,
        target: Target,
        limits: &Limits,
        slots: &'s mut [TensorSlot],
        steps: &'s mut [Step],
    ) -> Result<Self, Error<'a>> {
        Self::build_with(model, target, limits, Strategy::Layerwise, slots, steps)
    }

    /// [`Plan::build`] with another strategy.
    ///
    /// # Errors
    /// As [`Plan::build`]; also when the network does not fit into the bytes of [`Strategy::Within`], with the
    /// bytes that it needs at least.
    pub fn build_with<'a>(
        model: &Model<'a>,
        target: Target,
        limits: &Limits,
        strategy: Strategy,
        slots: &'s mut [TensorSlot],
        steps: &'s mut [Step],
    ) -> Result<Self, Error<'a>> {
        Self::build_sized(model, target, limits, strategy, None, slots, steps)
    }

    /// [`Plan::build_with`] for pictures of another `[height, width]` than the file states. Such a plan tells of
    /// memory; it is not executed.
    pub(crate) fn build_sized<'a>(
        model: &Model<'a>,
        target: Target,
        limits: &Limits,
        strategy: Strategy,
        picture: Option<[usize; 2]>,
        slots: &'s mut [TensorSlot],
        steps: &'s mut [Step],
    ) -> Result<Self, Error<'a>> {
        let sizes = Self::sizes(model);
        let slots = take(slots, sizes.tensors, "tensor slots")?;
        let steps = take(steps, sizes.steps, "steps")?;
        let fault = Fault::default();
        let mut context = Context::new(model, &fault, limits, picture, slots, steps);
        let Ok((input, output)) = lower::all(&mut context) else {
            return Err(fault.take().unwrap_or(Error::Foreign { step: 0 }));
        };
        let (used_slots, used_steps, work) = context.used();
        let slots = slots.get_mut(..used_slots).unwrap_or_default();
        let steps = steps.get_mut(..used_steps).unwrap_or_default();
        let rounding = target.rounding();
        let summary = Summary { rounding, arena_bytes: 0, peak_step: 0, peak_bytes: 0, input, output, work };
        let plan = Self::lay_out(summary, slots, steps, strategy)?;
        if plan.arena_bytes() > limits.arena_bytes {
            return Err(Error::Limit {
                what: "bytes of activation memory",
                value: plan.arena_bytes() as u64,
                limit: limits.arena_bytes as u64,
            });
        }
        Ok(plan)
    }

    /// Places the tensors of steps that are known.
    pub(crate) fn lay_out(
        mut summary: Summary,
        slots: &'s mut [TensorSlot],
        steps: &'s mut [Step],
        strategy: Strategy,
    ) -> Result<Self, Error<'static>> {
        let need = strategy::arrange(slots, steps, strategy);
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        summary.arena_bytes = bytes(need.arena_bytes);
        summary.peak_bytes = bytes(need.peak_bytes);
        summary.peak_step = need.peak_step;
        match strategy {
            Strategy::Within(available) if summary.arena_bytes > available => {
                Err(Error::Memory { what: "bytes of arena", needed: summary.arena_bytes, available })
            }
            _ => {
                let (slots, steps) = (&*slots, &*steps);
                let ends = slots.get(summary.input).zip(slots.get(summary.output));
                let (input, output) = ends.ok_or(Error::Foreign { step: steps.len() })?;
                Ok(Self { slots, steps, summary, input, output })
            }
        }
    }

    /// Bytes of the arena. Its start should be aligned to [`ALIGNMENT`] where vector units want that.
    pub fn arena_bytes(&self) -> usize {
        self.summary.arena_bytes
    }

    /// The network's input.
    pub fn input(&self) -> &'s TensorSlot {
        self.input
    }

    /// The network's output.
    pub fn output(&self) -> &'s TensorSlot {
        self.output
    }

    /// All activation tensors: the input, then the output of each node.
    pub fn tensors(&self) -> &'s [TensorSlot] {
        self.slots
    }

    /// Multiply-accumulates and elements moved of one inference.
    pub fn work(&self) -> u64 {
        self.summary.work
    }

    /// Name of a tensor of this plan.
    pub fn name<'a>(&self, model: &Model<'a>, slot: &TensorSlot) -> &'a str {
        context::slot_name(model, slot)
    }

    /// Executes all steps with the portable kernels. `model` must be the one the plan was built from; the
    /// input stands in the arena already.
    ///
    /// # Errors
    /// When the arena is too small or the model is another one.
    pub fn run(&self, model: &Model<'_>, arena: &mut [u8]) -> Result<(), Error<'static>> {
        self.run_observed(model, arena, &mut ())
    }

    /// [`Plan::run`] with an observer of every row of every tensor, streamed or not, and of the time that each
    /// node takes.
    ///
    /// # Errors
    /// As [`Plan::run`].
    // A function of its own in every program: `tests/qemu/inspect` looks for it.
    #[inline(never)]
    pub fn run_observed(
        &self,
        model: &Model<'_>,
        arena: &mut [u8],
        observer: &mut dyn Observer,
    ) -> Result<(), Error<'static>> {
        if arena.len() < self.arena_bytes() {
            return Err(Error::Memory {
                what: "bytes of arena",
                needed: self.arena_bytes(),
                available: arena.len(),
            });
        }
        let executor = Executor {
            slots: self.slots,
            steps: self.steps,
            rounding: self.summary.rounding,
            payload: model.payload(),
        };
        executor.input(self.summary.input, arena, observer);
        let mut start = 0;
        while start < self.steps.len() {
            start += executor.group(start, arena, observer).ok_or(Error::Foreign { step: start })?;
        }
        Ok(())
    }
}

fn take<'x, T>(slice: &'x mut [T], needed: usize, what: &'static str) -> Result<&'x mut [T], Error<'static>> {
    let available = slice.len();
    slice.get_mut(..needed).ok_or(Error::Memory { what, needed, available })
}
