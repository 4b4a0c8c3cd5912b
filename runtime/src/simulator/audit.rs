//! Would ESP-DL's short accumulators saturate?
//!
//! The vector unit of the S3 sums int8 products in lanes of 20 bits, one per output channel, and saturates at
//! every addition (numeric contract). Our sums are exact; this counts the running sums that leave the range.

use super::{Data, Scratch, Simulator, SimulatorError};
use crate::kernels::conv::{Channels, bytes};
use crate::plan::{Conv, Op};
use crate::shape::DType;

/// Running sums of one int8 convolution or Gemm that leave the accumulator's range, for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccumulatorReport {
    /// Index of the node.
    pub node: usize,
    /// Name of its output tensor.
    pub tensor: String,
    /// Output channels.
    pub channels: usize,
    /// Output channels with at least one running sum that leaves the range.
    pub channels_left: usize,
    /// Output elements (positions times channels) whose running sum leaves the range.
    pub elements_left: u64,
}

/// For each output channel the sums of its positive and of its negative weights' magnitudes, and its bias.
#[derive(Debug)]
pub(super) struct WeightSums(Vec<[i64; 3]>);

impl WeightSums {
    fn new(conv: &Conv, payload: &[u8]) -> Option<Self> {
        let (weights, channels) = (bytes(payload, conv.weights)?, Channels::new(conv, payload)?);
        let sums = (0..conv.filters).map(|filter| {
            let (start, step) = conv.weight_run(filter);
            let (mut positive, mut negative) = (0, 0);
            for k in 0..conv.taps() {
                let w = i64::from(weights[start + k * step] as i8);
                positive += w.max(0);
                negative += (-w).max(0);
            }
            [positive, negative, channels.bias(filter)]
        });
        Some(Self(sums.collect()))
    }

    /// Whether no running sum of the channel can leave the range when inputs lie in `low..=high` (which
    /// includes 0).
    fn safe(&self, channel: usize, inputs: [i64; 2], range: [i32; 2]) -> bool {
        let Some(&[positive, negative, bias]) = self.0.get(channel) else { return true };
        let [low, high] = inputs;
        let top = bias + positive * high - negative * low;
        let bottom = bias + positive * low - negative * high;
        bottom >= i64::from(range[0]) && top <= i64::from(range[1])
    }
}

impl Simulator {
    /// Runs the network on one input and reports, for every int8 convolution and Gemm, the running sums that
    /// leave an accumulator of `limit_bits` bits (20 on the S3). A running sum starts at the bias and adds the
    /// products in the order rows, columns, channels of the window, in which ESP-DL's layout stores them.
    ///
    /// # Errors
    /// As [`Simulator::run`]; also when `limit_bits` is not in 2..=31.
    pub fn audit_accumulators(
        &self,
        scratch: &mut Scratch,
        input: Data<'_>,
        limit_bits: u32,
    ) -> Result<Vec<AccumulatorReport>, SimulatorError> {
        if !(2..=31).contains(&limit_bits) {
            return Err(SimulatorError::new("the accumulator must have 2 to 31 bits"));
        }
        let range = [-(1 << (limit_bits - 1)), (1 << (limit_bits - 1)) - 1];
        let all_sums = self.weight_sums.get_or_init(|| self.weight_sums());
        self.load(scratch, input)?;
        let mut reports = Vec::new();
        for (index, (step, kept)) in self.steps.iter().zip(all_sums).enumerate() {
            if let Op::Conv(conv) = &step.op
                && self.int8(step, conv)
            {
                let made = if kept.is_none() { WeightSums::new(conv, self.payload()) } else { None };
                let foreign = crate::Error::Foreign { step: index };
                let sums = kept.as_ref().or(made.as_ref()).ok_or(foreign)?;
                let left = self.left(scratch, index, conv, sums, range)?;
                reports.push(AccumulatorReport {
                    node: usize::from(step.node),
                    tensor: self.names[usize::from(step.output)].clone(),
                    channels: conv.filters,
                    channels_left: left.iter().filter(|&&n| n > 0).count(),
                    elements_left: left.iter().sum(),
                });
            }
            self.step(scratch, index)?;
        }
        Ok(reports)
    }

