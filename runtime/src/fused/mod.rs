//! Executes a plan: single steps as a whole, fused blocks and outputs that overlap their input row by row.

mod row;

use crate::kernels;
use crate::kernels::conv::{Layer, Rows};
use crate::observe::{Observer, Part};
use crate::plan::{Op, Schedule, Span, Step, TensorSlot};
use crate::target::Rounding;
use core::ops::Range;

/// A plan's tables and the file.
#[derive(Clone, Copy)]
pub(crate) struct Executor<'a> {
    pub(crate) slots: &'a [TensorSlot],
    pub(crate) steps: &'a [Step],
    pub(crate) rounding: Rounding,
    pub(crate) payload: &'a [u8],
}

impl<'a> Executor<'a> {
    /// Shows the network's input.
    pub(crate) fn input(&self, tensor: usize, arena: &[u8], observer: &mut dyn Observer) {
        if let Some(bytes) = self.slots.get(tensor).and_then(|s| arena.get(s.range())) {
            observer.part(Part { tensor, at: 0, bytes });
        }
    }

    /// Executes what begins at a step; returns its number of steps. `None` when arena or payload do not fit.
    pub(crate) fn group(&self, start: usize, arena: &mut [u8], observer: &mut dyn Observer) -> Option<usize> {
        let length = usize::from(self.steps.get(start)?.length).max(1);
        let group = self.steps.get(start..start + length)?;
        let first = group.first()?;
        if length == 1 && !self.overlaps(first)? {
            observer.before(usize::from(first.node));
            kernels::run_step(first, self.slots, self.rounding, self.payload, arena, true)?;
            observer.after(usize::from(first.node));
            if first.completes {
                let (tensor, slot) = (usize::from(first.output), self.slot(first.output)?);
                observer.part(Part { tensor, at: 0, bytes: arena.get(slot.range())? });
            }
        } else {
            self.stream(group, arena, observer)?;
        }
        Some(length)
    }

    fn slot(&self, index: u16) -> Option<&'a TensorSlot> {
        self.slots.get(usize::from(index))
    }

    /// Whether a step writes over a part of its input, which only works row by row.
    fn overlaps(&self, step: &Step) -> Option<bool> {
        let (x, y) = (self.slot(step.inputs[0])?.range(), self.slot(step.output)?.range());
        Some(x != y && x.start < y.end && y.start < x.end)
    }

    /// Executes steps row by row.
    fn stream(&self, group: &[Step], arena: &mut [u8], observer: &mut dyn Observer) -> Option<()> {
        for step in group {
            if let Some(layer) = self.layer(step)? {
                observer.before(usize::from(step.node));
                layer.prepare(arena.get_mut(range(step.scratch))?)?;
                observer.after(usize::from(step.node));
            }
        }
        Schedule::new(group, self.slots)?.run(&mut |index, row, _| {
            let step = group.get(index)?;
            observer.before(usize::from(step.node));
            let y = self.row(step, row, arena)?;
            observer.after(usize::from(step.node));
            let (tensor, bytes) = (usize::from(step.output), arena.get(y)?);
            observer.part(Part { tensor, at: row * bytes.len(), bytes });
            Some(())
        })
    }

    /// The layer of a convolution; `Some(None)` for other steps.
    fn layer(&self, step: &Step) -> Option<Option<Layer<'a>>> {
        let Op::Conv(conv) = &step.op else { return Some(None) };
        let types = [self.slot(step.inputs[0])?.dtype(), self.slot(step.output)?.dtype()];
        Layer::new(conv, self.rounding, self.payload, types, true).map(Some)
    }
}

/// A range of the arena.
fn range(span: Span) -> Range<usize> {
    span.at as usize..(span.at as usize).saturating_add(span.len as usize)
}

/// Where one row of a tensor lies.
fn row_range(slot: &TensorSlot, row: usize) -> Option<Range<usize>> {
    let (all, pitch) = (slot.range(), slot.pitch());
    let row = if slot.rows > 0 { row % usize::from(slot.rows) } else { row };
    let start = all.start + row * pitch;
    (start + pitch <= all.end).then_some(start..start + pitch)
}

/// Where the rows lie that a step needs, with what turns them into [`Rows`].
fn rows_range(slot: &TensorSlot, needed: Range<usize>) -> Option<(Range<usize>, Rows<'static>)> {
    let (all, pitch) = (slot.range(), slot.pitch());
    if slot.rows > 0 {
        return Some((all, Rows { bytes: &[], first: 0, held: usize::from(slot.rows), pitch }));
    }
    if needed.is_empty() {
        return Some((0..0, Rows { bytes: &[], first: 0, held: 0, pitch }));
    }
    let place = all.start + needed.start * pitch..all.start + needed.end * pitch;
    (place.end <= all.end)
        .then_some((place, Rows { bytes: &[], first: needed.start, held: needed.len(), pitch }))
}
