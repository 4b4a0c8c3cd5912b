//! From a parsed file to steps over one arena: shape inference, checks, lifetimes, places.
//!
//! A plan lives in slices that the caller provides, so a chip needs no heap: ask [`Plan::sizes`], make the two
//! slices, call [`Plan::build`], make an arena of [`Plan::arena_bytes`], write the input to
//! [`Plan::input`]`().range()`, call [`Plan::run`], read [`Plan::output`]`().range()`.

mod arena;
mod context;
mod convolution;
mod lower;
mod observe;
mod op;
mod pooling;
mod reshaping;

pub use arena::ALIGNMENT;
pub use observe::Observed;
pub(crate) use op::{Conv, Op, PadMode, Span, Window};
pub use op::{Step, TensorSlot};

use crate::error::Error;
use crate::kernels;
use crate::limits::Limits;
use crate::model::Model;
use crate::target::{Rounding, Target};
use context::Context;

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
}

impl<'s> Plan<'s> {
    /// How large the slices for [`Plan::build`] must be.
    pub fn sizes(model: &Model<'_>) -> Sizes {
        let steps = model.nodes().map(|n| if n.op_type() == "Concat" { n.inputs().len().max(1) } else { 1 });
        Sizes { tensors: model.inputs().len() + model.node_count(), steps: steps.sum() }
    }

    /// Infers all shapes, compares them with the file's, and places all tensors.
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
        let sizes = Self::sizes(model);
        let slots = take(slots, sizes.tensors, "tensor slots")?;
        let steps = take(steps, sizes.steps, "steps")?;
        let mut context = Context::new(model, limits, slots, steps);
        let input = context.add_input()?;
        for index in 0..model.node_count() {
            lower::node(&mut context, index)?;
        }
        let output = context.finish()?;
        let (used_slots, used_steps, work) = context.used();
        let slots = slots.get_mut(..used_slots).unwrap_or_default();
        let steps = steps.get(..used_steps).unwrap_or_default();
        arena::share_memory(slots, steps);
        let (peak_step, peak) = (0..steps.len().max(1))
            .map(|s| (s, arena::live_bytes(slots, s)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .unwrap_or_default();
        let bytes = arena::place(slots, peak);
        if bytes > limits.arena_bytes as u64 {
            return Err(Error::Limit {
                what: "bytes of activation memory",
                value: bytes,
                limit: limits.arena_bytes as u64,
            });
        }
        let summary = Summary {
            rounding: target.rounding(),
            arena_bytes: bytes as usize,
            peak_step,
            peak_bytes: peak as usize,
            input,
            output,
            work,
        };
        Ok(Self { slots, steps, summary })
    }

    /// Bytes of the arena. Its start should be aligned to [`ALIGNMENT`] where vector units want that.
    pub fn arena_bytes(&self) -> usize {
        self.summary.arena_bytes
    }

    /// The network's input.
    pub fn input(&self) -> &'s TensorSlot {
        &self.slots[self.summary.input]
    }

    /// The network's output.
    pub fn output(&self) -> &'s TensorSlot {
        &self.slots[self.summary.output]
    }

    /// All activation tensors: the input, then the output of each node.
    pub fn tensors(&self) -> &'s [TensorSlot] {
        self.slots
    }

    /// Multiply-accumulates and elements moved of one inference.
    pub fn work(&self) -> u64 {
        self.summary.work
    }

    /// Bytes live at the worst moment; no placement needs less.
    pub fn peak_bytes(&self) -> usize {
        self.summary.peak_bytes
    }

    /// The tensors that are live at the worst moment. One that was computed in place stands for all of its
    /// chain, with the last tensor of the chain that exists by then.
    pub fn peak(&self) -> impl Iterator<Item = &'s TensorSlot> + use<'s> {
        let (slots, step) = (self.slots, self.summary.peak_step);
        slots
            .iter()
            .enumerate()
            .filter(move |(i, s)| usize::from(s.root) == *i && arena::live(s, step))
            .filter_map(move |(i, _)| {
                slots.iter().rfind(|s| usize::from(s.root) == i && usize::from(s.first) <= step)
            })
    }

    /// The node during which memory peaks.
    pub fn peak_node(&self) -> usize {
        self.steps.get(self.summary.peak_step).map_or(0, |s| usize::from(s.node))
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
        if arena.len() < self.arena_bytes() {
            return Err(arena_too_small(self.arena_bytes(), arena.len()));
        }
        for (index, step) in self.steps.iter().enumerate() {
            kernels::run_step(step, self.slots, self.summary.rounding, model.payload(), arena)
                .ok_or(Error::Foreign { step: index })?;
        }
        Ok(())
    }
}

fn arena_too_small(needed: usize, available: usize) -> Error<'static> {
    Error::Memory { what: "bytes of arena", needed, available }
}

fn take<'x, T>(slice: &'x mut [T], needed: usize, what: &'static str) -> Result<&'x mut [T], Error<'static>> {
    let available = slice.len();
    slice.get_mut(..needed).ok_or(Error::Memory { what, needed, available })
}
