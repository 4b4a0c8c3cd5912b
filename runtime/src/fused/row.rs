//! One row of one step.

use super::{Executor, range, row_range, rows_range};
use crate::kernels::conv::Rows;
use crate::kernels::{self, Place};
use crate::plan::{Op, Step};
use core::ops::Range;

impl Executor<'_> {
    /// Computes a row of a step's output; returns where it lies.
    pub(super) fn row(&self, step: &Step, row: usize, arena: &mut [u8]) -> Option<Range<usize>> {
        let (x_slot, y_slot) = (self.slot(step.inputs[0])?, self.slot(step.output)?);
        let y_range = row_range(y_slot, row)?;
        if let Some(layer) = self.layer(step)? {
            let (x_range, rows) = rows_range(x_slot, step.op.rows_needed(row))?;
            let ranges = [x_range, y_range.clone(), range(step.scratch)];
            let [x, y, scratch] = arena.get_disjoint_mut(ranges).ok()?;
            layer.row(&Rows { bytes: x, ..rows }, row, y, scratch)?;
            return Some(y_range);
        }
        let x_range = row_range(x_slot, row)?;
        if let Op::Add = step.op {
            let b = row_range(self.slot(step.inputs[1])?, row)?;
            kernels::add(y_slot.dtype(), x_range, b, y_range.clone(), arena)?;
        } else {
            let place = Place::of(arena, x_range, y_range.clone())?;
            let types = [x_slot.dtype(), y_slot.dtype()];
            kernels::element_wise(&step.op, types, self.rounding, self.payload, place)?;
        }
        Some(y_range)
    }
}
