//! Sums of products of any widths, 64 bits wide: what the tiled kernels do not cover.

/// The widths of two factors: bytes of an element, 1 or 2.
pub type Widths = [usize; 2];

#[inline(always)]
fn value<const N: usize>(bytes: &[u8; N]) -> i32 {
    match *bytes.as_slice() {
        [byte] => i32::from(byte as i8),
        [low, high] => i32::from(i16::from_le_bytes([low, high])),
        _ => 0,
    }
}

/// Calls one of the loops for widths known at compile time.
macro_rules! by_widths {
    ($widths:expr, $name:ident($($argument:expr),*)) => {
        match $widths {
            [1, 1] => $name::<1, 1>($($argument),*),
            [1, 2] => $name::<1, 2>($($argument),*),
            [2, 1] => $name::<2, 1>($($argument),*),
            _ => $name::<2, 2>($($argument),*),
        }
    };
}

/// Adds each input, times its row of weights, to all sums; weights are `[inputs][sums]`.
pub fn outer(widths: Widths, sums: &mut [i64], x: &[u8], w: &[u8]) {
    by_widths!(widths, outer_of(sums, x, w));
}

#[inline(never)]
fn outer_of<const X: usize, const W: usize>(sums: &mut [i64], x: &[u8], w: &[u8]) {
    let rows = w.as_chunks::<W>().0.chunks_exact(sums.len().max(1));
    for (x, row) in x.as_chunks::<X>().0.iter().zip(rows) {
        let x = value(x);
        for (sum, w) in sums.iter_mut().zip(row) {
            *sum += i64::from(x) * i64::from(value(w));
        }
    }
}

/// Adds each input times the weight at its place to the sum at its place.
pub fn each(widths: Widths, sums: &mut [i64], x: &[u8], w: &[u8]) {
    by_widths!(widths, each_of(sums, x, w));
}

#[inline(never)]
fn each_of<const X: usize, const W: usize>(sums: &mut [i64], x: &[u8], w: &[u8]) {
    for ((sum, x), w) in sums.iter_mut().zip(x.as_chunks::<X>().0).zip(w.as_chunks::<W>().0) {
        *sum += i64::from(value(x)) * i64::from(value(w));
    }
}

/// The sum of inputs times weights, of which every `step`-th counts, from the first on.
pub fn dot(widths: Widths, x: &[u8], w: &[u8], step: usize) -> i64 {
    by_widths!(widths, dot_of(x, w, step))
}

#[inline(never)]
fn dot_of<const X: usize, const W: usize>(x: &[u8], w: &[u8], step: usize) -> i64 {
    let weights = w.as_chunks::<W>().0.iter().step_by(step.max(1));
    x.as_chunks::<X>()
        .0
        .iter()
        .zip(weights)
        .fold(0, |sum, (x, w)| sum + i64::from(value(x)) * i64::from(value(w)))
}
