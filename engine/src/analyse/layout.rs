//! The runtime's NHWC integers as floats in the float network's NCHW order.

use octet_runtime::Data;

use crate::quantize::exp2;

/// Calls `visit(float_index, value)` for every element of a tensor stored NHWC, `float_index` being its place in
/// NCHW. Tensors of other than four axes are in the same order on both sides.
pub fn dequantized_nchw(data: &Data<'_>, exponent: Option<i32>, shape_nchw: &[usize]) -> Vec<f32> {
    let scale = exponent.map_or(1.0, exp2);
    let values: Vec<f32> = match data {
        Data::I8(v) => v.iter().map(|&q| f32::from(q) * scale).collect(),
        Data::I16(v) => v.iter().map(|&q| f32::from(q) * scale).collect(),
        Data::F32(v) => v.to_vec(),
    };
    match *shape_nchw {
        [_, c, h, w] if c > 1 && h * w > 1 && values.len() == c * h * w => {
            let mut nchw = vec![0.0; values.len()];
            for (pixel, channels) in values.chunks_exact(c).enumerate() {
                for (channel, &value) in channels.iter().enumerate() {
                    nchw[channel * h * w + pixel] = value;
                }
            }
            nchw
        }
        _ => values,
    }
}

/// NCHW floats as NHWC.
pub fn to_nhwc(nchw: &[f32], shape_nchw: &[usize]) -> Vec<f32> {
    match *shape_nchw {
        [_, c, h, w] if c > 1 && nchw.len() == c * h * w => {
            let mut nhwc = vec![0.0; nchw.len()];
            for (channel, plane) in nchw.chunks_exact(h * w).enumerate() {
                for (pixel, &value) in plane.iter().enumerate() {
                    nhwc[pixel * c + channel] = value;
                }
            }
            nhwc
        }
        _ => nchw.to_vec(),
    }
}
