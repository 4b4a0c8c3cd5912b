//! Depthwise convolution, and the columns that make a dense one a matrix product.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{floats, with_floats};

/// Where the taps of a convolution lie: height first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) input: [usize; 2],
    pub(crate) output: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// Before the first row and column.
    pub(crate) pads: [usize; 2],
}

impl Geometry {
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// True for a kernel of one tap that looks at every place once.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.strides == [1, 1] && self.pads == [0, 0] && self.input == self.output
    }

    /// The output places, first and one past the last, whose tap lies inside the input along an axis.
    fn inside(&self, axis: usize, tap: usize) -> (usize, usize) {
        let (pad, stride) = (self.pads[axis], self.strides[axis]);
        let offset = tap * self.dilations[axis];
        let first = pad.saturating_sub(offset).div_ceil(stride);
        let end = (self.input[axis] + pad).saturating_sub(offset).div_ceil(stride);
        (first.min(self.output[axis]), end.min(self.output[axis]))
    }

    /// Calls `visit(output row, its columns' range, input row's start, stride)` for every row that a tap sees.
    fn rows(&self, tap: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let (ky, kx) = (tap / self.kernel[1], tap % self.kernel[1]);
        let (top, bottom) = self.inside(0, ky);
        let (left, right) = self.inside(1, kx);
        if left >= right {
            return;
        }
        for y in top..bottom {
            let row = y * self.strides[0] + ky * self.dilations[0] - self.pads[0];
            let column = left * self.strides[1] + kx * self.dilations[1] - self.pads[1];
            visit(y * self.output[1] + left, row * self.input[1] + column, right - left);
        }
    }
}

/// `y += w * x` over a row; `stride` between the values of `x`.
fn add_scaled(y: &mut [f32], x: &[f32], stride: usize, w: f32) {
    if stride == 1 {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y += w * x);
    } else {
        y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| *y += w * x);
    }
}

/// `x += w * y` over a row; `stride` between the values of `x`.
fn scatter_scaled(x: &mut [f32], y: &[f32], stride: usize, w: f32) {
    if stride == 1 {
        x.iter_mut().zip(y).for_each(|(x, &y)| *x += w * y);
    } else {
        x.iter_mut().step_by(stride).zip(y).for_each(|(x, &y)| *x += w * y);
    }
}

/// Sum of products over a row; eight sums side by side, so that it runs in vectors.
fn dot(y: &[f32], x: &[f32], stride: usize) -> f32 {
    if stride != 1 {
        return y.iter().zip(x.iter().step_by(stride)).map(|(&y, &x)| y * x).sum();
    }
    let mut lanes = [0.0f32; 8];
    let (ys, xs) = (y.chunks_exact(8), x[..y.len()].chunks_exact(8));
    let rest: f32 = ys.remainder().iter().zip(xs.remainder()).map(|(&y, &x)| y * x).sum();
    for (y, x) in ys.zip(xs) {
        lanes.iter_mut().zip(y.iter().zip(x)).for_each(|(lane, (&y, &x))| *lane += y * x);
    }
    lanes.iter().sum::<f32>() + rest
}

/// Depthwise convolution of CNHW activations with weights `[C, taps]`.
pub(crate) fn depthwise(x: &Tensor, weights: &Tensor, geometry: Geometry) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&weights.contiguous()?, Depthwise { geometry })
}

