//! Sliding windows: their geometry, and the planning of pooling.

use super::context::{At, Context, Failed};
use super::op::{Op, Window};
use crate::shape::Shape;

/// Strides, dilations and pads beyond this are taken for damage; it also keeps coordinates far from overflow.
const LARGEST: i64 = 65535;

/// The window of a Conv or a pool over `[N, H, W, C]`.
pub(super) fn window<'a>(at: &At<'_, 'a>, shape: &Shape, kernel: [usize; 2]) -> Result<Window, Failed> {
    if !matches!(at.text("auto_pad"), "" | "NOTSET") {
        return Err(at.error("", "attribute auto_pad is not supported; export with explicit pads"));
    }
    let [top, left, bottom, right] = at.ints("pads", 0, 0..=LARGEST)?;
    let mut window = Window {
        input: [shape.dim(1), shape.dim(2)],
        output: [0, 0],
        kernel,
        stride: at.ints("strides", 1, 1..=LARGEST)?,
        dilation: at.ints("dilations", 1, 1..=LARGEST)?,
        pad: [top, left],
        pad_end: [bottom, right],
    };
    let stated: [usize; 2] = at.ints("kernel_shape", 0, 1..=LARGEST)?;
    if stated != [0, 0] && stated != kernel {
        return Err(at.error("", "attribute kernel_shape is not the shape of the weights"));
    }
    for (axis, &extent) in kernel.iter().enumerate() {
        let small = || at.error(at.node.input(0), "the input is smaller than the kernel");
        let reach = extent.checked_sub(1).and_then(|k| k.checked_mul(window.dilation[axis]));
        let reach = reach.filter(|&r| r < 1 << 28).ok_or_else(small)?;
        let padded = window.input[axis] + window.pad[axis] + window.pad_end[axis];
        let room = padded.checked_sub(reach + 1).ok_or_else(small)?;
        let stride = window.stride[axis].max(1);
        window.output[axis] = room / stride + 1;
        if at.int("ceil_mode", 0) != 0 && room % stride != 0 {
            return Err(at.error("", "ceil_mode is not supported; export with explicit pads"));
        }
    }
    Ok(window)
}

/// `[N, H, W, channels]` of what the window yields.
pub(super) fn output_shape<'a>(
    at: &At<'_, 'a>,
    input: &Shape,
    window: &Window,
    channels: usize,
) -> Result<Shape, Failed> {
    Shape::new(&[input.dim(0), window.output[0], window.output[1], channels])
        .ok_or_else(|| at.error(at.node.output(0), "has too many elements"))
}

pub(super) fn global_average<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, input_exponent) = context.integers(at, 0)?;
    let shape = x.shape();
    if shape.rank() != 4 {
        return Err(at.error(at.node.input(0), "GlobalAveragePool needs a picture [N, H, W, C]"));
    }
    let (_, output_exponent) = context.stated_integers(at)?;
    let output = Shape::new(&[shape.dim(0), 1, 1, shape.dim(3)]).unwrap_or_default();
    let output = context.add_output(at, output)?;
    let (batch, area, channels) = (shape.dim(0), shape.product(1..3), shape.dim(3));
    let op = Op::GlobalAverage { batch, area, channels, input_exponent, output_exponent };
    context.push(at, op, [x.index; 2], output, shape.elements() as u64)
}

/// Kernel of a pool.
fn pool_window<'a>(at: &At<'_, 'a>, shape: &Shape) -> Result<Window, Failed> {
    if shape.rank() != 4 {
        return Err(at.error(at.node.input(0), "pooling needs a picture [N, H, W, C]"));
    }
    let kernel: [usize; 2] = at.ints("kernel_shape", 0, 1..=LARGEST)?;
    if kernel.contains(&0) {
        return Err(at.error("", "attribute kernel_shape is missing"));
    }
    let window = window(at, shape, kernel)?;
    for (axis, &extent) in kernel.iter().enumerate() {
        // As ONNX: a window never lies wholly in the padding.
        if window.pad[axis] >= extent || window.pad_end[axis] >= extent {
            return Err(at.error("", "attribute pads is larger than the kernel"));
        }
    }
    Ok(window)
}

pub(super) fn average<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, input_exponent) = context.integers(at, 0)?;
    let shape = x.shape();
    let window = pool_window(at, &shape)?;
    if window.dilation != [1, 1] {
        return Err(at.error("", "AveragePool with dilations is not supported"));
    }
    let (_, output_exponent) = context.stated_integers(at)?;
    let output_shape = output_shape(at, &shape, &window, shape.dim(3))?;
    let output = context.add_output(at, output_shape)?;
    let op = Op::AveragePool {
        window,
        batch: shape.dim(0),
        channels: shape.dim(3),
        count_padding: at.int("count_include_pad", 0) != 0,
        input_exponent,
        output_exponent,
    };
    context.push(at, op, [x.index; 2], output, work(&output_shape, &window))
}

pub(super) fn max<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, _) = context.integers(at, 0)?;
    let shape = x.shape();
    let window = pool_window(at, &shape)?;
    context.same_type(at, &x)?;
    let output_shape = output_shape(at, &shape, &window, shape.dim(3))?;
    let output = context.add_output(at, output_shape)?;
    let op = Op::MaxPool { window, batch: shape.dim(0), channels: shape.dim(3) };
    context.push(at, op, [x.index; 2], output, work(&output_shape, &window))
}

fn work(output: &Shape, window: &Window) -> u64 {
    let taps = (window.kernel[0] as u64).saturating_mul(window.kernel[1] as u64);
    (output.elements() as u64).saturating_mul(taps)
}
