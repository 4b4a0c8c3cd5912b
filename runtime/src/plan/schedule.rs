//! In which order the rows of a fused block are computed. The planner counts with the same order in which the
//! executor then works, so that what it has proven holds.

use super::op::{NO_SLOT, Step, TensorSlot};

/// The largest number of steps of a block.
pub(crate) const LONGEST: usize = 16;

/// The largest number of rows of a tensor, so that hostile files do not make planning slow.
const HIGHEST: usize = 4096;

/// Rows of each step's output that exist by now.
pub(crate) type Done = [usize; LONGEST];

/// Computes rows as late as possible: each output row of the block asks for the rows that it needs.
pub(crate) struct Schedule<'a> {
    steps: &'a [Step],
    /// For each step, which steps of the block computed its inputs.
    producers: [[Option<usize>; 2]; LONGEST],
    /// Rows of each step's output.
    heights: [usize; LONGEST],
}

impl<'a> Schedule<'a> {
    /// `None` when there are too many steps, or one of them does not work by rows.
    pub(crate) fn new(steps: &'a [Step], slots: &[TensorSlot]) -> Option<Self> {
        let mut schedule = Self { steps, producers: [[None; 2]; LONGEST], heights: [0; LONGEST] };
        for (index, step) in steps.iter().enumerate() {
            let slot = slots.get(usize::from(step.output))?;
            let picture = slot.shape.rank() == 4 && slot.shape.dim(0) == 1 && slot.shape.dim(1) <= HIGHEST;
            if !step.op.by_rows() || !picture {
                return None;
            }
            *schedule.heights.get_mut(index)? = slot.shape.dim(1);
            let before = steps.get(..index)?;
            *schedule.producers.get_mut(index)? =
                step.inputs.map(|input| before.iter().rposition(|s| s.output == input && input != NO_SLOT));
        }
        Some(schedule)
    }

    /// Which steps of the block computed a step's inputs.
    pub(crate) fn producers(&self, step: usize) -> [Option<usize>; 2] {
        self.producers.get(step).copied().unwrap_or_default()
    }

    /// The first input row that a step still needs, once it has computed `done` rows; `None` at its end.
    pub(crate) fn oldest_needed(&self, step: usize, done: usize) -> Option<usize> {
        let height = *self.heights.get(step)?;
        let op = &self.steps.get(step)?.op;
        (done < height).then(|| op.rows_needed(done).start)
    }

    /// Visits every row of every step: step, row, and the rows that are done. Rows that no output of the block
    /// needs come last, so that every tensor is complete.
    pub(crate) fn run(&self, visit: &mut dyn FnMut(usize, usize, &Done) -> Option<()>) -> Option<()> {
        let mut done = [0; LONGEST];
        for target in (0..self.steps.len()).rev() {
            while done.get(target)? < self.heights.get(target)? {
                let mut need = done;
                *need.get_mut(target)? += 1;
                self.demand(target, &mut need)?;
                for step in 0..=target {
                    while done.get(step)? < need.get(step)? {
                        visit(step, *done.get(step)?, &done)?;
                        *done.get_mut(step)? += 1;
                    }
                }
            }
        }
        Some(())
    }

    /// Raises the rows needed of what stands before `target`.
    fn demand(&self, target: usize, need: &mut Done) -> Option<()> {
        for step in (0..=target).rev() {
            let Some(last) = need.get(step)?.checked_sub(1) else { continue };
            let end = self.steps.get(step)?.op.rows_needed(last).end;
            for producer in self.producers(step).into_iter().flatten() {
                let rows = need.get_mut(producer)?;
                *rows = end.max(*rows);
            }
        }
        Some(())
    }
}
