//! Weights, biases, bounds and tables as integers in the chip's layout.

use crate::draft::Bits;
use crate::espdl::{ElementType, Tensor};
use crate::network::Op;
use crate::plan::ConstantPlan;
use crate::quantize::{exp2, quantize, signed_range};
use crate::target::{Rounding, TargetSpec, WeightLayout};

/// Quantizes weights; `shape` is theirs and `axis` that of the output channels. Order is kept.
pub fn quantize_weights(
    values: &[f32],
    shape: &[usize],
    axis: usize,
    plan: &ConstantPlan,
    rounding: Rounding,
) -> Vec<i32> {
    let (lo, hi) = signed_range(plan.bits);
    let inner: usize = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let channels = shape.get(axis).copied().unwrap_or(1).max(1);
    let channel = |i: usize| (i / inner) % channels;
    let quantized = values.iter().enumerate();
    quantized.map(|(i, &v)| quantize(v, plan.exponent(channel(i)), rounding, lo, hi) as i32).collect()
}

/// Quantizes a bias, one value per output channel, clamped to its width.
pub fn quantize_bias(values: &[f32], plan: &ConstantPlan, rounding: Rounding) -> Vec<i64> {
    let (lo, hi) = signed_range(plan.bits);
    values.iter().enumerate().map(|(c, &v)| quantize(v, plan.exponent(c), rounding, lo, hi)).collect()
}

fn to_bytes(values: impl Iterator<Item = i64>, element_type: ElementType) -> Vec<u8> {
    let mut raw = Vec::new();
    for value in values {
        match element_type {
            ElementType::I8 => raw.extend((value as i8).to_le_bytes()),
            ElementType::I16 => raw.extend((value as i16).to_le_bytes()),
            ElementType::I32 => raw.extend((value as i32).to_le_bytes()),
            ElementType::I64 => raw.extend(value.to_le_bytes()),
            ElementType::F32 => raw.extend((value as f32).to_le_bytes()),
        }
    }
    raw
}

fn wide(exponents: &[i32]) -> Vec<i64> {
    exponents.iter().map(|&e| i64::from(e)).collect()
}

/// The weights tensor of a Conv (`OIHW`) or Gemm in the layout of the chip.
pub(super) fn weights_tensor(
    name: &str,
    op: &Op,
    values: &[f32],
    shape: &[usize],
    plan: &ConstantPlan,
    target: &TargetSpec,
) -> Option<Tensor> {
    let filter = match op {
        Op::Conv(conv) => {
            let &[n, c, h, w] = shape else { return None };
            let oihw = quantize_weights(values, shape, 0, plan, target.rounding);
            // One input channel and several groups is ESP-DL's depthwise convolution.
            Filter { oihw, n, c, h, w, depthwise: conv.group > 1 && c == 1 }
        }
        Op::Gemm(gemm) => {
            let &[rows, columns] = shape else { return None };
            let axis = if gemm.trans_b { 0 } else { 1 };
            let q = quantize_weights(values, shape, axis, plan, target.rounding);
            let (n, c) = if gemm.trans_b { (rows, columns) } else { (columns, rows) };
            let oihw = match gemm.trans_b {
                true => q,
                false => (0..n * c).map(|i| q[(i % c) * n + i / c]).collect(),
            };
            Filter { oihw, n, c, h: 1, w: 1, depthwise: false }
        }
        _ => return None,
    };
    let (element_type, block) = if plan.bits == 8 { (ElementType::I8, 16) } else { (ElementType::I16, 8) };
    let (order, doc_string) = match target.layout {
        WeightLayout::Blocked => filter.blocked(block),
        WeightLayout::Plain => filter.plain(),
    };
    let dims = match filter.depthwise {
        true => [filter.h, filter.w, filter.n, filter.c],
        false => [filter.h, filter.w, filter.c, filter.n],
    };
    Some(Tensor {
        name: name.to_owned(),
        dims: dims.iter().map(|&d| d as i64).collect(),
        element_type,
        exponents: wide(&plan.exponents),
        doc_string,
        raw: to_bytes(order.into_iter().map(|i| i64::from(filter.oihw[i])), element_type),
    })
}

/// Integer weights with their extents: N output channels, C input channels of a group, H x W taps.
struct Filter {
    oihw: Vec<i32>,
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    depthwise: bool,
}

impl Filter {
    fn at(&self, n: usize, c: usize, h: usize, w: usize) -> usize {
        ((n * self.c + c) * self.h + h) * self.w + w
    }

