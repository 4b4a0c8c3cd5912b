//! Quantization with trained power-of-two steps: Jain et al., Trained Quantization Thresholds (arXiv 1903.08066),
//! section 3. The step of a row is `2^ceil(p)`, and p is trained; rounding and the ceiling pass gradients straight on.

use std::f32::consts::LN_2;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use octet_plugin_api::sdk::Rounding;
use rayon::prelude::*;

use super::{floats, with_floats};

/// Integers that may come out, and the bounds of a fused ReLU or Clip in real numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// Values of a fused activation, e.g. 0 and 6; infinite where there is none.
    pub(crate) bounds: [f32; 2],
    pub(crate) rounding: Rounding,
}

impl Range {
    /// The integers of a width, without an activation.
    pub(crate) fn of_bits(bits: u32, rounding: Rounding) -> Range {
        let high = if bits == 8 { 127.0 } else { 32767.0 };
        Range { low: -high - 1.0, high, bounds: [f32::NEG_INFINITY, f32::INFINITY], rounding }
    }

    /// The integers at a step, and whether each end is a bound of the activation.
    fn at(&self, step: f32) -> Limits {
        let [lower, upper] = self.bounds.map(|bound| round(bound / step, self.rounding));
        let high = upper.clamp(self.low, self.high);
        Limits {
            // Bounds may lie beyond the type's ends, or the wrong way round.
            low: lower.clamp(self.low, self.high).min(high),
            high,
            fixed_low: lower > self.low,
            fixed_high: upper < self.high,
        }
    }
}

struct Limits {
    low: f32,
    high: f32,
    fixed_low: bool,
    fixed_high: bool,
}

pub(super) fn round(x: f32, rounding: Rounding) -> f32 {
    match rounding {
        Rounding::HalfEven => x.round_ties_even(),
        Rounding::HalfUp => (x + 0.5).floor(),
    }
}

/// The exponent that a p stands for, within what the chips' formats take.
pub(crate) fn exponent_of(p: f32) -> i32 {
    p.ceil().clamp(-40.0, 30.0) as i32
}

/// The step that a p stands for.
pub(crate) fn step_of(p: f32) -> f32 {
    (exponent_of(p) as f32).exp2()
}

/// Quantizes `x + bias`, and gives real numbers again. Rows are the first axis of `x`; `bias` has one value per row,
/// `p` one per row or one in all.
pub(crate) fn quantize(x: &Tensor, bias: &Tensor, p: &Tensor, range: Range) -> Result<Tensor> {
    x.contiguous()?.apply_op3(bias, p, Quantize { range })
}

struct Quantize {
    range: Range,
}

/// Values that one task works on.
const CHUNK: usize = 1 << 14;

impl CustomOp3 for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
        p: &CpuStorage,
        p_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, bias, p) = (floats(x, x_layout)?, floats(bias, bias_layout)?, floats(p, p_layout)?);
        let row = row_len(x, bias, p)?;
        let mut y = vec![0.0f32; x.len()];
        y.par_chunks_mut(row).zip(x.par_chunks(row)).enumerate().for_each(|(i, (y, x))| {
            let step = step_of(if p.len() == 1 { p[0] } else { p[i] });
            let (limits, inverse, bias) = (self.range.at(step), 1.0 / step, bias[i]);
            match self.range.rounding {
                Rounding::HalfEven => y.iter_mut().zip(x).for_each(|(y, &x)| {
                    *y = ((x + bias) * inverse).round_ties_even().clamp(limits.low, limits.high) * step;
                }),
                Rounding::HalfUp => y.iter_mut().zip(x).for_each(|(y, &x)| {
                    *y = ((x + bias) * inverse + 0.5).floor().clamp(limits.low, limits.high) * step;
                }),
            }
        });
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        p: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (dx, dbias, dp) = with_floats([x, bias, p, y, &dy], |[x, bias, p, y, dy]| {
            let row = row_len(x, bias, p)?;
            let mut dx = vec![0.0f32; x.len()];
            let mut sums = vec![[0.0f32; 2]; bias.len()];
            let rows = dx.par_chunks_mut(row).zip(sums.par_iter_mut());
            let rows = rows.zip(x.par_chunks(row).zip(y.par_chunks(row)).zip(dy.par_chunks(row)));
            rows.enumerate().for_each(|(i, ((dx, sums), ((x, y), dy)))| {
                let step = step_of(if p.len() == 1 { p[0] } else { p[i] });
                *sums = self.backward_row(step, bias[i], dx, x, y, dy);
            });
            let dbias: Vec<f32> = sums.iter().map(|s| s[0]).collect();
            let dp: Vec<f32> = match p.len() {
                1 => vec![sums.iter().map(|s| s[1]).sum()],
                _ => sums.iter().map(|s| s[1]).collect(),
            };
            Ok((dx, dbias, dp))
        })?;
        let like = |values, shape: &Tensor| Tensor::from_vec(values, shape.shape(), x.device());
        Ok((Some(like(dx, x)?), Some(like(dbias, bias)?), Some(like(dp, p)?)))
    }
}

