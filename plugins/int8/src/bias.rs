//! Bias correction: rounded weights shift the mean of every output channel, since inputs behind a ReLU have a mean above
//! zero. The bias takes the shift back (Nagel et al., arXiv 1906.04721, section 4.2, with means from calibration
//! pictures instead of BatchNorm's statistics).

use octet_plugin_api::observer::minmax;
use octet_plugin_api::sdk::{Error, Host, Log, Node, Pictures, Role, Rounding, Slot, TensorId, Weights};

/// Pictures that means are taken from; they settle quickly.
const PICTURES: u64 = 16;

/// A layer whose bias is corrected.
struct Layer {
    node: Node,
    slot: Slot,
    axis: usize,
    bias: TensorId,
    window: Window,
    /// Sum over the pictures of the mean input per input channel and tap.
    means: Vec<f64>,
}

/// Where the taps of a convolution lie on its input; one tap for a fully connected layer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    channels: usize,
    input: [usize; 2],
    output: [usize; 2],
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 2],
}

/// Corrects every bias whose weights have exponents. A bias that a strategy corrected before stays.
pub(crate) fn correct(host: &mut Host<'_>) -> Result<(), Error> {
    let mut layers = layers(host)?;
    let all = host.pictures(Pictures::Calibration)?;
    let count = all.min(PICTURES);
    let inputs: Vec<TensorId> = layers.iter().filter_map(|l| l.node.inputs.first()).copied().collect();
    if count == 0 || inputs.is_empty() {
        return Ok(());
    }
    for picture in 0..count {
        host.progress(0.1 + 0.3 * picture as f32 / count as f32, "means of the activations")?;
        // Spread over the whole set: folders are often sorted by class.
        let place = picture * all / count;
        let values = host.run_float(Pictures::Calibration, place, Weights::Float, &inputs)?;
        for (layer, values) in layers.iter_mut().zip(values) {
            for (sum, mean) in layer.means.iter_mut().zip(tap_means(&layer.window, values)) {
                *sum += mean;
            }
        }
    }
    let rounding = host.target()?.rounding;
    for layer in &layers {
        let shifts = shifts(host, layer, rounding, count)?;
        let bias = host.weights(layer.bias)?.iter().zip(shifts);
        let bias: Vec<f32> = bias.map(|(&b, shift)| (f64::from(b) + shift) as f32).collect();
        host.correct_weights(layer.bias, &bias)?;
    }
    Ok(())
}

fn layers(host: &mut Host<'_>) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    for slot in host.slots()? {
        let (Role::Weights { axis, .. }, Some(node)) = (slot.role, slot.node) else { continue };
        let node = host.node(node)?;
        let Some(&bias) = node.inputs.get(2) else { continue };
        if host.tensor(bias)?.corrected {
            host.log(Log::Debug, &format!("`{}`: its bias was corrected before", node.name));
            continue;
        }
        let window = Window::of(host, &node)?;
        let means = vec![0.0; window.channels * window.kernel.iter().product::<usize>()];
        layers.push(Layer { node, slot, axis, bias, window, means });
    }
    Ok(layers)
}

/// What rounding the weights takes from the mean of each output channel.
fn shifts(host: &Host<'_>, layer: &Layer, rounding: Rounding, pictures: u64) -> Result<Vec<f64>, Error> {
    let shape = host.tensor(layer.slot.tensor)?.shape;
    let exponents = host.exponents(layer.slot.tensor, layer.slot.bits)?;
    let rows = minmax::channels(host.weights(layer.slot.tensor)?, &shape, layer.axis);
    let (low, high) = if layer.slot.bits == 8 { (-128.0, 127.0) } else { (-32768.0, 32767.0) };
    let taps = layer.window.kernel.iter().product::<usize>();
    let outputs = rows.len();
    let shift = |channel: usize, row: &[f32]| -> f64 {
        let exponent = exponents.get(channel).or(exponents.first()).copied().unwrap_or_default();
        let step = f64::from(exponent).exp2();
        // A group of channels sees only its own inputs.
        let groups = (layer.window.channels * taps / row.len().max(1)).max(1);
        let group = channel * groups / outputs.max(1);
        let means = layer.means.iter().skip(group * row.len());
        let lost = row.iter().zip(means).map(|(&w, mean)| {
            let w = f64::from(w);
            let integer = match rounding {
                Rounding::HalfEven => (w / step).round_ties_even(),
                Rounding::HalfUp => (w / step + 0.5).floor(),
            };
            (w - integer.clamp(low, high) * step) * mean
        });
        lost.sum::<f64>() / pictures as f64
    };
    Ok(rows.iter().enumerate().map(|(channel, row)| shift(channel, row)).collect())
}

