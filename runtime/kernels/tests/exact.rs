//! The loops compute what the sums say, whatever weights and inputs are.
#![allow(missing_docs, reason = "a test")]

use octet_kernels::depthwise::{Lines, prepared};
use octet_kernels::tile::{Filters, LANES, PIXELS};
use octet_kernels::{Finish, Output, pack, products, runs};
use proptest::prelude::*;

/// Weights: any, and the largest ones in long rows, where runs are shortest.
fn weight() -> impl Strategy<Value = i8> {
    prop_oneof![any::<i8>(), prop::sample::select(vec![-128i8, -127, 127, 0]), Just(-128i8)]
}

/// Inputs within a reach, its ends often.
fn input(reach: u32, nonnegative: bool) -> impl Strategy<Value = i8> {
    let high = ((1i32 << reach) - 1) as i8;
    let low = if nonnegative { 0 } else { -(1i32 << reach) as i8 };
    prop_oneof![low..=high, Just(low), Just(high)]
}

/// round((sum + bias) / 2^shift), half up or half to even, saturated.
fn rounded(sum: i64, shift: u32, relu: bool, half_even: bool) -> i8 {
    let floor = sum >> shift;
    let rest = sum - (floor << shift);
    let half = (1i64 << shift) >> 1;
    let up = shift > 0 && (rest > half || (rest == half && (!half_even || floor & 1 == 1)));
    (floor + i64::from(up)).clamp(if relu { 0 } else { -128 }, 127) as i8
}

fn finish(bias: i32, shift: u32) -> Finish {
    [(i64::from(bias) + ((1i64 << shift) >> 1)) as u32, shift]
}

fn bytes(values: &[i8]) -> Vec<u8> {
    values.iter().map(|&v| v as u8).collect()
}

#[derive(Clone, Debug)]
struct Case {
    taps: usize,
    filters: usize,
    blocked: bool,
    nonnegative: bool,
    shift: u32,
    relu: bool,
    half_even: bool,
    /// `[filters][taps]`
    weights: Vec<i8>,
    /// `[pixels][taps]`
    inputs: Vec<i8>,
    biases: Vec<i32>,
}

fn case() -> impl Strategy<Value = Case> {
    (1usize..150, 1usize..36, 1usize..20, 0u32..8, any::<[bool; 4]>(), prop_oneof![0u32..16, 16u32..29])
        .prop_flat_map(|(taps, filters, pixels, reach, [blocked, nonnegative, relu, half_even], shift)| {
            let weights = prop::collection::vec(weight(), taps * filters);
            let inputs = prop::collection::vec(input(reach, nonnegative), taps * pixels);
            // Channels that do nearly nothing have large biases and shifts.
            let bias = prop_oneof![-1_000_000i32..1_000_000, -1_900_000_000i32..1_900_000_000];
            let biases = prop::collection::vec(bias, filters);
            (weights, inputs, biases).prop_map(move |(weights, inputs, biases)| Case {
                taps,
                filters,
                blocked,
                nonnegative,
                shift,
                relu,
                half_even,
                weights,
                inputs,
                biases,
            })
        })
}

impl Case {
    fn expected(&self) -> Vec<i8> {
        let pixels = self.inputs.chunks(self.taps);
        let all = pixels.flat_map(|x| {
            self.weights.chunks(self.taps).zip(&self.biases).map(move |(w, &bias)| {
                let sum: i64 = x.iter().zip(w).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum();
                rounded(sum + i64::from(bias), self.shift, self.relu, self.half_even)
            })
        });
        all.collect()
    }

