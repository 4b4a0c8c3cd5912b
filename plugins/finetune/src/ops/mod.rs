//! Operations that candle lacks or has slowly, forward and backward, on the CPU.
//!
//! Activations are CNHW: channels first, then pictures, so that a pointwise convolution is one matrix product and a
//! channel's values lie together. Every operation sums in an order that depends on the shapes alone, so that the
//! results are the same for any number of threads.

mod convolve;
mod quantize;
mod rounding;

pub(crate) use convolve::{Geometry, depthwise, im2col};
pub(crate) use quantize::{Range, exponent_of, quantize, step_of};
pub(crate) use rounding::{Anneal, Grid, learned_rounding, rounded};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The values of a contiguous f32 tensor on the CPU.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("only f32 is supported") };
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(values.get(from..to).unwrap_or_default()),
        None => bail!("the tensor is not contiguous"),
    }
}

/// Calls `work` with the values of contiguous tensors.
fn with_floats<T, const N: usize>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> Result<T>,
) -> Result<T> {
    let locked = tensors.map(Tensor::storage_and_layout);
    let mut values = [&[][..]; N];
    for (slot, (storage, layout)) in values.iter_mut().zip(&locked) {
        let Storage::Cpu(storage) = &**storage else { bail!("only the CPU is supported") };
        *slot = floats(storage, layout)?;
    }
    work(values)
}

#[cfg(test)]
pub(crate) mod check {
    //! Gradients against finite differences.

    use candle_core::{Device, Tensor, Var};

    /// Numbers that look random and are the same everywhere, in -1..1.
    pub(crate) fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..len).map(next).collect()
    }

    /// Compares the gradient of `loss` by every entry of `values` with central differences.
    pub(crate) fn gradient(values: &[f32], shape: &[usize], loss: impl Fn(&Tensor) -> Tensor) {
        let at = |values: Vec<f32>| {
            let var = Var::from_vec(values, shape, &Device::Cpu).unwrap();
            let value = loss(var.as_tensor());
            (var, value)
        };
        let (var, value) = at(values.to_vec());
        let grads = value.backward().unwrap();
        let gradient = grads.get(&var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let step = 1e-2f32;
        for i in 0..values.len() {
            let moved = |by: f32| {
                let mut values = values.to_vec();
                values[i] += by;
                at(values).1.to_scalar::<f32>().unwrap()
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let scale = slope.abs().max(gradient[i].abs()).max(0.1);
            assert!((slope - gradient[i]).abs() < 0.02 * scale, "{i}: {slope} against {}", gradient[i]);
        }
    }
}