    /// Sums of the weights of int8 layers, as many as [`Limits::packed_bytes`](crate::Limits) has room for; the
    /// others are made anew each time.
    fn weight_sums(&self) -> Vec<Option<WeightSums>> {
        let mut left = self.limits.packed_bytes;
        let of_step = |step: &crate::plan::Step| match &step.op {
            Op::Conv(conv) if self.int8(step, conv) => {
                left = left.checked_sub(conv.filters.checked_mul(size_of::<[i64; 3]>())?)?;
                WeightSums::new(conv, self.payload())
            }
            _ => None,
        };
        self.steps.iter().map(of_step).collect()
    }

    fn int8(&self, step: &crate::plan::Step, conv: &Conv) -> bool {
        self.slots[usize::from(step.inputs[0])].dtype() == DType::I8 && conv.weight_type == DType::I8
    }

    /// For each output channel, at how many positions its running sum leaves the range.
    fn left(
        &self,
        scratch: &mut Scratch,
        index: usize,
        conv: &Conv,
        sums: &WeightSums,
        range: [i32; 2],
    ) -> Result<Vec<u64>, SimulatorError> {
        let foreign = || SimulatorError::from(crate::Error::Foreign { step: index });
        let slot = &self.slots[usize::from(self.steps[index].inputs[0])];
        let x = scratch.arena.bytes().get(slot.range()).ok_or_else(foreign)?;
        let extremes = x.iter().fold([0i8; 2], |[l, h], &b| [l.min(b as i8), h.max(b as i8)]);
        let inputs = extremes.map(i64::from);
        let mut left = vec![0; conv.filters];
        let safe = |channel: usize| sums.safe(channel, inputs, range);
        let block_safe = |first: usize| (first..(first + 16).min(conv.filters)).all(safe);
        if let Some(packed) = &self.packed[index]
            && packed.audit(conv, x, range, block_safe, (&mut scratch.buffers, &mut left))
        {
            return Ok(left);
        }
        let weights = bytes(self.payload(), conv.weights).ok_or_else(foreign)?;
        for (filter, left) in left.iter_mut().enumerate().filter(|(f, _)| !safe(*f)) {
            *left = walk_channel(conv, x, weights, filter, sums.0[filter][2], range);
        }
        Ok(left)
    }
}

/// Walks every running sum of one output channel.
fn walk_channel(conv: &Conv, x: &[u8], weights: &[u8], filter: usize, bias: i64, range: [i32; 2]) -> u64 {
    let (window, depth) = (&conv.window, conv.depth());
    let first = filter / (conv.filters / conv.groups) * depth;
    let (start, step) = conv.weight_run(filter);
    let range = i64::from(range[0])..=i64::from(range[1]);
    let mut left = 0;
    for batch in 0..conv.batch {
        for position in 0..window.output[0] * window.output[1] {
            let (oy, ox) = (position / window.output[1], position % window.output[1]);
            let (mut sum, mut inside) = (bias, range.contains(&bias));
            for ky in 0..window.kernel[0] {
                let Some(iy) = window.source(0, oy, ky) else { continue };
                for kx in 0..window.kernel[1] {
                    let Some(ix) = window.source(1, ox, kx) else { continue };
                    let pixel = ((batch * window.input[0] + iy) * window.input[1] + ix) * conv.channels;
                    for channel in 0..depth {
                        let k = (ky * window.kernel[1] + kx) * depth + channel;
                        let w = weights[start + k * step];
                        sum += i64::from(x[pixel + first + channel] as i8) * i64::from(w as i8);
                        inside &= range.contains(&sum);
                    }
                }
            }
            left += u64::from(!inside);
        }
    }
    left
}