    /// The weights as a file stores them, and how many filters lie in blocks.
    fn stored(&self) -> (Vec<u8>, usize) {
        let blocked = if self.blocked { self.filters / LANES * LANES } else { 0 };
        let mut stored = Vec::new();
        for block in 0..blocked / LANES {
            for tap in 0..self.taps {
                let lanes = (0..LANES).map(|lane| self.weights[(block * LANES + lane) * self.taps + tap]);
                stored.extend(lanes.map(|w| w as u8));
            }
        }
        stored.extend(bytes(&self.weights[blocked * self.taps..]));
        (stored, blocked)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn tiles_equal_the_sums(case in case()) {
        let (stored, blocked) = case.stored();
        let filters = Filters { weights: &stored, taps: case.taps, count: case.filters, blocked };
        let mut ends = vec![0; case.filters.div_ceil(2) * runs::words(case.taps)];
        filters.cut(case.nonnegative, &mut ends);
        let inputs = bytes(&case.inputs);
        let pixels: Vec<Option<&[u8]>> = inputs.chunks(case.taps).map(Some).collect();
        let mut packed = vec![0; pack::words(case.taps, pixels.len())];
        let tiles = packed.chunks_mut(pack::words(case.taps, PIXELS));
        for (tile, pixels) in tiles.zip(pixels.chunks(PIXELS)) {
            let (merged, words) = tile.split_last_mut().unwrap();
            *merged = pack::merged(pack::bytes(pixels, case.nonnegative, words));
        }
        let table: Vec<Finish> = case.biases.iter().map(|&bias| finish(bias, case.shift)).collect();
        let output = Output::new(case.relu, case.half_even);
        let mut out = vec![0x55; pixels.len() * case.filters];
        filters.run(&packed, &ends, &table, output, &mut out).unwrap();
        prop_assert_eq!(&out, &bytes(&case.expected()));
        // The same without runs, pixel by pixel.
        for (pixel, out) in inputs.chunks(case.taps).zip(out.chunks_mut(case.filters)) {
            out.fill(0x55);
            filters.pixel(pixel, &table, output, out).unwrap();
        }
        prop_assert_eq!(out, bytes(&case.expected()));
    }

    #[test]
    fn depthwise_rows_equal_the_sums(
        (width, channels, pad, stride) in (1usize..12, 1usize..6, 0usize..4, 1usize..3),
        present in any::<[bool; 3]>(),
        data in prop::collection::vec(any::<i8>(), 3 * 12 * 6),
        weights in prop::collection::vec(weight(), 9 * 6),
        [relu, half_even] in any::<[bool; 2]>(),
        (shift, pad_end) in (0u32..12, 0usize..4),
    ) {
        prop_assume!(width + pad + pad_end >= 3);
        let columns = (width + pad + pad_end - 3) / stride + 1;
        let rows: Vec<Vec<u8>> = data.chunks(12 * 6).map(|row| bytes(&row[..width * channels])).collect();
        let lines = [0, 1, 2].map(|ky| present[ky].then_some(rows[ky].as_slice()));
        let table: Vec<_> = (0..channels)
            .map(|c| prepared(core::array::from_fn(|tap| weights[9 * c + tap] as u8), finish(31, shift)))
            .collect();
        let mut out = vec![0x55; columns * channels];
        Lines { lines, channels, pad, output: Output::new(relu, half_even) }.run(stride, &table, &mut out);
        let mut expected = Vec::new();
        for column in 0..columns {
            for c in 0..channels {
                let mut sum = 31;
                for (ky, line) in lines.iter().enumerate() {
                    for kx in 0..3 {
                        let x = (column * stride + kx).checked_sub(pad).filter(|&ix| ix < width);
                        let x = x.zip(*line).map_or(0, |(ix, line)| line[ix * channels + c] as i8);
                        sum += i64::from(x) * i64::from(weights[9 * c + 3 * ky + kx]);
                    }
                }
                expected.push(rounded(sum, shift, relu, half_even) as u8);
            }
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn products_of_all_widths_equal_the_sums(
        x in prop::collection::vec(any::<i16>(), 1..20),
        w in prop::collection::vec(any::<i16>(), 60),
        (x_wide, w_wide) in any::<(bool, bool)>(),
        step in 1usize..3,
    ) {
        let narrow = |values: &[i16], wide: bool| -> (Vec<i64>, Vec<u8>) {
            if wide {
                (values.iter().map(|&v| v.into()).collect(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
            } else {
                (values.iter().map(|&v| (v as i8).into()).collect(), values.iter().map(|&v| v as u8).collect())
            }
        };
        let widths = [1 + usize::from(x_wide), 1 + usize::from(w_wide)];
        let ((xs, x), (ws, w)) = (narrow(&x, x_wide), narrow(&w, w_wide));
        let dot: i64 = xs.iter().zip(ws.iter().step_by(step)).map(|(x, w)| x * w).sum();
        prop_assert_eq!(products::dot(widths, &x, &w, step), dot);
        let mut sums = [7; 3];
        products::outer(widths, &mut sums, &x, &w);
        let rows = |i: usize| xs.iter().zip(ws.chunks(3)).map(|(x, w)| x * w[i]).sum::<i64>() + 7;
        prop_assert_eq!(sums, [rows(0), rows(1), rows(2)]);
        let mut sums = vec![7; xs.len()];
        products::each(widths, &mut sums, &x, &w);
        let expected: Vec<i64> = xs.iter().zip(&ws).map(|(x, w)| x * w + 7).collect();
        prop_assert_eq!(sums, expected);
    }
}
