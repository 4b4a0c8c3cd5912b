//! Planning of what only moves elements: Reshape and its kin, Transpose, Pad, Concat.
//!
//! `Pad` reads its counts (`[begin of each axis.., end of each axis..]`, axes as stored) from the constant
//! input 1, int64, else from the attribute `pads`; when that attribute is used, input 1 is omitted or empty.
//!
//! In mode `constant` it fills with input 2, which must be a constant of one element (no extents, or all 1), of
//! the same element type as the padded tensor, int8 or int16, holding the fill value quantized at that tensor's
//! exponent: its own exponent is the same, or it states none. It is stored into the output as it is, because
//! ESP-DL does that, whatever exponent the constant carries; so nothing is requantized here and another type
//! (float32 too) or another exponent is refused. Without input 2 the fill is 0. ESP-DL reads no attribute
//! `value`: one that is not 0 is refused.

use super::context::{At, Context, Failed, Operand};
use super::op::{Op, PadMode};
use crate::error::Error;
use crate::model::Value;
use crate::shape::{DType, MAX_RANK, Shape};

/// A short list of integers: an attribute, or a constant input of int64.
struct List {
    values: [i64; 2 * MAX_RANK],
    len: usize,
}

impl List {
    fn as_slice(&self) -> &[i64] {
        self.values.get(..self.len).unwrap_or_default()
    }
}

/// The list in the constant input `position`, else in the attribute `name`.
fn list<'a>(
    context: &Context<'_, 'a>,
    at: &At<'_, 'a>,
    position: usize,
    name: &str,
) -> Result<Option<List>, Failed> {
    let mut list = List { values: [0; 2 * MAX_RANK], len: 0 };
    let mut push = |value: i64| match list.values.get_mut(list.len) {
        Some(slot) => {
            *slot = value;
            list.len += 1;
            Ok(())
        }
        None => Err(at.error(at.node.input(position), "a list of extents or axes is too long")),
    };
    let input = at.node.input(position);
    if !input.is_empty() {
        let wrong = || at.error(input, "must be a constant list of integers");
        let tensor = context.constant(at, position).ok_or_else(wrong)?;
        for i in 0..tensor.shape().elements() {
            push(tensor.integer(i).ok_or_else(wrong)?)?;
        }
    } else if let Some(Value::Ints(ints)) = at.node.attribute(name) {
        ints.iter().try_for_each(push)?;
    } else {
        return Ok(None);
    }
    Ok(Some(list))
}

/// The new shape of a reshaping operation.
fn reshaped<'a>(context: &Context<'_, 'a>, at: &At<'_, 'a>, shape: &Shape) -> Result<Option<Shape>, Failed> {
    let rank = shape.rank();
    let mut dims = [0usize; 2 * MAX_RANK];
    let mut len = 0;
    let mut push = |dim: usize| {
        if let Some(slot) = dims.get_mut(len) {
            *slot = dim;
        }
        len += 1;
    };
    match at.node.op_type() {
        "Flatten" => {
            let axis = at.int("axis", 1);
            let axis = if axis == rank as i64 { rank } else { at.axis(axis, rank)? };
            push(shape.product(0..axis));
            push(shape.product(axis..rank));
        }
        "Reshape" => {
            let Some(list) = list(context, at, 1, "shape")? else {
                return Err(at.error("", "Reshape states no shape"));
            };
            let (mut known, mut open) = (1usize, None);
            for (i, &value) in list.as_slice().iter().enumerate() {
                let dim = match value {
                    -1 if open.is_none() => {
                        open = Some(i);
                        1
                    }
                    0 => shape.dim(i),
                    _ => match usize::try_from(value) {
                        Ok(dim) => dim,
                        Err(_) => return Ok(None),
                    },
                };
                let Some(product) = known.checked_mul(dim) else { return Ok(None) };
                known = product;
                push(dim);
            }
            let open = open.and_then(|i| dims.get_mut(i));
            if let (Some(slot), Some(dim)) = (open, shape.elements().checked_div(known)) {
                *slot = dim;
            }
        }
        "Squeeze" => {
            let axes = list(context, at, 1, "axes")?;
            for axis in 0..rank {
                let gone = match &axes {
                    None => shape.dim(axis) == 1,
                    Some(list) => {
                        list.as_slice().iter().any(|&a| a == axis as i64 || a == axis as i64 - rank as i64)
                    }
                };
                if gone && shape.dim(axis) != 1 {
                    return Ok(None);
                }
                if !gone {
                    push(shape.dim(axis));
                }
            }
        }
        "Unsqueeze" => {
            let axes = list(context, at, 1, "axes")?;
            let axes = axes.as_ref().map_or(&[][..], List::as_slice);
            let total = rank + axes.len();
            let mut source = 0;
            for axis in 0..total {
                if axes.iter().any(|&a| a == axis as i64 || a == axis as i64 - total as i64) {
                    push(1);
                } else {
                    push(if source < rank { shape.dim(source) } else { 0 });
                    source += 1;
                }
            }
        }
        _ => return Ok(Some(*shape)),
    }
    Ok(dims.get(..len).and_then(Shape::new))
}

