//! Places of tensors in the arena.

use super::op::{Step, TensorSlot};

/// Every tensor starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 16;

/// Comparisons of two tensors after which no better place is looked for: hostile files have thousands of tensors
/// that all live at the same time.
const PATIENCE: u64 = 20_000_000;

fn aligned(bytes: u32) -> i64 {
    u64::from(bytes).next_multiple_of(ALIGNMENT as u64) as i64
}

/// Bytes of all tensors that are live at a step; what overlaps counts once.
pub(super) fn live_bytes(slots: &[TensorSlot], step: usize) -> u64 {
    let bytes: i64 =
        roots(slots).filter(|(_, s)| live(s, step)).map(|(_, s)| bytes_alone(slots, s, step)).sum();
    u64::try_from(bytes).unwrap_or(0)
}

/// Bytes of a tensor without those which the input of its step provides.
fn bytes_alone(slots: &[TensorSlot], slot: &TensorSlot, step: usize) -> i64 {
    match slots.get(usize::from(slot.over)).filter(|under| live(under, step)) {
        Some(under) => {
            let together = aligned(slot.held).max(aligned(slot.distance) + aligned(under.held));
            together - aligned(under.held)
        }
        None => aligned(slot.held),
    }
}

/// Whether a tensor's memory is in use at that step.
pub(super) fn live(slot: &TensorSlot, step: usize) -> bool {
    (usize::from(slot.from)..=usize::from(slot.until)).contains(&step)
}

/// The end of the memory in use at a step.
pub(super) fn live_end(slots: &[TensorSlot], step: usize) -> u64 {
    let ends = roots(slots).filter(|(_, s)| live(s, step)).map(|(_, s)| s.offset + aligned(s.held));
    ends.max().and_then(|e| u64::try_from(e).ok()).unwrap_or(0)
}

fn roots(slots: &[TensorSlot]) -> impl Iterator<Item = (u16, &TensorSlot)> {
    slots.iter().enumerate().map(|(i, s)| (i as u16, s)).filter(|(i, s)| s.root == *i)
}

/// In which order tensors are placed.
type Key = fn(&TensorSlot) -> (u64, u64);

const ORDERS: [Key; 4] = [
    |s| (u64::from(s.held), u64::from(u16::MAX - s.from)),
    |s| (u64::from(u16::MAX - s.from), u64::from(s.held)),
    |s| (u64::from(s.until), u64::from(s.held)),
    |s| (u64::from(s.bytes), u64::from(u16::MAX - s.from)),
];

/// Places all tensors; returns the bytes of the arena, working memory of the steps included.
///
/// Placement is greedy: each tensor goes where the arena grows least. Several orders are tried, largest first
/// and along the execution: each can be the best one.
pub(super) fn place(slots: &mut [TensorSlot], steps: &mut [Step], lower_bound: u64) -> u64 {
    let mut best: Option<(u64, Key)> = None;
    let mut placed_last = None;
    for order in ORDERS {
        place_in_order(slots, order);
        let bytes = total(slots, steps);
        placed_last = Some(bytes);
        if best.is_none_or(|(smallest, _)| bytes < smallest) {
            best = Some((bytes, order));
        }
        if bytes <= lower_bound {
            break;
        }
    }
    if let Some((_, order)) = best.filter(|b| Some(b.0) != placed_last) {
        place_in_order(slots, order);
    }
    scratch(slots, steps)
}

/// The bytes that all groups need.
fn total(slots: &[TensorSlot], steps: &[Step]) -> u64 {
    let groups = steps.iter().map(|s| live_end(slots, usize::from(s.group)) + u64::from(s.scratch.len));
    // A network without steps still holds its input.
    groups.max().unwrap_or(0).max(live_end(slots, 0)).max(live_end(slots, steps.len()))
}

/// Puts the working memory of each step behind the tensors that are live then.
fn scratch(slots: &[TensorSlot], steps: &mut [Step]) -> u64 {
    for start in 0..steps.len() {
        let Some(&Step { group, length, .. }) = steps.get(start) else { continue };
        if usize::from(group) != start {
            continue;
        }
        let mut at = live_end(slots, start);
        for step in steps.iter_mut().skip(start).take(usize::from(length)) {
            step.scratch.at = u32::try_from(at).unwrap_or(u32::MAX);
            at += u64::from(step.scratch.len);
        }
    }
    let ends = steps.iter().filter(|s| s.scratch.len > 0);
    let end = ends.map(|s| u64::from(s.scratch.at) + u64::from(s.scratch.len)).max().unwrap_or(0);
    roots(slots)
        .filter_map(|(_, s)| u64::try_from(s.offset + aligned(s.held)).ok())
        .max()
        .unwrap_or(0)
        .max(end)
}

fn place_in_order(slots: &mut [TensorSlot], key: Key) {
    for slot in slots.iter_mut() {
        slot.placed = false;
    }
    let mut patience = PATIENCE;
    // The arena so far; it may grow to both sides.
    let (mut low, mut high) = (0i64, 0i64);
    loop {
        let next = roots(slots).filter(|(_, s)| !s.placed).max_by_key(|(i, s)| (key(s), u16::MAX - i));
        let Some((index, &slot)) = next else { break };
        let offset = best_place(slots, index, &slot, (low, high), &mut patience);
        (low, high) = (low.min(offset), high.max(offset + aligned(slot.held)));
        if let Some(slot) = slots.get_mut(usize::from(index)) {
            (slot.offset, slot.placed) = (offset, true);
        }
    }
    for slot in slots.iter_mut().filter(|s| s.placed) {
        slot.offset -= low;
    }
    // Tensors computed in place live where their root does.
    for index in 0..slots.len() {
        let root = slots.get(index).and_then(|s| slots.get(usize::from(s.root))).map_or(0, |r| r.offset);
        if let Some(slot) = slots.get_mut(index) {
            slot.offset = root;
        }
    }
}

