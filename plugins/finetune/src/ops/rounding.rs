//! Weights whose rounding is trained: Nagel et al., Up or Down? Adaptive Rounding (arXiv 2004.10568), section 3.3.
//!
//! An integer is `floor(w / step) + h(v)` with the rectified sigmoid h of equation (23). The regularizer of equation (24)
//! pulls h towards 0 or 1; its gradient is added in the backward pass, so that the loss stays the error alone.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{floats, with_floats};

/// Stretch of the rectified sigmoid: it reaches 0 and 1 at finite v (zeta and gamma of the paper).
const ZETA: f32 = 1.1;
const GAMMA: f32 = -0.1;

/// How hard the rounding is pulled towards whole numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anneal {
    /// Weight of the regularizer; 0 for none.
    pub(crate) lambda: f32,
    /// Its exponent: large at first, so that only clear cases are pulled.
    pub(crate) beta: f32,
}

/// Weights in units of their step, and the steps.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    /// `w / step`, rows by values.
    pub(crate) scaled: Vec<f32>,
    /// One per row.
    pub(crate) steps: Vec<f32>,
    /// Smallest and largest integer.
    pub(crate) range: [f32; 2],
}

impl Grid {
    fn row(&self) -> usize {
        (self.scaled.len() / self.steps.len().max(1)).max(1)
    }

    /// The v at which the weights are what they are in float.
    pub(crate) fn start(&self) -> Vec<f32> {
        // A little inside, since at the ends themselves the sigmoid is flat.
        self.scaled.iter().map(|&w| logit((w - w.floor()).clamp(1e-3, 1.0 - 1e-3))).collect()
    }
}

impl Grid {
    /// A v between the float weights and rounded ones, that rounds as those are. Its sigmoid is not flat.
    pub(crate) fn start_near(&self, rounded: &[f32]) -> Vec<f32> {
        let rows = self.scaled.chunks(self.row()).zip(rounded.chunks(self.row())).zip(&self.steps);
        let half_way = |w: f32, q: f32| {
            let up = f32::from(u8::from(q > w.floor() + 0.5));
            // Not quite half of the float weight, so that the decision is that of the rounded one.
            logit((0.49 * (w - w.floor()) + 0.51 * up).clamp(1e-3, 1.0 - 1e-3))
        };
        rows.flat_map(|((w, q), &step)| w.iter().zip(q).map(move |(&w, &q)| half_way(w, q / step))).collect()
    }
}

fn logit(h: f32) -> f32 {
    let s = ((h - GAMMA) / (ZETA - GAMMA)).clamp(1e-4, 1.0 - 1e-4);
    (s / (1.0 - s)).ln()
}

/// h and its derivative.
fn rectified_sigmoid(v: f32) -> (f32, f32) {
    let s = 1.0 / (1.0 + (-v).exp());
    let h = s * (ZETA - GAMMA) + GAMMA;
    if (0.0..=1.0).contains(&h) { (h, s * (1.0 - s) * (ZETA - GAMMA)) } else { (h.clamp(0.0, 1.0), 0.0) }
}

/// Weights `[rows, values]` with soft rounding by `v` of the same shape.
pub(crate) fn learned_rounding(v: &Tensor, grid: &Arc<Grid>, anneal: Anneal) -> Result<Tensor> {
    v.apply_op1(Learned { grid: Arc::clone(grid), anneal })
}

/// The weights that `v` has decided for, as real numbers on the grid.
pub(crate) fn rounded(v: &[f32], grid: &Grid) -> Vec<f32> {
    let [low, high] = grid.range;
    let rows = grid.scaled.chunks(grid.row()).zip(v.chunks(grid.row())).zip(&grid.steps);
    let value =
        |w: f32, v: f32| (w.floor() + if rectified_sigmoid(v).0 >= 0.5 { 1.0 } else { 0.0 }).clamp(low, high);
    rows.flat_map(|((w, v), &step)| w.iter().zip(v).map(move |(&w, &v)| value(w, v) * step)).collect()
}

struct Learned {
    grid: Arc<Grid>,
    anneal: Anneal,
}