pub(super) fn reshape<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let x = context.operand(at, 0)?;
    context.same_type(at, &x)?;
    let shape = reshaped(context, at, &x.shape())?.filter(|s| s.elements() == x.shape().elements());
    let shape = shape
        .ok_or_else(|| at.error(at.node.output(0), "the new shape does not hold the input's elements"))?;
    let output = context.add_output(at, shape)?;
    context.push(at, Op::Copy, [x.index; 2], output, shape.elements() as u64)
}

pub(super) fn transpose<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let x = context.operand(at, 0)?;
    context.same_type(at, &x)?;
    let (shape, rank) = (x.shape(), x.shape().rank());
    let wrong = || at.error("", "attribute perm is not a permutation of the input's axes");
    let mut axes = [0usize; MAX_RANK];
    let Some(Value::Ints(list)) = at.node.attribute("perm") else { return Err(wrong()) };
    if list.len() != rank {
        return Err(wrong());
    }
    let mut seen = 0u32;
    for (slot, value) in axes.iter_mut().zip(list.iter()) {
        *slot = usize::try_from(value).ok().filter(|&a| a < rank).ok_or_else(wrong)?;
        seen |= 1 << *slot;
    }
    if seen.count_ones() as usize != rank {
        return Err(wrong());
    }
    let perm = axes.get(..rank).unwrap_or_default();
    let output_shape = shape.permuted(perm).ok_or_else(wrong)?;
    // ESP-PPQ 1.x writes the shape permuted once too often behind the Transpose it inserts before Flatten.
    let quirk = output_shape.permuted(perm).ok_or_else(wrong)?;
    let output = context.add_output_stated(at, output_shape, quirk)?;
    // When only extents of 1 move, the bytes stay where they are.
    let moved = |axes: &mut dyn Iterator<Item = usize>| {
        let mut last = 0;
        axes.filter(|&a| shape.dim(a) > 1).any(|a| {
            let falls = a < last;
            last = a;
            falls
        })
    };
    let op = if moved(&mut perm.iter().copied()) {
        let mut short = [0u8; MAX_RANK];
        for (slot, &axis) in short.iter_mut().zip(perm) {
            *slot = axis as u8;
        }
        Op::Transpose { input: shape, perm: short }
    } else {
        Op::Copy
    };
    context.push(at, op, [x.index; 2], output, shape.elements() as u64)
}

