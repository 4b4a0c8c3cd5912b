//! What a plan says about memory before anything runs.

use super::op::NO_SLOT;
use super::{Plan, TensorSlot, arena};

/// What is executed as a whole: one step, or a block that is streamed row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Index of its first node.
    pub first_node: usize,
    /// Index of its last node.
    pub last_node: usize,
    /// Whether it is streamed row by row.
    pub fused: bool,
    /// Bytes of the arena up to the end of all that is in use meanwhile.
    pub arena_bytes: usize,
    /// Working memory of the kernels among them.
    pub scratch_bytes: usize,
    /// Index of its first step.
    step: usize,
}

impl<'s> Plan<'s> {
    /// Bytes in use at the worst moment; no placement needs less.
    pub fn peak_bytes(&self) -> usize {
        self.summary.peak_bytes
    }

    /// The tensors that are in memory at the worst moment. One that was computed in place stands for all of its
    /// chain, with the last tensor of the chain that exists by then.
    pub fn peak(&self) -> impl Iterator<Item = &'s TensorSlot> + use<'s> {
        self.live(self.summary.peak_step)
    }

    /// The node during which memory peaks; the first one of a fused block.
    pub fn peak_node(&self) -> usize {
        self.steps.get(self.summary.peak_step).map_or(0, |s| usize::from(s.node))
    }

    /// Everything that is executed, in order, with the memory that is in use meanwhile.
    pub fn stages(&self) -> impl Iterator<Item = Stage> + use<'s> {
        let (slots, steps) = (self.slots, self.steps);
        let starts = steps.iter().enumerate().filter(|(i, s)| usize::from(s.group) == *i);
        starts.map(move |(step, first)| {
            let group = steps.get(step..step + usize::from(first.length)).unwrap_or_default();
            let scratch_bytes = group.iter().map(|s| s.scratch.len as usize).sum();
            let end = group.iter().map(|s| s.scratch.at as usize + s.scratch.len as usize).max().unwrap_or(0);
            Stage {
                first_node: usize::from(first.node),
                last_node: group.last().map_or(0, |s| usize::from(s.node)),
                fused: first.length > 1,
                arena_bytes: end.max(arena::live_end(slots, step) as usize),
                scratch_bytes,
                step,
            }
        })
    }

    /// The tensors that are in memory during a stage of this plan, as in [`Plan::peak`].
    pub fn tensors_during(&self, stage: &Stage) -> impl Iterator<Item = &'s TensorSlot> + use<'s> {
        self.live(stage.step)
    }

    /// The tensor in whose memory this one was computed, element for element.
    pub fn in_place_of(&self, slot: &TensorSlot) -> Option<&'s TensorSlot> {
        self.before(slot)?.iter().rfind(|s| s.root == slot.root)
    }

    /// The tensor into whose rows this one runs after they were read.
    pub fn runs_into(&self, slot: &TensorSlot) -> Option<&'s TensorSlot> {
        let under = self.before(slot)?.iter().rfind(|s| s.root == slot.over && slot.over != NO_SLOT)?;
        // It may, which does not mean that it does.
        let (a, b) = (slot.range(), under.range());
        (a.start < b.end && b.start < a.end).then_some(under)
    }

    /// The tensors that are made before this one.
    fn before(&self, slot: &TensorSlot) -> Option<&'s [TensorSlot]> {
        let index = self.slots.iter().position(|s| s.source == slot.source)?;
        self.slots.get(..index)
    }

    fn live(&self, step: usize) -> impl Iterator<Item = &'s TensorSlot> + use<'s> {
        let slots = self.slots;
        let roots =
            slots.iter().enumerate().filter(move |(i, s)| usize::from(s.root) == *i && arena::live(s, step));
        roots.filter_map(move |(i, _)| {
            slots.iter().rfind(|s| usize::from(s.root) == i && usize::from(s.from) <= step)
        })
    }
}
