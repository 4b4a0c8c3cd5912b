//! How little memory a network shall run in.

use super::op::{NO_SLOT, Op, Step, TensorSlot};
use super::{arena, blocks, overlap};
use crate::kernels::conv::Layer;

/// How tensors are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Layer by layer; no tensor touches another but where an element-wise operation works in place. What
    /// vector kernels need, which read and write whole tensors.
    Separate,
    /// Layer by layer. The output of a convolution may lie over the rows of its input that were read already.
    #[default]
    Layerwise,
    /// Every inverted residual block is streamed row by row: least memory.
    Fused,
    /// As few blocks are streamed as are needed for an arena of at most so many bytes.
    Within(usize),
}

/// Layouts that [`Strategy::Within`] tries before it streams everything.
const TRIES: usize = 64;

/// What a plan needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) arena_bytes: u64,
    pub(super) peak_step: usize,
    pub(super) peak_bytes: u64,
}

/// Lays out all tensors.
pub(super) fn arrange(slots: &mut [TensorSlot], steps: &mut [Step], strategy: Strategy) -> Need {
    blocks::find(steps, slots);
    let fuse = |steps: &mut [Step], all: bool| steps.iter_mut().for_each(|s| s.fused = all && s.block > 1);
    fuse(steps, strategy == Strategy::Fused);
    let need = lay_out(slots, steps, strategy != Strategy::Separate);
    let Strategy::Within(limit) = strategy else { return need };
    let limit = limit as u64;
    let mut need = need;
    let mut tries = 0..TRIES;
    while need.arena_bytes > limit {
        if tries.next().is_none() {
            fuse(steps, true);
            return lay_out(slots, steps, true);
        }
        let Some(next) = next_block(slots, steps, need.peak_step) else { break };
        if let Some(step) = steps.get_mut(next) {
            step.fused = true;
        }
        need = lay_out(slots, steps, true);
    }
    need
}

/// The block to stream next: that in which memory peaks, else the one with the largest tensor.
fn next_block(slots: &[TensorSlot], steps: &[Step], peak: usize) -> Option<usize> {
    let largest = |start: usize, length: usize| {
        let outputs = steps.get(start..start + length).unwrap_or_default().iter();
        outputs.filter_map(|s| slots.get(usize::from(s.output))).map(|s| s.held).max()
    };
    let whole = steps.iter().enumerate().filter(|(_, s)| s.block > 1 && !s.fused);
    let ranked = whole.map(|(start, step)| {
        let length = usize::from(step.block);
        ((start..start + length).contains(&peak), largest(start, length), steps.len() - start)
    });
    ranked.max().map(|(_, _, from_end)| steps.len() - from_end)
}

fn lay_out(slots: &mut [TensorSlot], steps: &mut [Step], rows: bool) -> Need {
    overlap::group(steps);
    overlap::share(slots, steps, rows);
    scratch(slots, steps);
    let bytes = |step: usize| {
        let group = steps.iter().skip(step).take(steps.get(step).map_or(0, |s| usize::from(s.length)));
        arena::live_bytes(slots, step) + group.map(|s| u64::from(s.scratch.len)).sum::<u64>()
    };
    let starts = (0..steps.len().max(1)).filter(|&i| steps.get(i).is_none_or(|s| usize::from(s.group) == i));
    let peak = starts.map(|s| (s, bytes(s))).reduce(|best, next| if next.1 > best.1 { next } else { best });
    let (peak_step, peak_bytes) = peak.unwrap_or_default();
    let arena_bytes = arena::place(slots, steps, peak_bytes);
    Need { arena_bytes, peak_step, peak_bytes }
}

/// States the working memory of each step.
fn scratch(slots: &[TensorSlot], steps: &mut [Step]) {
    for step in steps.iter_mut() {
        step.scratch.len = match &step.op {
            Op::Conv(conv) => {
                // What may overlap its input runs row by row if it does so in the end, else as a whole.
                let whole = if step.length == 1 { Layer::scratch_bytes(conv, true) } else { 0 };
                let apart = slots.get(usize::from(step.output)).is_some_and(|s| s.over == NO_SLOT);
                let rows = if step.length == 1 && apart { 0 } else { Layer::scratch_bytes(conv, false) };
                u32::try_from(whole.max(rows)).unwrap_or(u32::MAX)
            }
            _ => 0,
        };
    }
}
