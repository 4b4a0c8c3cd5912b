//! What several integration tests need: fixtures, the reference input, comparison.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::path::PathBuf;

use octet_engine::network::{InputLayout, Network};

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The input that `tools/samples.py` defines, as the network wants it (NCHW): element i of the file's own layout is
/// `(i * 2654435761 mod 2^32) / 2^32 * 4 - 2`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub(crate) fn reference_input(network: &Network) -> Vec<f32> {
    let shape = &network.tensor(network.input).shape;
    let count: usize = shape.iter().product();
    let file: Vec<f32> = (0..count as u64)
        .map(|i| ((i * 2_654_435_761 % (1 << 32)) as f64 / 4_294_967_296.0 * 4.0 - 2.0) as f32)
        .collect();
    match network.input_layout {
        InputLayout::Nchw => file,
        InputLayout::Nhwc => {
            let (c, h, w) = (shape[1], shape[2], shape[3]);
            let mut nchw = vec![0.0; count];
            for (i, v) in file.into_iter().enumerate() {
                let (channel, pixel) = (i % c, i / c);
                nchw[channel * h * w + pixel] = v;
            }
            nchw
        }
    }
}

/// `max|a - b| / max|b|`.
pub(crate) fn relative_error(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0_f32, |m, (x, y)| m.max((x - y).abs())) / largest.max(f32::MIN_POSITIVE)
}
