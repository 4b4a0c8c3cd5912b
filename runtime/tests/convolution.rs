//! Convolution and Gemm: portable = vector = naive loops in exact integers, for any geometry, layout and width.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Attr, Net, Random, rounded};
use octet_runtime::{DType, Data, Kernels, Simulator, Target};
use proptest::prelude::*;

/// One layer. Weights are `[N][kh][kw][C per group]`.
#[derive(Clone, Debug)]
struct Layer {
    types: [DType; 3],
    batch: usize,
    size: [usize; 2],
    channels: usize,
    filters: usize,
    groups: usize,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 4],
    lanes: usize,
    exponents: Vec<i64>,
    shift: i32,
    bias: Option<DType>,
    relu: bool,
    half_even: bool,
    seed: u64,
}

impl Layer {
    fn depth(&self) -> usize {
        self.channels / self.groups
    }

    fn depthwise(&self) -> bool {
        self.groups > 1 && self.depth() == 1
    }

    fn output(&self) -> [usize; 2] {
        [0, 1].map(|a| {
            let reach = (self.kernel[a] - 1) * self.dilations[a] + 1;
            (self.size[a] + self.pads[a] + self.pads[a + 2] - reach) / self.strides[a] + 1
        })
    }

    /// Weights in the stored order (espdl-format.md, weight layouts).
    fn stored(&self, weights: &[i64]) -> Vec<i64> {
        let (spots, depth, a) = (self.kernel[0] * self.kernel[1], self.depth(), self.lanes);
        let at = |n: usize, s: usize, c: usize| weights[(n * spots + s) * depth + c];
        let blocked = if a > 1 { self.filters / a * a } else { 0 };
        let mut out = Vec::new();
        for block in (0..blocked).step_by(a) {
            for s in 0..spots {
                for c in 0..depth {
                    out.extend((block..block + a).map(|n| at(n, s, c)));
                }
            }
        }
        if self.depthwise() {
            for s in 0..spots {
                out.extend((blocked..self.filters).map(|n| at(n, s, 0)));
            }
        } else {
            for n in blocked..self.filters {
                for s in 0..spots {
                    out.extend((0..depth).map(|c| at(n, s, c)));
                }
            }
        }
        out
    }

    /// The file, its input, and the expected output.
    fn build(&self) -> (Arc<[u8]>, Vec<i64>, Vec<i64>) {
        let mut random = Random(self.seed);
        let [x_type, w_type, y_type] = self.types;
        let (out, depth, spots) = (self.output(), self.depth(), self.kernel[0] * self.kernel[1]);
        let x = random.values(x_type, self.batch * self.size[0] * self.size[1] * self.channels);
        let weights = random.values(w_type, self.filters * spots * depth);
        let bias: Vec<i64> = (0..self.filters).map(|_| random.within(-300_000, 300_000)).collect();
        let input_exponent = -5;
        let layout = match self.lanes {
            1 => "layout ==> NHWC".to_owned(),
            a => format!("layout ==> (N/{a})HWC{a}_UNALIGNED"),
        };
        let [kh, kw] = self.kernel;
        let dims = if self.depthwise() { [kh, kw, self.filters, 1] } else { [kh, kw, depth, self.filters] };
        let mut net = Net::default();
        net.input("x", x_type, &[self.batch, self.size[0], self.size[1], self.channels], input_exponent)
            .output("y", y_type, &[self.batch, out[0], out[1], self.filters], input_exponent + self.shift)
            .constant("w", w_type, &dims, &self.exponents, &layout, &self.stored(&weights));
        let mut inputs = vec!["x", "w"];
        if let Some(dtype) = self.bias {
            let exponents: Vec<i64> = self.exponents.iter().map(|e| e + i64::from(input_exponent)).collect();
            net.constant("b", dtype, &[self.filters], &exponents, "layout ==> UNK", &bias);
            inputs.push("b");
        }
        let ints = |v: &[usize]| Attr::Ints(v.iter().map(|&i| i as i64).collect());
        let attrs = [
            ("group", Attr::Int(self.groups as i64)),
            ("kernel_shape", ints(&self.kernel)),
            ("strides", ints(&self.strides)),
            ("dilations", ints(&self.dilations)),
            ("pads", ints(&self.pads)),
            ("activation", Attr::Text(if self.relu { "Relu" } else { "Linear" })),
        ];
        net.node("Conv", &inputs, "y", &attrs);
        let mut expected = Vec::new();
        for b in 0..self.batch {
            for oy in 0..out[0] {
                for ox in 0..out[1] {
                    for n in 0..self.filters {
                        let mut sum = if self.bias.is_some() { i128::from(bias[n]) } else { 0 };
                        for (s, (ky, kx)) in
                            (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))).enumerate()
                        {
                            let iy =
                                (oy * self.strides[0] + ky * self.dilations[0]) as i64 - self.pads[0] as i64;
                            let ix =
                                (ox * self.strides[1] + kx * self.dilations[1]) as i64 - self.pads[1] as i64;
                            let inside = iy >= 0 && ix >= 0;
                            let (iy, ix) = (iy as usize, ix as usize);
                            if !inside || iy >= self.size[0] || ix >= self.size[1] {
                                continue;
                            }
                            for c in 0..depth {
                                let channel = n / (self.filters / self.groups) * depth + c;
                                let at =
                                    ((b * self.size[0] + iy) * self.size[1] + ix) * self.channels + channel;
                                sum += i128::from(x[at]) * i128::from(weights[(n * spots + s) * depth + c]);
                            }
                        }
                        let exponent = self.exponents[if self.exponents.len() == 1 { 0 } else { n }];
                        let y = rounded(sum, self.shift - exponent as i32, self.half_even, y_type);
                        expected.push(if self.relu { y.max(0) } else { y });
                    }
                }
            }
        }
        (net.build().into(), x, expected)
    }

    fn check(&self) {
        let (file, x, expected) = self.build();
        let target = if self.half_even { Target::Esp32p4 } else { Target::Esp32s3 };
        for kernels in [Kernels::Portable, Kernels::Fastest] {
            let simulator = Simulator::new(file.clone(), Some(target)).unwrap().with_kernels(kernels);
            let mut scratch = simulator.scratch();
            let (x8, x16): (Vec<i8>, Vec<i16>) =
                (x.iter().map(|&v| v as i8).collect(), x.iter().map(|&v| v as i16).collect());
            let input = if self.types[0] == DType::I8 { Data::I8(&x8) } else { Data::I16(&x16) };
            let y = simulator.run(&mut scratch, input, None).unwrap().data;
            let y: Vec<i64> = (0..y.len()).map(|i| y.get(i) as i64).collect();
            assert_eq!(y, expected, "{kernels:?}");
        }
    }
}