impl Quantize {
    /// Gradients of one row: of every value into `dx`, and the sums for its bias and its p (equations 6 to 8 of the paper).
    fn backward_row(
        &self,
        step: f32,
        bias: f32,
        dx: &mut [f32],
        x: &[f32],
        y: &[f32],
        dy: &[f32],
    ) -> [f32; 2] {
        let limits = self.range.at(step);
        let (low, high) = ((limits.low - 0.5) * step, (limits.high + 0.5) * step);
        // An end that is a bound of the activation stays where it is when the step changes.
        let moves_low = if limits.fixed_low { 0.0 } else { limits.low * step };
        let moves_high = if limits.fixed_high { 0.0 } else { limits.high * step };
        let mut sums = [0.0f32; 2];
        let chunks = dx.chunks_mut(CHUNK).zip(x.chunks(CHUNK)).zip(y.chunks(CHUNK).zip(dy.chunks(CHUNK)));
        for ((dx, x), (y, dy)) in chunks {
            // Short sums first: one long sum in f32 loses digits.
            let mut part = [0.0f32; 2];
            for ((dx, &x), (&y, &dy)) in dx.iter_mut().zip(x).zip(y.iter().zip(dy)) {
                let x = x + bias;
                let (passes, moved) = if x < low {
                    (0.0, moves_low)
                } else if x > high {
                    (0.0, moves_high)
                } else {
                    (dy, y - x)
                };
                *dx = passes;
                part[0] += passes;
                part[1] += dy * moved;
            }
            sums[0] += part[0];
            sums[1] += part[1];
        }
        [sums[0], sums[1] * LN_2]
    }
}

/// Values per row, when the three fit.
fn row_len(x: &[f32], bias: &[f32], p: &[f32]) -> Result<usize> {
    let rows = bias.len();
    if rows == 0 || x.is_empty() || !x.len().is_multiple_of(rows) || (p.len() != 1 && p.len() != rows) {
        bail!("a quantization's shapes do not fit");
    }
    Ok(x.len() / rows)
}

#[cfg(test)]
mod tests {
    use super::super::check::noise;
    use super::*;
    use candle_core::{Device, Var};

    fn run(x: &[f32], p: f32, range: Range) -> (Vec<f32>, Vec<f32>, f32, f32) {
        let x = Var::from_vec(x.to_vec(), (1, x.len()), &Device::Cpu).unwrap();
        let bias = Var::from_vec(vec![0.0f32], 1, &Device::Cpu).unwrap();
        let p = Var::from_vec(vec![p], 1, &Device::Cpu).unwrap();
        let y = quantize(x.as_tensor(), bias.as_tensor(), p.as_tensor(), range).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        let of = |v: &Var| grads.get(v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (y.flatten_all().unwrap().to_vec1().unwrap(), of(&x), of(&bias)[0], of(&p)[0])
    }

    #[test]
    fn values_round_and_saturate_as_on_the_chip() {
        let x = [0.5, 1.5, -0.5, -1.5, 200.0, -200.0, 3.2];
        let even = run(&x, 0.0, Range::of_bits(8, Rounding::HalfEven)).0;
        assert_eq!(even, [0.0, 2.0, 0.0, -2.0, 127.0, -128.0, 3.0]);
        let up = run(&x, -0.7, Range::of_bits(8, Rounding::HalfUp)).0;
        assert_eq!(up, [1.0, 2.0, 0.0, -1.0, 127.0, -128.0, 3.0]);
    }

    #[test]
    fn a_fused_activation_bounds_at_its_rounded_bounds() {
        let range = Range { bounds: [0.0, 6.0], ..Range::of_bits(8, Rounding::HalfEven) };
        let (y, dx, dbias, _) = run(&[-3.0, 2.01, 9.0], -4.0, range);
        assert_eq!(y, [0.0, 2.0, 6.0]);
        assert_eq!(dx, [0.0, 1.0, 0.0]);
        assert_eq!(dbias, 1.0);
        // At 2^-5 the type's end 127 comes before the bound.
        assert_eq!(run(&[9.0], -5.0, range).0, [127.0 / 32.0]);
    }

    #[test]
    fn a_saturated_value_widens_the_step_and_a_bounded_one_does_not() {
        let plain = Range::of_bits(8, Rounding::HalfEven);
        let dp = run(&[300.0], 0.0, plain).3;
        assert!((dp - 127.0 * LN_2).abs() < 1e-4, "{dp}");
        let bounded = Range { bounds: [0.0, 6.0], ..plain };
        assert_eq!(run(&[9.0], -4.0, bounded).3, 0.0);
    }

    #[test]
    fn inside_the_range_the_gradient_of_p_is_the_rounding_error() {
        let x: Vec<f32> = noise(64, 5).iter().map(|v| v * 50.0).collect();
        let (y, _, _, dp) = run(&x, 0.0, Range::of_bits(8, Rounding::HalfEven));
        let error: f32 = y.iter().zip(&x).map(|(y, x)| y - x).sum();
        assert!((dp - error * LN_2).abs() < 1e-3, "{dp} {error}");
    }
}
