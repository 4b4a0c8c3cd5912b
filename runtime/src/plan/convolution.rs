//! Planning of `Conv` and `Gemm`.

use super::context::{At, Context, Failed, Operand};
use super::lower::span;
use super::op::{Conv, ConvKernel, Op, Span, Window};
use super::pooling;
use crate::error::Error;
use crate::kernels;
use crate::model::{Tensor, Value};
use crate::shape::{DType, Shape};

/// Filters as the file stores them.
struct Filters {
    filters: usize,
    depth: usize,
    kernel: [usize; 2],
    depthwise: bool,
}

/// ESP-PPQ records `[H, W, C, N]`, and `[H, W, N, 1]` for depthwise filters.
fn filters<'a>(at: &At<'_, 'a>, weights: &Tensor<'a>, groups: usize) -> Result<Filters, Failed> {
    let shape = weights.shape();
    if shape.rank() != 4 || shape.elements() == 0 {
        return Err(at.error(weights.name(), "weights must have four extents [H, W, C, N]"));
    }
    let depthwise = groups > 1 && shape.dim(3) == 1 && shape.dim(2).is_multiple_of(groups);
    let (depth, filters) = if depthwise { (1, shape.dim(2)) } else { (shape.dim(2), shape.dim(3)) };
    Ok(Filters { filters, depth, kernel: [shape.dim(0), shape.dim(1)], depthwise })
}

/// Output channels per block, from a layout such as `layout ==> (N/16)HWC16_UNALIGNED`.
fn lanes<'a>(at: &At<'_, 'a>, weights: &Tensor<'a>) -> Result<usize, Failed> {
    // The search of `str` is made for long texts and takes a kilobyte.
    let layout = weights.layout().as_bytes();
    let states = |part: &[u8]| layout.windows(part.len()).any(|w| w == part);
    if states(b"(N/16)HWC16") {
        Ok(16)
    } else if states(b"(N/8)HWC8") {
        Ok(8)
    } else if states(b"(N/") {
        Err(at.error(weights.name(), "this blocked layout is not known; (N/16)HWC16 and (N/8)HWC8 are"))
    } else {
        Ok(1)
    }
}

pub(super) fn conv<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, _) = context.integers(at, 0)?;
    let weights = weights(context, at)?;
    let shape = x.shape();
    if shape.rank() != 4 {
        return Err(
            at.error(at.node.input(0), "Conv needs a picture [N, H, W, C]; 1-D and 3-D are not supported")
        );
    }
    let groups =
        usize::try_from(at.int("group", 1)).ok().filter(|&g| g > 0 && shape.dim(3).is_multiple_of(g));
    let groups = groups.ok_or_else(|| at.error("", "attribute group does not divide the input channels"))?;
    let stored = filters(at, &weights, groups)?;
    if stored.depth.checked_mul(groups) != Some(shape.dim(3)) || !stored.filters.is_multiple_of(groups) {
        return Err(at.error(weights.name(), "the extents of the weights do not fit the input channels"));
    }
    let window = pooling::window(at, &shape, stored.kernel)?;
    let output = pooling::output_shape(at, &shape, &window, stored.filters)?;
    finish(context, at, &x, &weights, &stored, window, groups, output)
}

pub(super) fn gemm<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    for name in ["alpha", "beta"] {
        if matches!(at.node.attribute(name), Some(Value::Float(v)) if v != 1.0) {
            return Err(at.error(
                "",
                "Gemm with alpha or beta other than 1 is not supported; fold it into the weights",
            ));
        }
    }
    if at.int("transA", 0) != 0 || at.int("transB", 0) != 0 {
        return Err(
            at.error("", "Gemm with a transposed operand is not supported; export with transB resolved")
        );
    }
    let (x, _) = context.integers(at, 0)?;
    let weights = weights(context, at)?;
    let stored = filters(at, &weights, 1)?;
    let shape = x.shape();
    if shape.rank() != 2 || stored.kernel != [1, 1] || shape.dim(1) != stored.depth {
        return Err(at.error(weights.name(), "Gemm needs an input [M, C] and weights [1, 1, C, N]"));
    }
    // M rows are M pixels of a picture one pixel high.
    let size = [1, shape.dim(0)];
    let window = Window {
        input: size,
        output: size,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        pad_end: [0, 0],
    };
    let output = Shape::new(&[shape.dim(0), stored.filters]);
    let output = output.ok_or_else(|| at.error(at.node.output(0), "has too many elements"))?;
    finish(context, at, &x, &weights, &stored, window, 1, output)
}

