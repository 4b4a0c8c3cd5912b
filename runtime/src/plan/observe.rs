//! Executing a plan while somebody watches the tensors come into being: for self-tests and for times per layer.

use super::op::Op;
use super::{Plan, arena_too_small};
use crate::error::Error;
use crate::kernels;
use crate::model::Model;

/// Some bytes of a tensor that was just computed.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'r> {
    /// Which tensor: its index in [`Plan::tensors`].
    pub tensor: usize,
    /// Its next bytes in C order, integers little endian. They may be overwritten afterwards.
    pub bytes: &'r [u8],
    /// Whether these were its last ones.
    pub complete: bool,
}

impl Plan<'_> {
    /// [`Plan::run`], which tells of the network's input and then of every node's output, in execution order.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_observed(
        &self,
        model: &Model<'_>,
        arena: &mut [u8],
        observe: &mut dyn FnMut(&Observed<'_>),
    ) -> Result<(), Error<'static>> {
        if arena.len() < self.arena_bytes() {
            return Err(arena_too_small(self.arena_bytes(), arena.len()));
        }
        let bytes = arena.get(self.input().range()).unwrap_or_default();
        observe(&Observed { tensor: self.summary.input, bytes, complete: true });
        for (index, step) in self.steps.iter().enumerate() {
            let foreign = Error::Foreign { step: index };
            kernels::run_step(step, self.slots, self.summary.rounding, model.payload(), arena)
                .ok_or(foreign)?;
            if step.completes {
                let tensor = usize::from(step.output);
                let slot = self.slots.get(tensor).ok_or(foreign)?;
                let bytes = arena.get(slot.range()).ok_or(foreign)?;
                observe(&Observed { tensor, bytes, complete: true });
            }
        }
        Ok(())
    }

    /// Multiply-accumulates of the convolution or Gemm that computes a tensor (its index in [`Plan::tensors`]);
    /// 0 for other operations.
    pub fn macs(&self, tensor: usize) -> u64 {
        let steps = self.steps.iter().filter(|s| usize::from(s.output) == tensor);
        let convs = steps.filter_map(|step| match &step.op {
            Op::Conv(conv) => Some(conv),
            _ => None,
        });
        let counts = convs.map(|conv| {
            let pixels = (conv.batch * conv.window.output[0]) as u64 * conv.window.output[1] as u64;
            pixels * conv.filters as u64 * conv.taps() as u64
        });
        counts.sum()
    }
}