    /// Blocks of `block` output channels, H, W, C, then the block's channels innermost; what is left over follows
    /// as N, H, W, C, or for a depthwise filter as C, H, W, N.
    fn blocked(&self, block: usize) -> (Vec<usize>, String) {
        let aligned = self.n / block * block;
        let mut order = Vec::with_capacity(self.oihw.len());
        for first in (0..aligned).step_by(block) {
            for (h, w) in self.taps() {
                for c in 0..self.c {
                    order.extend((first..first + block).map(|n| self.at(n, c, h, w)));
                }
            }
        }
        if self.depthwise {
            for c in 0..self.c {
                for (h, w) in self.taps() {
                    order.extend((aligned..self.n).map(|n| self.at(n, c, h, w)));
                }
            }
        } else {
            for n in aligned..self.n {
                for (h, w) in self.taps() {
                    order.extend((0..self.c).map(|c| self.at(n, c, h, w)));
                }
            }
        }
        let suffix = if aligned < self.n { "_UNALIGNED" } else { "" };
        (order, format!("layout ==> (N/{block})HWC{block}{suffix}"))
    }

    /// `NHWC`, depthwise `HWCN`.
    fn plain(&self) -> (Vec<usize>, String) {
        let mut order = Vec::with_capacity(self.oihw.len());
        if self.depthwise {
            for (h, w) in self.taps() {
                for c in 0..self.c {
                    order.extend((0..self.n).map(|n| self.at(n, c, h, w)));
                }
            }
            return (order, "layout ==> HWCN".to_owned());
        }
        for n in 0..self.n {
            for (h, w) in self.taps() {
                order.extend((0..self.c).map(|c| self.at(n, c, h, w)));
            }
        }
        (order, "layout ==> NHWC".to_owned())
    }

    fn taps(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let w = self.w;
        (0..self.h).flat_map(move |y| (0..w).map(move |x| (y, x)))
    }
}

/// What `doc_string` says of tensors without a layout.
const UNKNOWN_LAYOUT: &str = "layout ==> UNK";

/// The bias tensor.
pub(super) fn bias_tensor(name: &str, values: &[f32], plan: &ConstantPlan, rounding: Rounding) -> Tensor {
    let element_type = if plan.bits > 32 { ElementType::I64 } else { ElementType::I32 };
    let quantized = quantize_bias(values, plan, rounding);
    Tensor {
        name: name.to_owned(),
        dims: vec![quantized.len() as i64],
        element_type,
        exponents: wide(&plan.exponents),
        doc_string: UNKNOWN_LAYOUT.to_owned(),
        raw: to_bytes(quantized.into_iter(), element_type),
    }
}

/// An integer without dimensions.
pub(super) fn scalar(name: String, value: i64, element_type: ElementType, exponent: i64) -> Tensor {
    Tensor {
        name,
        dims: Vec::new(),
        element_type,
        exponents: vec![exponent],
        doc_string: UNKNOWN_LAYOUT.to_owned(),
        raw: to_bytes(std::iter::once(value), element_type),
    }
}

/// A list of counts or extents.
pub(super) fn list(name: String, values: &[i64]) -> Tensor {
    Tensor {
        name,
        dims: vec![values.len() as i64],
        element_type: ElementType::I64,
        exponents: vec![0],
        doc_string: UNKNOWN_LAYOUT.to_owned(),
        raw: to_bytes(values.iter().copied(), ElementType::I64),
    }
}

/// A float without dimensions.
pub(super) fn scalar_f32(name: String, value: f32) -> Tensor {
    Tensor {
        name,
        dims: Vec::new(),
        element_type: ElementType::F32,
        exponents: vec![0],
        doc_string: UNKNOWN_LAYOUT.to_owned(),
        raw: value.to_le_bytes().to_vec(),
    }
}

/// Step between the inputs of an int16 table's entries.
const INT16_TABLE_STEP: usize = 256;

/// The table of a clamp: 256 entries for q = -128..=127, or 257 for q = -32768..=32768 in steps of 256.
pub(super) fn clamp_table(name: String, bits: Bits, exponent: i32, lower: i64, upper: i64) -> Tensor {
    let (lo, hi) = bits.range();
    let (first, last) = (i64::from(lo), i64::from(hi));
    let (inputs, element_type) = match bits {
        Bits::Int8 => ((first..=last).step_by(1), ElementType::I8),
        Bits::Int16 => ((first..=last + 1).step_by(INT16_TABLE_STEP), ElementType::I16),
    };
    let entries: Vec<i64> = inputs.map(|q| q.clamp(lower, upper).clamp(first, last)).collect();
    Tensor {
        name,
        dims: vec![entries.len() as i64],
        element_type,
        exponents: vec![i64::from(exponent)],
        doc_string: String::new(),
        raw: to_bytes(entries.into_iter(), element_type),
    }
}

/// A Clip's bound as an integer of the activation's format.
pub(super) fn quantize_bound(bound: f32, exponent: i32, bits: Bits, rounding: Rounding) -> i64 {
    let (lo, hi) = bits.range();
    quantize(bound, exponent, rounding, i64::from(lo), i64::from(hi))
}

/// The factor by which RequantizeLinear divides.
pub(super) fn rescale(from: i32, to: i32) -> f32 {
    exp2(to - from)
}