fn weights<'a>(context: &Context<'_, 'a>, at: &At<'_, 'a>) -> Result<Tensor<'a>, Failed> {
    let name = at.node.input(1);
    let weights = context.constant(at, 1).ok_or_else(|| at.error(name, "the weights must be a constant"))?;
    match weights.dtype() {
        DType::I8 | DType::I16 => Ok(weights),
        found => Err(at.fail(Error::Type { node: at.node.name(), tensor: name, found })),
    }
}

#[expect(clippy::too_many_arguments, reason = "everything a Conv and a Gemm share, used once by each")]
fn finish<'a>(
    context: &mut Context<'_, 'a>,
    at: &At<'_, 'a>,
    x: &Operand,
    weights: &Tensor<'a>,
    stored: &Filters,
    window: Window,
    groups: usize,
    output_shape: Shape,
) -> Result<(), Failed> {
    let (out_type, out_exponent) = context.stated_integers(at)?;
    let input_exponent = x.exponent.unwrap_or(0);
    let exponents = weights.exponents();
    if exponents.len() != 1 && exponents.len() != stored.filters {
        return Err(at.error(weights.name(), "weights need one exponent, or one per output channel"));
    }
    let relu = match at.text("activation") {
        "" | "Linear" => false,
        "Relu" => true,
        _ => return Err(at.error("", "only the activations Linear and Relu can be fused")),
    };
    let (start, count) = exponents.extent();
    let lanes = lanes(at, weights)?;
    let channels = if x.shape().rank() == 4 { x.shape().dim(3) } else { stored.depth };
    let mut conv = Conv {
        window,
        batch: if x.shape().rank() == 4 { x.shape().dim(0) } else { 1 },
        channels,
        filters: stored.filters,
        groups,
        weights: span(weights),
        weight_type: weights.dtype(),
        lanes,
        blocked: if lanes > 1 { stored.filters / lanes * lanes } else { 0 },
        depthwise: stored.depthwise,
        bias: Span::default(),
        bias_wide: false,
        exponents: Span { at: start as u32, len: count as u32 },
        shift: out_exponent - input_exponent,
        relu,
        wide: true,
        bound: i64::MAX,
        input_nonnegative: x.nonnegative,
        kernel: ConvKernel::Generic,
    };
    let bias = bias(context, at, weights, &mut conv, input_exponent)?;
    let largest = |d: DType| d.range().map_or(0, |(low, _)| i64::from(low).abs());
    let product = largest(x.dtype) * largest(weights.dtype());
    let bound = i64::try_from(conv.taps()).ok().and_then(|k| k.checked_mul(product));
    let bound = bound.and_then(|b| b.checked_add(i64::try_from(bias).ok()?));
    conv.bound = bound.ok_or_else(|| at.error(at.node.input(2), "the bias is too large for 64-bit sums"))?;
    conv.wide = conv.bound > i64::from(i32::MAX) || product > 1 << 14;
    conv.kernel = kernels::conv::kernel(&conv, [x.dtype, out_type], context.model.payload());
    let work = (output_shape.elements() as u64).saturating_mul(conv.taps() as u64);
    let output = context.add_output(at, output_shape)?;
    context.push(at, Op::Conv(conv), [x.index; 2], output, work)
}

/// Checks the bias, enters it into `conv`, and returns its largest magnitude.
fn bias<'a>(
    context: &Context<'_, 'a>,
    at: &At<'_, 'a>,
    weights: &Tensor<'a>,
    conv: &mut Conv,
    input_exponent: i32,
) -> Result<u64, Failed> {
    let name = at.node.input(2);
    if name.is_empty() {
        return Ok(0);
    }
    let bias = context.constant(at, 2).ok_or_else(|| at.error(name, "the bias must be a constant"))?;
    conv.bias_wide = match bias.dtype() {
        DType::I32 => false,
        DType::I64 => true,
        _ => return Err(at.error(name, "a bias must be int32 or int64")),
    };
    if bias.shape().elements() != conv.filters {
        return Err(at.error(name, "the bias needs one value per output channel"));
    }
    conv.bias = span(&bias);
    let mut largest = 0;
    for channel in 0..conv.filters {
        largest = largest.max(bias.integer(channel).unwrap_or(0).unsigned_abs());
        let expected = input_exponent + weights.exponents().get(channel).unwrap_or(0);
        match bias.exponents().get(channel) {
            Some(found) if found != expected => {
                return Err(at.fail(Error::Exponent { node: at.node.name(), tensor: name, found, expected }));
            }
            _ => {}
        }
    }
    Ok(largest)
}