/// The place next to another tensor, at an end of the arena included, where the arena grows least.
fn best_place(
    slots: &[TensorSlot],
    index: u16,
    slot: &TensorSlot,
    (low, high): (i64, i64),
    patience: &mut u64,
) -> i64 {
    let need = aligned(slot.held);
    let grown = |offset: i64| high.max(offset + need) - low.min(offset);
    let others = || roots(slots).filter(|(_, o)| o.placed && o.from <= slot.until && slot.from <= o.until);
    let fits = |offset: i64, patience: &mut u64| {
        *patience = patience.saturating_sub(slots.len() as u64);
        others().all(|(i, other)| apart((index, slot, offset), (i, other, other.offset)))
    };
    // Always free, whoever lives there.
    let mut best = (grown(high), high);
    let mut consider = |offset: i64, patience: &mut u64| {
        let candidate = (grown(offset), offset);
        if candidate < best && fits(offset, patience) {
            best = candidate;
        }
    };
    consider(low, patience);
    consider(high - need, patience);
    for (i, other) in others() {
        if *patience == 0 {
            break;
        }
        let (before, after) = (distance((index, slot), other), distance((i, other), slot));
        consider(other.offset - before, patience);
        consider(other.offset + after, patience);
    }
    best.1
}

/// How far a tensor has to begin before another one that follows it.
fn distance((_, first): (u16, &TensorSlot), second: &TensorSlot) -> i64 {
    if first.over == second.root { aligned(first.distance) } else { aligned(first.held) }
}

/// Whether two tensors that live at the same time do not hurt each other.
fn apart(a: (u16, &TensorSlot, i64), b: (u16, &TensorSlot, i64)) -> bool {
    a.2 + distance((a.0, a.1), b.1) <= b.2 || b.2 + distance((b.0, b.1), a.1) <= a.2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::op::{NO_SLOT, Op};
    use crate::plan::overlap;
    use proptest::prelude::*;

    fn slot(first: u16, last: u16, bytes: u32) -> TensorSlot {
        TensorSlot { first, last, bytes, ..TensorSlot::default() }
    }

    proptest! {
        #[test]
        fn tensors_that_live_together_never_overlap(
            lives in prop::collection::vec((0u16..30, 0u16..8, 1u32..5000, 0u32..3000, any::<bool>()), 1..60)
        ) {
            let mut slots: Vec<TensorSlot> =
                lives.iter().map(|&(first, length, bytes, ..)| slot(first, first + length, bytes)).collect();
            overlap::share(&mut slots, &[], true);
            // Some tensors may run into the last one that dies when they are born.
            for i in 0..slots.len() {
                let (_, _, bytes, distance, over) = lives[i];
                let under = (0..i).rev().find(|&j| slots[j].until == slots[i].from);
                if let (Some(j), true, true) = (under, over, distance < bytes) {
                    (slots[i].over, slots[i].distance) = (j as u16, distance);
                }
            }
            let bound = (0..40).map(|step| live_bytes(&slots, step)).max().unwrap();
            let total = place(&mut slots, &mut [], bound);
            prop_assert!(total >= bound);
            for (i, a) in slots.iter().enumerate() {
                prop_assert_eq!(a.range().start % ALIGNMENT, 0);
                prop_assert!(a.range().end as u64 <= total);
                for (j, b) in slots.iter().enumerate().filter(|(j, _)| *j != i) {
                    let together = a.from <= b.until && b.from <= a.until;
                    let apart = a.range().end <= b.range().start || b.range().end <= a.range().start;
                    let ahead = |y: &TensorSlot, x: &TensorSlot, i: usize| {
                        usize::from(y.over) == i && y.range().start + y.distance as usize <= x.range().start
                    };
                    prop_assert!(!together || apart || ahead(a, b, j) || ahead(b, a, i));
                }
            }
        }
    }

    #[test]
    fn element_wise_steps_overwrite_inputs_that_die() {
        // x -> a (clamp), a -> b (clamp), a + b -> c: b must not overwrite a, c may overwrite either.
        let mut slots = [slot(0, 0, 100), slot(0, 2, 100), slot(1, 2, 100), slot(2, 3, 100)];
        let clamp = Op::Clamp { low: 0, high: 9, shift: 0 };
        let step = |op, inputs, output| Step { op, inputs, output, ..Step::default() };
        let mut steps = [step(clamp, [0, 0], 1), step(clamp, [1, 1], 2), step(Op::Add, [1, 2], 3)];
        overlap::group(&mut steps);
        overlap::share(&mut slots, &steps, false);
        assert_eq!(slots.map(|s| s.root), [0, 0, 2, 0]);
        assert_eq!(slots[0].until, 3, "the root's memory is in use as long as the last that uses it");
        assert_eq!(slots.map(|s| s.over), [NO_SLOT; 4]);
        assert_eq!(place(&mut slots, &mut steps, 0), 2 * 112);
    }
}
