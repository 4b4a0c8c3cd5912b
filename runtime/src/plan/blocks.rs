//! Which steps may be streamed row by row as one block, so that the wide tensors between them never exist whole.
//!
//! Found are inverted residual blocks: an optional convolution (1x1 in all blocks but the first), a depthwise
//! one, and a 1x1 that ends the block, with clamps and tables between them, then what follows without a
//! window: a change of exponent, the addition of the block's input.

use super::op::{Conv, Op, Step, TensorSlot};
use super::schedule::{LONGEST, Schedule};

/// Marks the first step of every block with its number of steps.
pub(super) fn find(steps: &mut [Step], slots: &[TensorSlot]) {
    let mut start = 0;
    while start < steps.len() {
        let length = steps.get(start..).and_then(|rest| length(rest, start, slots)).unwrap_or(0);
        if let Some(step) = steps.get_mut(start) {
            step.block = length as u16;
        }
        start += length.max(1);
    }
}

/// Steps of the block that begins at the first of `steps`, which is number `start` of the plan.
fn length(steps: &[Step], start: usize, slots: &[TensorSlot]) -> Option<usize> {
    let steps = steps.get(..LONGEST.min(steps.len()))?;
    let mut at = 0;
    match conv(steps, at) {
        Some(head) if head.depthwise => {}
        Some(_) => {
            at = element_wise_chain(steps, 1)?;
            conv(steps, at).filter(|c| c.depthwise && follows(steps, at))?;
        }
        None => return None,
    }
    at = element_wise_chain(steps, at + 1)?;
    let end = conv(steps, at).filter(|c| c.groups == 1 && c.window.kernel == [1, 1] && follows(steps, at));
    end?;
    // The longest that is closed: the end of the 1x1 convolution, or of what adds to it.
    let mut found = None;
    for end in at..steps.len() {
        if end > at && !steps.get(end)?.op.element_wise() {
            break;
        }
        let block = steps.get(..=end)?;
        if closed(block, start, slots) && Schedule::new(block, slots).is_some() {
            found = Some(end + 1);
        }
    }
    found
}

fn conv(steps: &[Step], at: usize) -> Option<&Conv> {
    match &steps.get(at)?.op {
        Op::Conv(conv) => Some(conv),
        _ => None,
    }
}

/// Whether a step reads what the step before it wrote.
fn follows(steps: &[Step], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|b| steps.get(b));
    before.zip(steps.get(at)).is_some_and(|(before, step)| step.inputs == [before.output; 2])
}

/// Skips steps of one input without a window.
fn element_wise_chain(steps: &[Step], mut at: usize) -> Option<usize> {
    while steps.get(at)?.op.element_wise() {
        if !follows(steps, at) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// The only tensor from outside that the steps read; `None` when there are several.
pub(super) fn input(steps: &[Step]) -> Option<u16> {
    let inside = |input: u16| steps.iter().any(|s| s.output == input);
    let mut outside = steps.iter().flat_map(|s| s.inputs).filter(|&i| !inside(i));
    let first = outside.next()?;
    outside.all(|i| i == first).then_some(first)
}

/// Whether the steps read one tensor from outside, and nobody else reads what they compute but the last.
fn closed(steps: &[Step], start: usize, slots: &[TensorSlot]) -> bool {
    let Some((last, inner)) = steps.split_last() else { return false };
    let end = start + inner.len();
    let picture =
        |i: u16| slots.get(usize::from(i)).is_some_and(|s| s.shape.rank() == 4 && s.shape.dim(0) == 1);
    let ends_inside = |s: &Step| {
        s.output != last.output
            && slots.get(usize::from(s.output)).is_some_and(|slot| usize::from(slot.last) <= end)
    };
    input(steps).is_some_and(picture) && inner.iter().all(ends_inside)
}