impl CustomOp1 for Learned {
    fn name(&self) -> &'static str {
        "learned-rounding"
    }

    fn cpu_fwd(&self, v: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (v, row, [low, high]) = (floats(v, layout)?, self.grid.row(), self.grid.range);
        if v.len() != self.grid.scaled.len() {
            bail!("the rounding's shapes do not fit");
        }
        let mut y = vec![0.0f32; v.len()];
        let rows = y.par_chunks_mut(row).zip(v.par_chunks(row)).zip(self.grid.scaled.par_chunks(row));
        rows.zip(&self.grid.steps).for_each(|(((y, v), w), &step)| {
            for ((y, &v), &w) in y.iter_mut().zip(v).zip(w) {
                *y = (w.floor() + rectified_sigmoid(v).0).clamp(low, high) * step;
            }
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, v: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (dy, row, [low, high]) = (dy.contiguous()?, self.grid.row(), self.grid.range);
        let Anneal { lambda, beta } = self.anneal;
        let dv = with_floats([v, &dy], |[v, dy]| {
            let mut dv = vec![0.0f32; v.len()];
            let rows = dv.par_chunks_mut(row).zip(v.par_chunks(row)).zip(dy.par_chunks(row));
            let rows = rows.zip(self.grid.scaled.par_chunks(row)).zip(&self.grid.steps);
            rows.for_each(|((((dv, v), dy), w), &step)| {
                for (((dv, &v), &dy), &w) in dv.iter_mut().zip(v).zip(dy).zip(w) {
                    let (h, slope) = rectified_sigmoid(v);
                    let q = w.floor() + h;
                    let error = if (low..=high).contains(&q) { dy * step } else { 0.0 };
                    let away = 2.0 * h - 1.0;
                    // Of lambda * (1 - |2h - 1|^beta).
                    let pull = if lambda > 0.0 {
                        -lambda * 2.0 * beta * away.abs().powf(beta - 1.0) * away.signum()
                    } else {
                        0.0
                    };
                    *dv = (error + pull) * slope;
                }
            });
            Ok(dv)
        })?;
        Ok(Some(Tensor::from_vec(dv, v.shape(), v.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{gradient, noise};
    use super::*;
    use candle_core::Device;
    use proptest::prelude::*;

    fn grid(values: &[f32]) -> Arc<Grid> {
        let scaled = values.iter().map(|v| v * 40.0).collect();
        Arc::new(Grid { scaled, steps: vec![0.5, 0.25], range: [-128.0, 127.0] })
    }

    #[test]
    fn training_starts_at_the_float_weights() {
        let grid = grid(&noise(20, 1));
        let v = Tensor::from_vec(grid.start(), (2, 10), &Device::Cpu).unwrap();
        let soft = learned_rounding(&v, &grid, Anneal { lambda: 0.0, beta: 2.0 }).unwrap();
        let soft = soft.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (i, (soft, w)) in soft.iter().zip(&grid.scaled).enumerate() {
            assert!((soft - w * grid.steps[i / 10]).abs() < 2e-3, "{soft} {w}");
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let grid = grid(&noise(8, 2));
        let v: Vec<f32> = noise(8, 3).iter().map(|v| v * 1.5).collect();
        gradient(&v, &[2, 4], |v| {
            learned_rounding(v, &grid, Anneal { lambda: 0.0, beta: 2.0 })
                .unwrap()
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap()
        });
    }

    #[test]
    fn the_pull_leads_away_from_the_middle() {
        let grid = Arc::new(Grid { scaled: vec![0.4, 0.6], steps: vec![1.0], range: [-128.0, 127.0] });
        let v = candle_core::Var::from_vec(grid.start(), (1, 2), &Device::Cpu).unwrap();
        let y = learned_rounding(v.as_tensor(), &grid, Anneal { lambda: 1.0, beta: 2.0 }).unwrap();
        let grads = (y * 1e-9).unwrap().sum_all().unwrap().backward().unwrap();
        let dv = grads.get(&v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(dv[0] > 0.0 && dv[1] < 0.0, "{dv:?}");
    }

    proptest! {
        #[test]
        fn training_near_rounded_weights_begins_with_their_rounding(
            values in prop::collection::vec(-2.0f32..2.0, 12),
            ups in prop::collection::vec(any::<bool>(), 12),
        ) {
            let grid = grid(&values);
            let up_or_down = |((i, w), up): ((usize, &f32), &bool)| {
                (w.floor() + f32::from(u8::from(*up))).clamp(-128.0, 127.0) * grid.steps[i / 6]
            };
            let given: Vec<f32> = grid.scaled.iter().enumerate().zip(&ups).map(up_or_down).collect();
            let start = grid.start_near(&given);
            prop_assert_eq!(rounded(&start, &grid), given);
            prop_assert!(start.iter().all(|&v| rectified_sigmoid(v).1 > 0.0), "{:?}", start);
        }

        #[test]
        fn rounded_weights_lie_on_the_grid_and_within_a_step(values in prop::collection::vec(-2.0f32..2.0, 12)) {
            let grid = grid(&values);
            let hard = rounded(&grid.start(), &grid);
            for (i, (q, w)) in hard.iter().zip(&grid.scaled).enumerate() {
                let q = q / grid.steps[i / 6];
                prop_assert_eq!(q, q.round());
                prop_assert!((q - w).abs() <= 0.5001, "{} {}", q, w);
            }
        }
    }
}
