//! What may share memory: outputs in the place of inputs that die, outputs that run into the rows of an input
//! which were read already, rings of rows inside of fused blocks.

use super::blocks;
use super::op::{NO_SLOT, Step, TensorSlot};
use super::schedule::{LONGEST, Schedule};

/// Cuts the steps into groups that run as a whole: fused blocks, and single steps.
pub(super) fn group(steps: &mut [Step]) {
    let mut start = 0;
    while let Some(step) = steps.get(start) {
        let length = if step.fused { usize::from(step.block).max(1) } else { 1 };
        for step in steps.iter_mut().skip(start).take(length) {
            (step.group, step.length) = (start as u16, length as u16);
        }
        start += length;
    }
}

/// Sets the lifetimes of all tensors, and who shares memory with whom. Without `rows`, no tensor overlaps
/// another one but exactly.
pub(super) fn share(slots: &mut [TensorSlot], steps: &[Step], rows: bool) {
    for (index, slot) in slots.iter_mut().enumerate() {
        let group = |step: u16| steps.get(usize::from(step)).map(|s| (s.group, s.group + s.length - 1));
        slot.from = group(slot.first).map_or(slot.first, |g| g.0);
        slot.until = group(slot.last).map_or(slot.last, |g| g.1);
        (slot.root, slot.over, slot.distance) = (index as u16, NO_SLOT, 0);
        (slot.rows, slot.held) = (0, slot.bytes);
    }
    let mut start = 0;
    while let Some(group) = steps.get(start).and_then(|s| steps.get(start..start + usize::from(s.length))) {
        if group.len() > 1 {
            rings(slots, group);
        }
        if !in_place(slots, group) && rows {
            overlap(slots, group);
        }
        start += group.len().max(1);
    }
}

/// Whether nobody uses the tensor's memory after the group that ends at `end`.
fn dies(slots: &[TensorSlot], slot: &TensorSlot, end: u16) -> bool {
    slot.until == end && slots.get(usize::from(slot.root)).is_some_and(|root| root.until == end)
}

/// Lets the last step write over an input that dies, element for element. In a block, the input is that of the
/// block, and every row of it must have been read by then.
fn in_place(slots: &mut [TensorSlot], group: &[Step]) -> bool {
    let Some(last) = group.last().filter(|s| s.op.element_wise()) else { return false };
    let end = last.group + last.length - 1;
    let Some(&output) = slots.get(usize::from(last.output)) else { return false };
    let fits = |input: u16| {
        let slot = slots.get(usize::from(input))?;
        let whole = slot.bytes == output.bytes && slot.rows == 0 && dies(slots, slot, end);
        let read = group.len() == 1 || consumed(group, slots, input, output.pitch()) == Some(0);
        (whole && read).then_some(slot.root)
    };
    let Some(root) = last.inputs.into_iter().find_map(fits) else { return false };
    if let Some(slot) = slots.get_mut(usize::from(last.output)) {
        slot.root = root;
    }
    if let Some(slot) = slots.get_mut(usize::from(root)) {
        slot.until = output.until;
    }
    true
}

/// Lets the output run into the input of the group, where that dies.
fn overlap(slots: &mut [TensorSlot], group: &[Step]) {
    let (Some(input), Some(last)) = (blocks::input(group), group.last()) else { return };
    let end = last.group + last.length - 1;
    let (Some(&x), Some(&y)) = (slots.get(usize::from(input)), slots.get(usize::from(last.output))) else {
        return;
    };
    if x.shape.rank() != 4 || x.shape.dim(0) != 1 || !dies(slots, &x, end) {
        return;
    }
    let Some(distance) = distance(group, slots, input) else { return };
    if let (Some(slot), true) = (slots.get_mut(usize::from(last.output)), distance < y.bytes) {
        (slot.over, slot.distance) = (x.root, distance);
    }
}

/// How many bytes before its input the output of a group must begin, so that no row is written over before it
/// was read for the last time. `None` when the group does not work by rows.
fn distance(group: &[Step], slots: &[TensorSlot], input: u16) -> Option<u32> {
    let pitch = slots.get(usize::from(group.last()?.output))?.pitch();
    // The step that writes a row may read its own input while it writes.
    let own = |step: usize, row: usize| if step + 1 == group.len() { row } else { row + 1 };
    farthest(group, slots, input, pitch, own)
}

/// The same where the last step may write a row over the row that it reads.
fn consumed(group: &[Step], slots: &[TensorSlot], input: u16, pitch: usize) -> Option<u32> {
    farthest(group, slots, input, pitch, |_, row| row + 1)
}

/// The farthest that the end of a written row gets ahead of the first row of the input that is still needed.
/// `after` says how many rows a step has done with once it computes one.
fn farthest(
    group: &[Step],
    slots: &[TensorSlot],
    input: u16,
    pitch: usize,
    after: impl Fn(usize, usize) -> usize,
) -> Option<u32> {
    let schedule = Schedule::new(group, slots)?;
    let x_pitch = slots.get(usize::from(input))?.pitch();
    let mut farthest = 0usize;
    schedule.run(&mut |step, row, done| {
        if step + 1 < group.len() {
            return Some(());
        }
        let readers = group.iter().enumerate().filter(|(_, s)| s.inputs.contains(&input));
        let oldest = readers
            .filter_map(|(i, _)| {
                schedule.oldest_needed(i, if i == step { after(i, row) } else { *done.get(i)? })
            })
            .min();
        if let Some(oldest) = oldest {
            farthest = farthest.max(((row + 1) * pitch).saturating_sub(oldest * x_pitch));
        }
        Some(())
    })?;
    u32::try_from(farthest).ok()
}

/// Gives the tensors inside of a block as many rows as are needed at a time.
fn rings(slots: &mut [TensorSlot], group: &[Step]) {
    let Some(schedule) = Schedule::new(group, slots) else { return };
    let mut rows = [1usize; LONGEST];
    let counted = schedule.run(&mut |step, row, done| {
        let first = group.get(step)?.op.rows_needed(row).start;
        for producer in schedule.producers(step).into_iter().flatten() {
            let rows = rows.get_mut(producer)?;
            *rows = done.get(producer)?.checked_sub(first)?.max(*rows);
        }
        Some(())
    });
    let Some(((), (_, inner))) = counted.zip(group.split_last()) else { return };
    for (step, rows) in inner.iter().zip(rows) {
        if let Some(slot) = slots.get_mut(usize::from(step.output)) {
            let held = u32::try_from(rows * slot.pitch()).ok().filter(|&h| h < slot.bytes);
            if let (Some(held), Ok(rows)) = (held, u16::try_from(rows)) {
                (slot.held, slot.rows) = (held, rows);
            }
        }
    }
}
