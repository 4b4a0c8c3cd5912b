//! int8 depthwise 3x3 on processors without vector units, row by row: [`octet_kernels::depthwise`].

use super::{Layer, Rows};
use crate::plan::Conv;
use octet_kernels::depthwise::{Lines, Prepared, prepared};

/// Whether [`row`] computes this layer.
pub(super) fn covers(conv: &Conv) -> bool {
    let w = &conv.window;
    conv.depthwise
        && conv.filters == conv.channels
        && w.kernel == [3, 3]
        && w.dilation == [1, 1]
        && (1..=2).contains(&w.stride[1])
}

pub(super) fn scratch_words(conv: &Conv) -> usize {
    conv.filters * size_of::<Prepared>() / 4
}

/// Gathers what each channel needs.
pub(super) fn prepare(layer: &Layer<'_>, words: &mut [u32]) -> Option<()> {
    let c = &layer.conv;
    let table: &mut [Prepared] = words.get_mut(..scratch_words(c))?.as_chunks_mut().0;
    for (channel, entry) in table.iter_mut().enumerate() {
        let (start, step) = c.weight_run(channel);
        let mut weights = [0; 9];
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = *layer.weights.get(start + tap * step)?;
        }
        *entry = prepared(weights, super::channels::finish(&layer.channels, channel));
    }
    Some(())
}

/// One row of the output.
pub(super) fn row(
    layer: &Layer<'_>,
    x: &Rows<'_>,
    row: usize,
    y: &mut [u8],
    words: &mut [u32],
) -> Option<()> {
    let (c, w) = (&layer.conv, &layer.conv.window);
    let table: &[Prepared] = words.get(..scratch_words(c))?.as_chunks().0;
    if y.len() != w.output[1] * c.channels || x.pitch != w.input[1] * c.channels {
        return None;
    }
    let lines = [0, 1, 2].map(|ky| w.source(0, row, ky).and_then(|iy| x.get(iy)));
    let lines = Lines { lines, channels: c.channels, pad: w.pad[1], output: layer.output() };
    lines.run(w.stride[1], table, y);
    Some(())
}