struct Depthwise {
    geometry: Geometry,
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = self.geometry;
        let (channels, pictures, height, width) = x_layout.shape().dims4()?;
        let (x, w) = (floats(x, x_layout)?, floats(w, w_layout)?);
        if g.input != [height, width] || w.len() != channels * g.taps() {
            bail!("a depthwise convolution's shapes do not fit");
        }
        let mut y = vec![0.0f32; channels * pictures * g.output_len()];
        let planes = y.par_chunks_mut(g.output_len()).zip(x.par_chunks(g.input_len()));
        planes.with_min_len(4).enumerate().for_each(|(plane, (y, x))| {
            let taps = &w[plane / pictures * g.taps()..][..g.taps()];
            for (tap, &w) in taps.iter().enumerate() {
                g.rows(tap, |to, from, count| {
                    add_scaled(&mut y[to..to + count], &x[from..], g.strides[1], w);
                });
            }
        });
        Ok((CpuStorage::F32(y), (channels, pictures, g.output[0], g.output[1]).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = self.geometry;
        let (channels, pictures, ..) = x.dims4()?;
        let dy = dy.contiguous()?;
        let (dx, dw) = with_floats([x, w, &dy], |[x, w, dy]| {
            let mut dx = vec![0.0f32; x.len()];
            let mut dw = vec![0.0f32; w.len()];
            let (in_channel, out_channel) = (pictures * g.input_len(), pictures * g.output_len());
            let per_channel = dx
                .par_chunks_mut(in_channel)
                .zip(dw.par_chunks_mut(g.taps()))
                .zip(x.par_chunks(in_channel))
                .zip(dy.par_chunks(out_channel));
            per_channel.enumerate().for_each(|(channel, (((dx, dw), x), dy))| {
                let w = &w[channel * g.taps()..][..g.taps()];
                let planes = dx.chunks_mut(g.input_len()).zip(x.chunks(g.input_len()));
                for ((dx, x), dy) in planes.zip(dy.chunks(g.output_len())) {
                    for (tap, (&w, dw)) in w.iter().zip(dw.iter_mut()).enumerate() {
                        g.rows(tap, |to, from, count| {
                            let dy = &dy[to..to + count];
                            scatter_scaled(&mut dx[from..], dy, g.strides[1], w);
                            *dw += dot(dy, &x[from..], g.strides[1]);
                        });
                    }
                }
            });
            Ok((dx, dw))
        })?;
        let dx = Tensor::from_vec(dx, (channels, pictures, g.input[0], g.input[1]), x.device())?;
        Ok((Some(dx), Some(Tensor::from_vec(dw, w.shape(), w.device())?)))
    }
}

/// What each output place sees, as a matrix `[C * taps, N * output places]` for a product with OIHW weights.
pub(crate) fn im2col(x: &Tensor, geometry: Geometry) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Im2Col { geometry })
}

struct Im2Col {
    geometry: Geometry,
}