impl Window {
    fn of(host: &Host<'_>, node: &Node) -> Result<Window, Error> {
        let shape_of = |tensors: &[TensorId]| -> Result<Vec<usize>, Error> {
            tensors.first().map_or(Ok(Vec::new()), |&tensor| Ok(host.tensor(tensor)?.shape))
        };
        let pair = |name: &str, default: usize| {
            let values = host.attribute_ints(node.id, name).unwrap_or_default();
            let at = |i: usize| values.get(i).map_or(default, |&v| usize::try_from(v).unwrap_or(default));
            [at(0), at(1)]
        };
        Ok(match (&shape_of(&node.inputs)?[..], &shape_of(&node.outputs)?[..]) {
            (&[_, channels, height, width], &[_, _, rows, columns]) => Window {
                channels,
                input: [height, width],
                output: [rows, columns],
                kernel: pair("kernel_shape", 1),
                strides: pair("strides", 1),
                dilations: pair("dilations", 1),
                pads: pair("pads", 0),
            },
            (input, _) => Window {
                channels: input.last().copied().unwrap_or(0),
                input: [1, 1],
                output: [1, 1],
                kernel: [1, 1],
                strides: [1, 1],
                dilations: [1, 1],
                pads: [0, 0],
            },
        })
    }
}

/// The mean of what each tap sees, per input channel and tap, over the output's positions; padding counts as zero.
/// `values` are NCHW.
fn tap_means(window: &Window, values: &[f32]) -> Vec<f64> {
    let Window { input: [height, width], output: [rows, columns], kernel, strides, dilations, pads, .. } =
        *window;
    let positions = (rows * columns).max(1) as f64;
    let mut means = Vec::with_capacity(window.channels * kernel[0] * kernel[1]);
    for plane in values.chunks_exact((height * width).max(1)) {
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                let inside = |at: usize, tap: usize, axis: usize, extent: usize| {
                    let place = (at * strides[axis] + tap * dilations[axis]).checked_sub(pads[axis])?;
                    (place < extent).then_some(place)
                };
                let seen_rows = (0..rows).filter_map(|y| inside(y, ky, 0, height));
                let sum: f64 = seen_rows
                    .map(|y| {
                        let row = plane.get(y * width..(y + 1) * width).unwrap_or_default();
                        let seen = (0..columns).filter_map(|x| inside(x, kx, 1, width));
                        seen.filter_map(|x| row.get(x)).map(|&v| f64::from(v)).sum::<f64>()
                    })
                    .sum();
                means.push(sum / positions);
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(
        channels: usize,
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        pad: usize,
    ) -> Window {
        Window {
            channels,
            input: [input; 2],
            output: [output; 2],
            kernel: [kernel; 2],
            strides: [stride; 2],
            dilations: [1; 2],
            pads: [pad; 2],
        }
    }

    #[test]
    fn a_pointwise_convolution_sees_the_mean_of_each_channel() {
        let values = [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 8.0];
        assert_eq!(tap_means(&window(2, 2, 2, 1, 1, 0), &values), [2.5, 2.0]);
    }

    #[test]
    fn taps_beyond_the_border_see_zeros() {
        let means = tap_means(&window(1, 2, 2, 3, 1, 1), &[1.0; 4]);
        assert_eq!(means, [0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25]);
    }

    #[test]
    fn strides_skip_positions() {
        let values: Vec<f32> = (0..16u8).map(f32::from).collect();
        // Output positions (0,0), (0,2), (2,0), (2,2) of the picture.
        assert_eq!(tap_means(&window(1, 4, 2, 1, 2, 0), &values), [5.0]);
    }
}