fn dtype() -> impl Strategy<Value = DType> {
    prop_oneof![3 => Just(DType::I8), 1 => Just(DType::I16)]
}

fn layer() -> impl Strategy<Value = Layer> {
    let geometry = (
        [1usize..4, 1..4],
        [1usize..3, 1..3],
        [1usize..3, 1..3],
        [0usize..3, 0..3, 0..3, 0..3],
        [0usize..6, 0..9],
        1usize..3,
    );
    let channels = prop_oneof![
        (1usize..40, 1usize..40).prop_map(|(c, n)| (c, n, 1)),
        (2usize..70).prop_map(|c| (c, c, c)),
        (2usize..5, 1usize..5, 1usize..5).prop_map(|(g, c, n)| (g * c, g * n, g)),
    ];
    let numbers = (
        [dtype(), dtype(), dtype()],
        prop_oneof![Just(16usize), Just(8), Just(1)],
        -30i64..3,
        any::<bool>(),
        -8i32..12,
        prop_oneof![Just(None), Just(Some(DType::I32)), Just(Some(DType::I64))],
    );
    (geometry, channels, numbers, any::<bool>(), any::<bool>(), any::<u64>()).prop_map(
        |(
            (kernel, strides, dilations, pads, extra, batch),
            (channels, filters, groups),
            (types, lanes, exponent, per_channel, shift, bias),
            relu,
            half_even,
            seed,
        )| {
            let size = [0, 1].map(|a| (kernel[a] - 1) * dilations[a] + 1 + extra[a]);
            let mut random = Random(seed ^ 1);
            let count = if per_channel { filters } else { 1 };
            let exponents = (0..count).map(|_| exponent + random.within(0, 3)).collect();
            Layer {
                types,
                batch,
                size,
                channels,
                filters,
                groups,
                kernel,
                strides,
                dilations,
                pads,
                lanes,
                exponents,
                shift,
                bias,
                relu,
                half_even,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_convolution_equals_naive_loops(layer in layer()) {
        layer.check();
    }
}

fn int8_layer() -> Layer {
    Layer {
        types: [DType::I8; 3],
        batch: 1,
        size: [9, 11],
        channels: 24,
        filters: 40,
        groups: 1,
        kernel: [1, 1],
        strides: [1, 1],
        dilations: [1, 1],
        pads: [0; 4],
        lanes: 16,
        exponents: vec![-7],
        shift: 3,
        bias: Some(DType::I32),
        relu: true,
        half_even: true,
        seed: 7,
    }
}

#[test]
fn pointwise_with_odd_depth_and_a_rest_of_filters() {
    Layer { channels: 23, ..int8_layer() }.check();
}

#[test]
fn depthwise_whose_channels_do_not_fill_the_last_block() {
    let base = Layer { kernel: [3, 3], pads: [1; 4], ..int8_layer() };
    for channels in [16, 17, 31, 40] {
        Layer { channels, filters: channels, groups: channels, ..base.clone() }.check();
    }
    Layer { channels: 16, filters: 16, groups: 16, kernel: [7, 7], pads: [3; 4], ..base.clone() }.check();
    Layer { channels: 16, filters: 16, groups: 16, kernel: [8, 8], pads: [3; 4], ..base }.check();
}

#[test]
fn shifts_beyond_the_vector_kernels_are_exact_too() {
    for exponents in [vec![-40], vec![12], vec![-59], vec![64]] {
        Layer { exponents, ..int8_layer() }.check();
    }
}

#[test]
fn sums_beyond_32_bits_are_exact() {
    let wide = [DType::I16, DType::I16, DType::I16];
    Layer { types: wide, channels: 300, filters: 8, lanes: 8, exponents: vec![-25], ..int8_layer() }.check();
}