impl CustomOp1 for Im2Col {
    fn name(&self) -> &'static str {
        "im2col"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let g = self.geometry;
        let (channels, pictures, height, width) = layout.shape().dims4()?;
        if g.input != [height, width] {
            bail!("a convolution's shapes do not fit");
        }
        let x = floats(x, layout)?;
        let row = pictures * g.output_len();
        let mut columns = vec![0.0f32; channels * g.taps() * row];
        columns.par_chunks_mut(row).enumerate().for_each(|(i, columns)| {
            let (channel, tap) = (i / g.taps(), i % g.taps());
            let x = &x[channel * pictures * g.input_len()..];
            for (x, y) in x.chunks(g.input_len()).zip(columns.chunks_mut(g.output_len())) {
                g.rows(tap, |to, from, count| {
                    add_scaled(&mut y[to..to + count], &x[from..], g.strides[1], 1.0)
                });
            }
        });
        Ok((CpuStorage::F32(columns), (channels * g.taps(), row).into()))
    }

    fn bwd(&self, x: &Tensor, _columns: &Tensor, dcolumns: &Tensor) -> Result<Option<Tensor>> {
        let g = self.geometry;
        let (channels, pictures, height, width) = x.dims4()?;
        let dcolumns = dcolumns.contiguous()?;
        let dx = with_floats([&dcolumns], |[dcolumns]| {
            let mut dx = vec![0.0f32; channels * pictures * g.input_len()];
            let row = pictures * g.output_len();
            let per_channel =
                dx.par_chunks_mut(pictures * g.input_len()).zip(dcolumns.par_chunks(row * g.taps()));
            per_channel.for_each(|(dx, dcolumns)| {
                for (tap, dy) in dcolumns.chunks(row).enumerate() {
                    for (dx, dy) in dx.chunks_mut(g.input_len()).zip(dy.chunks(g.output_len())) {
                        g.rows(tap, |to, from, count| {
                            scatter_scaled(&mut dx[from..], &dy[to..to + count], g.strides[1], 1.0);
                        });
                    }
                }
            });
            Ok(dx)
        })?;
        Ok(Some(Tensor::from_vec(dx, (channels, pictures, height, width), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{gradient, noise};
    use super::*;
    use candle_core::Device;

    fn geometries() -> Vec<Geometry> {
        let base = Geometry {
            input: [5, 6],
            output: [5, 6],
            kernel: [3, 3],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [1, 1],
        };
        vec![
            base,
            Geometry { output: [3, 3], strides: [2, 2], ..base },
            // Asymmetric: nothing before, one row and column behind.
            Geometry { output: [3, 3], strides: [2, 2], pads: [0, 0], ..base },
            Geometry { output: [1, 2], dilations: [2, 2], pads: [0, 0], ..base },
        ]
    }

    fn naive(x: &[f32], w: &[f32], g: Geometry, channels: usize, pictures: usize) -> Vec<f32> {
        let mut y = Vec::new();
        for plane in 0..channels * pictures {
            for oy in 0..g.output[0] {
                for ox in 0..g.output[1] {
                    let mut sum = 0.0;
                    for tap in 0..g.taps() {
                        let (ky, kx) = (tap / g.kernel[1], tap % g.kernel[1]);
                        let iy = (oy * g.strides[0] + ky * g.dilations[0]).wrapping_sub(g.pads[0]);
                        let ix = (ox * g.strides[1] + kx * g.dilations[1]).wrapping_sub(g.pads[1]);
                        if iy < g.input[0] && ix < g.input[1] {
                            sum += x[plane * g.input_len() + iy * g.input[1] + ix]
                                * w[plane / pictures * g.taps() + tap];
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    #[test]
    fn depthwise_equals_the_plain_loops() {
        for g in geometries() {
            let (x, w) = (noise(3 * 2 * 30, 1), noise(27, 2));
            let expected = naive(&x, &w, g, 3, 2);
            let x = Tensor::from_vec(x, (3, 2, 5, 6), &Device::Cpu).unwrap();
            let w = Tensor::from_vec(w, (3, 9), &Device::Cpu).unwrap();
            let y = depthwise(&x, &w, g).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{g:?}");
        }
    }

    #[test]
    fn a_dense_convolution_is_a_product_with_the_columns() {
        for g in geometries() {
            let (x, w) = (noise(2 * 30, 1), noise(2 * 9, 2));
            // The sum of two depthwise results is a dense convolution with one output channel.
            let apart = naive(&x, &w, g, 2, 1);
            let expected = (0..g.output_len()).map(|i| apart[i] + apart[g.output_len() + i]);
            let x = Tensor::from_vec(x, (2, 1, 5, 6), &Device::Cpu).unwrap();
            let w = Tensor::from_vec(w, (1, 18), &Device::Cpu).unwrap();
            let y =
                w.matmul(&im2col(&x, g).unwrap()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(y.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{g:?}");
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for g in geometries() {
            let (x, w) = (noise(2 * 2 * 30, 3), noise(18, 4));
            let x_of = |x: &Tensor| x.reshape((2, 2, 5, 6)).unwrap();
            let fixed = Tensor::from_vec(x.clone(), (2, 2, 5, 6), &Device::Cpu).unwrap();
            let w_fixed = Tensor::from_vec(w.clone(), (2, 9), &Device::Cpu).unwrap();
            let loss = |y: Tensor| y.sqr().unwrap().sum_all().unwrap();
            gradient(&x, &[120], |x| loss(depthwise(&x_of(x), &w_fixed, g).unwrap()));
            gradient(&w, &[2, 9], |w| loss(depthwise(&fixed, w, g).unwrap()));
            gradient(&x, &[120], |x| loss(im2col(&x_of(x), g).unwrap()));
        }
    }
}
