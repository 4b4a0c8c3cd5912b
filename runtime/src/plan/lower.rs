//! Chooses the step(s) of one node.

use super::context::{At, Context, Failed};
use super::op::{Op, Span};
use super::{convolution, pooling, reshaping};
use crate::error::Error;
use crate::model::Tensor;
use crate::shape::DType;

/// Adds the steps of all nodes; returns the slots of the network's input and output.
pub(super) fn all(context: &mut Context<'_, '_>) -> Result<(usize, usize), Failed> {
    let input = context.add_input()?;
    for index in 0..context.model.node_count() {
        node(context, index)?;
    }
    Ok((input, context.finish()?))
}

/// Adds the steps of a node and the slot of its output.
fn node<'a>(context: &mut Context<'_, 'a>, index: usize) -> Result<(), Failed> {
    let at = &context.at(index);
    match at.node.op_type() {
        "Conv" => convolution::conv(context, at),
        "Gemm" => convolution::gemm(context, at),
        "Add" => add(context, at),
        "RequantizeLinear" | "Relu" => clamp(context, at),
        "Clip" => clip(context, at),
        "GlobalAveragePool" => pooling::global_average(context, at),
        "AveragePool" => pooling::average(context, at),
        "MaxPool" => pooling::max(context, at),
        "Softmax" => softmax(context, at),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Identity" => reshaping::reshape(context, at),
        "Transpose" => reshaping::transpose(context, at),
        "Pad" => reshaping::pad(context, at),
        "Concat" => reshaping::concat(context, at),
        _ if !at.text("lut").is_empty() => table(context, at),
        op => Err(at.fail(Error::Unsupported { node: at.node.name(), op })),
    }
}

fn add<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (a, exponent) = context.integers(at, 0)?;
    let (b, b_exponent) = context.integers(at, 1)?;
    if a.shape() != b.shape() {
        return Err(at.error(at.node.input(1), "Add needs two inputs of one shape"));
    }
    if b_exponent != exponent {
        let (node, tensor) = (at.node.name(), at.node.input(1));
        return Err(at.fail(Error::Exponent { node, tensor, found: b_exponent, expected: exponent }));
    }
    let (_, found) = context.stated_integers(at)?;
    if found != exponent {
        let (node, tensor) = (at.node.name(), at.node.output(0));
        return Err(at.fail(Error::Exponent { node, tensor, found, expected: exponent }));
    }
    let output = context.add_output(at, a.shape())?;
    context.push(at, Op::Add, [a.index, b.index], output, a.shape().elements() as u64)
}

/// `RequantizeLinear` and `Relu`: a change of exponent, with or without a bound at 0.
fn clamp<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let low = if at.node.op_type() == "Relu" { 0 } else { i32::MIN };
    clamp_between(context, at, low, i32::MAX)
}

fn clamp_between<'a>(
    context: &mut Context<'_, 'a>,
    at: &At<'_, 'a>,
    low: i32,
    high: i32,
) -> Result<(), Failed> {
    let (x, exponent) = context.integers(at, 0)?;
    let (_, out_exponent) = context.stated_integers(at)?;
    let output = context.add_output(at, x.shape())?;
    let op = Op::Clamp { low, high, shift: out_exponent - exponent };
    context.push(at, op, [x.index; 2], output, x.shape().elements() as u64)
}

/// int8 takes the table when there is one; int16 clamps at its bounds as ESP-DL's `Clip` does, and takes the
/// table only when there are none.
fn clip<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, exponent) = context.integers(at, 0)?;
    let bounds = at.node.inputs().skip(1).any(|n| !n.is_empty());
    if !at.text("lut").is_empty() && (x.dtype == DType::I8 || !bounds) {
        return table(context, at);
    }
    let bound = |position: usize, default: i32| -> Result<i32, Failed> {
        let name = at.node.input(position);
        if name.is_empty() {
            return Ok(default);
        }
        let wrong = || at.error(name, "a bound of Clip must be one integer at the exponent of the input");
        let tensor =
            context.constant(at, position).filter(|t| t.shape().elements() == 1).ok_or_else(wrong)?;
        if tensor.exponents().get(0).is_some_and(|e| e != exponent) {
            return Err(wrong());
        }
        tensor.integer(0).and_then(|v| i32::try_from(v).ok()).ok_or_else(wrong)
    };
    let (low, high) = (bound(1, i32::MIN)?, bound(2, i32::MAX)?);
    if low > high {
        return Err(at.error(at.node.input(1), "the lower bound of Clip is above the upper one"));
    }
    clamp_between(context, at, low, high)
}

/// Any operation of one input that the exporter turned into a table (attribute `lut`).
fn table<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, _) = context.integers(at, 0)?;
    let name = at.text("lut");
    let lut =
        context.model.initializer(name).ok_or_else(|| at.error(name, "the table of the node is missing"))?;
    let (dtype, _) = context.stated_integers(at)?;
    let wrong = || {
        at.error(
        name,
        "a table needs the type of its tensors and 256 (int8) or 65536 / step + 1 (int16) entries; export it again",
    )
    };
    if lut.dtype() != x.dtype || dtype != x.dtype {
        return Err(wrong());
    }
    let table = span(&lut);
    let entries = lut.shape().elements();
    let op = if dtype == DType::I8 {
        // A table of a clamp, which ESP-PPQ writes for every ReLU6, is cheaper as a clamp.
        clamp_of(lut.data())
            .map(|(low, high)| Op::Clamp { low, high, shift: 0 })
            .or((entries == 256).then_some(Op::Table { table }))
    } else {
        // N segments need N + 1 boundaries; the step is a power of two.
        let segments = entries.saturating_sub(1);
        let whole = (1..=65536).contains(&segments) && segments.is_power_of_two();
        whole.then(|| Op::Interpolate { table, step: (65536 / segments) as u32 })
    };
    let output = context.add_output(at, x.shape())?;
    context.push(at, op.ok_or_else(wrong)?, [x.index; 2], output, x.shape().elements() as u64)
}

/// The bounds, if a table of 256 entries only clamps.
fn clamp_of(table: &[u8]) -> Option<(i32, i32)> {
    let entry = |byte: &u8| i32::from(*byte as i8);
    let (low, high) = (table.first().map(entry)?, table.last().map(entry)?);
    let clamps = |(i, byte): (usize, &u8)| entry(byte) == (i as i32 - 128).clamp(low, high);
    (table.len() == 256 && low <= high && table.iter().enumerate().all(clamps)).then_some((low, high))
}

fn softmax<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, input_exponent) = context.integers(at, 0)?;
    let shape = x.shape();
    let axis = at.axis(at.int("axis", -1), shape.rank())?;
    let (_, exponent) = context.stated(at)?;
    let output = context.add_output(at, shape)?;
    let op = Op::Softmax {
        outer: shape.product(0..axis),
        length: shape.dim(axis),
        inner: shape.product(axis + 1..shape.rank()),
        input_exponent,
        output_exponent: exponent.unwrap_or(0),
    };
    context.push(at, op, [x.index; 2], output, (shape.elements() as u64).saturating_mul(16))
}

/// The bytes of a constant.
pub(super) fn span(tensor: &Tensor<'_>) -> Span {
    // Both fit: the header holds the payload's length as u32.
    Span { at: tensor.start() as u32, len: tensor.data().len() as u32 }
}
