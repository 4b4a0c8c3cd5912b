//! What a plan says about work.

use super::{Op, Plan};

impl Plan<'_> {
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