pub(super) fn pad<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (x, exponent) = context.integers(at, 0)?;
    context.same_type(at, &x)?;
    let (shape, rank) = (x.shape(), x.shape().rank());
    if !at.node.input(3).is_empty() {
        return Err(
            at.error(at.node.input(3), "Pad with axes is not supported; export with pads of all axes")
        );
    }
    let wrong = || at.error(at.node.input(1), "Pad needs two small counts per axis, none of them negative");
    let pads = list(context, at, 1, "pads")?.filter(|l| l.len == 2 * rank).ok_or_else(wrong)?;
    let mode = match at.text("mode") {
        "" | "constant" => PadMode::Constant,
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        _ => return Err(at.error("", "this mode of Pad is not supported; use constant, edge or reflect")),
    };
    let (mut before, mut dims) = ([0u32; MAX_RANK], [0usize; MAX_RANK]);
    let (starts, ends) = pads.as_slice().split_at_checked(rank).ok_or_else(wrong)?;
    for (axis, ((slot, dim), (&start, &end))) in
        before.iter_mut().zip(&mut dims).zip(starts.iter().zip(ends)).enumerate()
    {
        let largest = if mode == PadMode::Reflect { shape.dim(axis) as i64 - 1 } else { 65535 };
        if !(0..=largest).contains(&start) || !(0..=largest).contains(&end) {
            return Err(wrong());
        }
        *slot = start as u32;
        *dim = shape.dim(axis) + start as usize + end as usize;
    }
    let output_shape = dims.get(..rank).and_then(Shape::new).ok_or_else(wrong)?;
    let value = if mode == PadMode::Constant { fill(context, at, x.dtype, exponent)? } else { 0 };
    let output = context.add_output(at, output_shape)?;
    let op = Op::Pad { input: shape, output: output_shape, before, mode, value };
    context.push(at, op, [x.index; 2], output, output_shape.elements() as u64)
}

/// The integer that surrounds a tensor of this type and exponent.
fn fill<'a>(context: &Context<'_, 'a>, at: &At<'_, 'a>, dtype: DType, exponent: i32) -> Result<i32, Failed> {
    match at.node.attribute("value") {
        None | Some(Value::Int(0) | Value::Float(0.0)) => {}
        Some(_) => {
            return Err(at.error(
                "",
                "the fill value stands in the attribute value, which the chip does not read; write it as constant input 2",
            ));
        }
    }
    let name = at.node.input(2);
    if name.is_empty() {
        return Ok(0);
    }
    let wrong = || {
        at.error(
        name,
        "the fill value must be one constant integer of the input's type at the input's exponent; export it so",
    )
    };
    let tensor = context.constant(at, 2).ok_or_else(wrong)?;
    let fits = tensor.dtype() == dtype
        && tensor.shape().elements() == 1
        && tensor.exponents().len() <= 1
        && tensor.exponents().get(0).is_none_or(|e| e == exponent);
    tensor.integer(0).filter(|_| fits).and_then(|v| i32::try_from(v).ok()).ok_or_else(wrong)
}

pub(super) fn concat<'a>(context: &mut Context<'_, 'a>, at: &At<'_, 'a>) -> Result<(), Failed> {
    let (first, _) = context.integers(at, 0)?;
    let rank = first.shape().rank();
    let axis = at.axis(at.int("axis", 1), rank)?;
    let count = at.node.inputs().len();
    let mut extent = 0usize;
    for position in 0..count {
        let (part, _) = context.integers(at, position)?;
        let fits = part.shape().rank() == rank
            && part.dtype == first.dtype
            && (0..rank).all(|a| a == axis || part.shape().dim(a) == first.shape().dim(a));
        if !fits {
            return Err(at.error(at.node.input(position), "the inputs of Concat differ in type or shape"));
        }
        extent += part.shape().dim(axis);
    }
    let (dtype, exponent) = context.stated_integers(at)?;
    if dtype != first.dtype {
        return Err(at.fail(Error::Type { node: at.node.name(), tensor: at.node.output(0), found: dtype }));
    }
    let shape = with_extent(&first, axis, extent);
    let shape = shape.ok_or_else(|| at.error(at.node.output(0), "has too many elements"))?;
    let output = context.add_output(at, shape)?;
    let (outer, inner) = (shape.product(0..axis), shape.product(axis + 1..rank));
    let mut start = 0;
    for position in 0..count {
        let (part, part_exponent) = context.integers(at, position)?;
        if position > 0 {
            context.more_to_come();
        }
        let run = part.shape().dim(axis) * inner;
        let op = Op::ConcatPart { outer, run, pitch: extent * inner, start, shift: exponent - part_exponent };
        context.push(at, op, [part.index; 2], output, part.shape().elements() as u64)?;
        start += run;
    }
    Ok(())
}

fn with_extent(first: &Operand, axis: usize, extent: usize) -> Option<Shape> {
    let mut dims = [0; MAX_RANK];
    for (i, slot) in dims.iter_mut().enumerate() {
        *slot = if i == axis { extent } else { first.shape().dim(i) };
    }
    Shape::new(dims.get(..first.shape().rank())?)
}
