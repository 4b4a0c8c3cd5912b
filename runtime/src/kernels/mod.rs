//! The portable kernels: plain loops over bytes of the arena and the file, exact for every file that a plan
//! accepts. They define the result; everything faster must equal them bit for bit.

pub(crate) mod conv;
pub(crate) mod elem;
pub(crate) mod elementwise;
mod moving;
pub(crate) mod pool;
mod requantize;
mod softmax;

pub(crate) use requantize::exp2_f32;
pub use requantize::{requantize, round_f32};

use crate::plan::{Op, Step, TensorSlot};
use crate::shape::DType;
use crate::target::Rounding;
use core::ops::Range;
use elementwise::Clamp;
use moving::Part;
use pool::Scale;
use softmax::Softmax;

/// Input and output of a step in the arena.
pub(crate) enum Place<'a> {
    /// Different memory.
    Apart(&'a [u8], &'a mut [u8]),
    /// The output overwrites the input.
    Same(&'a mut [u8]),
}

impl<'a> Place<'a> {
    /// Takes the memory of two tensors, or of a row of each, out of the arena.
    pub(crate) fn of(arena: &'a mut [u8], x: Range<usize>, y: Range<usize>) -> Option<Self> {
        if x == y {
            return arena.get_mut(y).map(Place::Same);
        }
        let [x, y] = arena.get_disjoint_mut([x, y]).ok()?;
        Some(Place::Apart(x, y))
    }

    /// Both slices of a step that cannot work in place.
    pub(crate) fn apart(self) -> Option<(&'a [u8], &'a mut [u8])> {
        match self {
            Place::Apart(x, y) => Some((x, y)),
            Place::Same(_) => None,
        }
    }

    /// The output, holding a copy of the input.
    pub(crate) fn copied(self) -> Option<&'a mut [u8]> {
        match self {
            Place::Same(y) => Some(y),
            Place::Apart(x, y) if x.len() == y.len() => {
                y.copy_from_slice(x);
                Some(y)
            }
            Place::Apart(..) => None,
        }
    }
}

/// Executes one step whose output overlaps no input but exactly; `None` when arena or payload do not fit the
/// plan. Without `fast`, convolutions are left to the compiler's vectorisation.
pub(crate) fn run_step(
    step: &Step,
    slots: &[TensorSlot],
    rounding: Rounding,
    payload: &[u8],
    arena: &mut [u8],
    fast: bool,
) -> Option<()> {
    let x_slot = slots.get(usize::from(step.inputs[0]))?;
    let y_slot = slots.get(usize::from(step.output))?;
    let (x_type, y_type) = (x_slot.dtype, y_slot.dtype);
    if let Op::Conv(op) = &step.op {
        let mut layer = conv::Layer::new(op, rounding, payload, [x_type, y_type], fast)?;
        let at = step.scratch.at as usize;
        let scratch = at..at.checked_add(step.scratch.len as usize)?;
        let [x, y, scratch] = arena.get_disjoint_mut([x_slot.range(), y_slot.range(), scratch]).ok()?;
        return layer.whole(x, y, scratch);
    }
    if let Op::Add = step.op {
        let b = slots.get(usize::from(step.inputs[1]))?.range();
        return add(y_type, x_slot.range(), b, y_slot.range(), arena);
    }
    let place = Place::of(arena, x_slot.range(), y_slot.range())?;
    if step.op.element_wise() {
        return element_wise(&step.op, [x_type, y_type], rounding, payload, place);
    }
    match step.op {
        Op::GlobalAverage { batch, area, channels, input_exponent, output_exponent } => {
            let (x, y) = place.apart()?;
            let scale = Scale { input_exponent, output_exponent, rounding };
            pool::global_average(scale, [batch, area, channels], (x_type, x), (y_type, y));
        }
        Op::AveragePool { ref window, batch, channels, count_padding, input_exponent, output_exponent } => {
            let (x, y) = place.apart()?;
            let scale = Scale { input_exponent, output_exponent, rounding };
            pool::average(scale, window, [batch, channels], count_padding, (x_type, x), (y_type, y));
        }
        Op::MaxPool { ref window, batch, channels } => {
            let (x, y) = place.apart()?;
            pool::max(window, [batch, channels], y_type, x, y);
        }
        Op::Softmax { outer, length, inner, input_exponent, output_exponent } => {
            let (x, y) = place.apart()?;
            let op = Softmax { outer, length, inner, input_exponent, output_exponent, rounding };
            softmax::softmax(&op, (x_type, x), (y_type, y));
        }
        Op::Transpose { ref input, ref perm } => {
            let (x, y) = place.apart()?;
            moving::transpose(input, perm, x_type.bytes(), x, y)?;
        }
        Op::Pad { ref input, ref output, ref before, mode, value } => {
            let (x, y) = place.apart()?;
            moving::pad([input, output], before, (mode, value), (x_type, x), y);
        }
        Op::ConcatPart { outer, run, pitch, start, shift } => {
            let (x, y) = place.apart()?;
            moving::concat_part(&Part { outer, run, pitch, start, shift, rounding }, x_type, x, y);
        }
        _ => {}
    }
    Some(())
}

/// Operations of one input, element for element, on tensors or on rows of them.
pub(crate) fn element_wise(
    op: &Op,
    [x_type, y_type]: [DType; 2],
    rounding: Rounding,
    payload: &[u8],
    place: Place<'_>,
) -> Option<()> {
    match *op {
        Op::Clamp { low, high, shift } => {
            let op = Clamp { low, high, shift, rounding };
            match place {
                Place::Same(y) => elementwise::clamp_assign(&op, y_type, y),
                Place::Apart(x, y) => elementwise::clamp(&op, (x_type, x), (y_type, y)),
            }
        }
        Op::Table { table } => elementwise::table_assign(conv::bytes(payload, table)?, place.copied()?)?,
        Op::Interpolate { table, step } => {
            elementwise::interpolate_assign(conv::bytes(payload, table)?, step, place.copied()?)?;
        }
        _ => {
            place.copied()?;
        }
    }
    Some(())
}

/// Two inputs: each may be the other one, or be overwritten.
pub(crate) fn add(
    dtype: DType,
    a: Range<usize>,
    b: Range<usize>,
    y: Range<usize>,
    arena: &mut [u8],
) -> Option<()> {
    match (a == y, b == y) {
        (true, true) => elementwise::add_assign(dtype, arena.get_mut(y)?, None),
        (true, false) | (false, true) => {
            let other = if a == y { b } else { a };
            let [other, y] = arena.get_disjoint_mut([other, y]).ok()?;
            elementwise::add_assign(dtype, y, Some(other));
        }
        (false, false) if a == b => {
            let [a, y] = arena.get_disjoint_mut([a, y]).ok()?;
            elementwise::add(dtype, a, a, y);
        }
        (false, false) => {
            let [a, b, y] = arena.get_disjoint_mut([a, b, y]).ok()?;
            elementwise::add(dtype, a, b, y);
        }
    }
    Some(())
}
