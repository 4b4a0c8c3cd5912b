//! Lifetimes and places of tensors in the arena.

use super::op::{Step, TensorSlot};

/// Every tensor starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 16;

const END: u16 = u16::MAX;

fn aligned(bytes: u32) -> u64 {
    u64::from(bytes).next_multiple_of(ALIGNMENT as u64)
}

/// Lets element-wise steps write over an input that nobody reads afterwards.
pub(super) fn share_memory(slots: &mut [TensorSlot], steps: &[Step]) {
    for (index, slot) in slots.iter_mut().enumerate() {
        slot.root = index as u16;
    }
    for (index, step) in steps.iter().enumerate().filter(|(_, s)| s.op.element_wise()) {
        let Some(&output) = slots.get(usize::from(step.output)) else { continue };
        let dies = step.inputs.into_iter().find_map(|i| {
            let input = slots.get(usize::from(i))?;
            (usize::from(input.last) == index && input.bytes == output.bytes).then_some(input.root)
        });
        let Some(root) = dies else { continue };
        if let Some(slot) = slots.get_mut(usize::from(step.output)) {
            slot.root = root;
        }
        if let Some(slot) = slots.get_mut(usize::from(root)) {
            slot.last = output.last;
        }
    }
}

/// Bytes of all tensors that are live at a step.
pub(super) fn live_bytes(slots: &[TensorSlot], step: usize) -> u64 {
    roots(slots).filter(|s| live(s, step)).map(|s| aligned(s.bytes)).sum()
}

/// Whether a tensor must be kept at that step.
pub(super) fn live(slot: &TensorSlot, step: usize) -> bool {
    (usize::from(slot.first)..=usize::from(slot.last)).contains(&step)
}

fn roots(slots: &[TensorSlot]) -> impl Iterator<Item = &TensorSlot> {
    slots.iter().enumerate().filter(|(i, s)| usize::from(s.root) == *i).map(|(_, s)| s)
}

/// Places all tensors; returns the bytes of the arena.
///
/// Placement is greedy, each tensor into the smallest gap that fits among those that live at the same time.
/// Two orders are tried, largest first and in execution order: either can be the better one.
pub(super) fn place(slots: &mut [TensorSlot], lower_bound: u64) -> u64 {
    let by_size = place_in_order(slots, |s| (u64::from(s.bytes), u64::from(END - s.first)));
    if by_size <= lower_bound {
        return by_size;
    }
    let by_time = place_in_order(slots, |s| (u64::from(END - s.first), u64::from(s.bytes)));
    if by_time <= by_size {
        return by_time;
    }
    place_in_order(slots, |s| (u64::from(s.bytes), u64::from(END - s.first)))
}

fn place_in_order(slots: &mut [TensorSlot], key: impl Fn(&TensorSlot) -> (u64, u64)) -> u64 {
    for slot in slots.iter_mut() {
        slot.placed = false;
    }
    let mut head = END;
    let mut total = 0u64;
    loop {
        let next = slots
            .iter()
            .enumerate()
            .filter(|(i, s)| usize::from(s.root) == *i && !s.placed)
            .max_by_key(|(i, s)| (key(s), usize::MAX - i));
        let Some((index, &slot)) = next else { break };
        let offset = best_gap(slots, head, &slot);
        total = total.max(offset + aligned(slot.bytes));
        // An arena beyond 4 GiB is refused by its size afterwards; the offset is never used then.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        insert(slots, &mut head, index, offset);
    }
    // Tensors computed in place live where their root does.
    for index in 0..slots.len() {
        let root = slots.get(index).and_then(|s| slots.get(usize::from(s.root))).map_or(0, |r| r.offset);
        if let Some(slot) = slots.get_mut(index) {
            slot.offset = root;
        }
    }
    total
}

/// The smallest gap that fits between tensors living at the same time, else the end of them.
fn best_gap(slots: &[TensorSlot], head: u16, slot: &TensorSlot) -> u64 {
    let need = aligned(slot.bytes);
    let (mut best, mut end) = (None::<(u64, u64)>, 0u64);
    let mut cursor = head;
    while let Some(other) = slots.get(usize::from(cursor)) {
        cursor = other.next;
        if other.last < slot.first || slot.last < other.first {
            continue;
        }
        let start = u64::from(other.offset);
        if start >= end {
            let gap = start - end;
            if gap >= need && best.is_none_or(|(smallest, _)| gap < smallest) {
                best = Some((gap, end));
            }
        }
        end = end.max(start + aligned(other.bytes));
    }
    best.map_or(end, |(_, at)| at)
}

/// Keeps the list of placed tensors sorted by offset.
fn insert(slots: &mut [TensorSlot], head: &mut u16, index: usize, offset: u32) {
    let (mut before, mut cursor) = (END, *head);
    while let Some(other) = slots.get(usize::from(cursor)).filter(|o| o.offset <= offset) {
        before = cursor;
        cursor = other.next;
    }
    if let Some(slot) = slots.get_mut(index) {
        (slot.offset, slot.next, slot.placed) = (offset, cursor, true);
    }
    match slots.get_mut(usize::from(before)) {
        Some(previous) if before != END => previous.next = index as u16,
        _ => *head = index as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::op::Op;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tensors_that_live_together_never_overlap(
            lives in prop::collection::vec((0u16..30, 0u16..8, 1u32..5000), 1..60)
        ) {
            let mut slots: Vec<TensorSlot> = lives
                .iter()
                .map(|&(first, length, bytes)| TensorSlot {
                    first,
                    last: first + length,
                    bytes,
                    ..TensorSlot::default()
                })
                .collect();
            share_memory(&mut slots, &[]);
            let bound = (0..40).map(|step| live_bytes(&slots, step)).max().unwrap();
            let total = place(&mut slots, bound);
            prop_assert!(total >= bound);
            for (i, a) in slots.iter().enumerate() {
                prop_assert_eq!(a.range().start % ALIGNMENT, 0);
                prop_assert!(a.range().end as u64 <= total);
                for b in &slots[..i] {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = a.range().end <= b.range().start || b.range().end <= a.range().start;
                    prop_assert!(!together || apart);
                }
            }
        }
    }

    #[test]
    fn element_wise_steps_overwrite_inputs_that_die() {
        let slot = |first, last| TensorSlot { first, last, bytes: 100, ..TensorSlot::default() };
        // x -> a (clamp), a -> b (clamp), a + b -> c: b must not overwrite a, c may overwrite either.
        let mut slots = [slot(0, 0), slot(0, 2), slot(1, 2), slot(2, 3)];
        let clamp = Op::Clamp { low: 0, high: 9, shift: 0 };
        let step = |op, inputs, output| Step { op, inputs, output, ..Step::default() };
        let steps = [step(clamp, [0, 0], 1), step(clamp, [1, 1], 2), step(Op::Add, [1, 2], 3)];
        share_memory(&mut slots, &steps);
        assert_eq!(slots.map(|s| s.root), [0, 0, 2, 0]);
        assert_eq!(slots[0].last, 3, "the root lives as long as the last that uses its memory");
        assert_eq!(place(&mut slots, 0), 2 * 112);
    }
}
