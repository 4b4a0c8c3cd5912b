//! Every operation but Conv against naive loops, on tiny files.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Attr, Net, Random, rounded};
use octet_runtime::{DType, Data, Kernels, Simulator, SimulatorError, Target, kernels};
use proptest::prelude::*;

fn run(net: &Net, target: Target, x: &[i64]) -> Result<Vec<f64>, SimulatorError> {
    let file: Arc<[u8]> = net.build().into();
    let mut results = Vec::new();
    for kernels in [Kernels::Portable, Kernels::Fastest] {
        let simulator = Simulator::new(file.clone(), Some(target))?.with_kernels(kernels);
        let (x8, x16): (Vec<i8>, Vec<i16>) =
            (x.iter().map(|&v| v as i8).collect(), x.iter().map(|&v| v as i16).collect());
        let input = if simulator.input().dtype == DType::I8 { Data::I8(&x8) } else { Data::I16(&x16) };
        let mut scratch = simulator.scratch();
        let y = simulator.run(&mut scratch, input, None)?.data;
        results.push((0..y.len()).map(|i| y.get(i)).collect::<Vec<f64>>());
    }
    assert_eq!(results[0], results[1]);
    Ok(results.swap_remove(0))
}

fn as_f64(values: &[i64]) -> Vec<f64> {
    values.iter().map(|&v| v as f64).collect()
}

const TYPES: [DType; 2] = [DType::I8, DType::I16];
const TARGETS: [Target; 2] = [Target::Esp32p4, Target::Esp32s3];

#[test]
fn requantize_follows_its_definition() {
    let mut random = Random(3);
    let values = (-600..600).chain((0..2000).map(|_| random.within(-(1 << 40), 1 << 40)));
    for value in values.chain([i64::MIN, i64::MAX, i64::MIN + 1, i64::from(i32::MIN), i64::from(i32::MAX)]) {
        for shift in -70..70 {
            for (mode, even) in
                [(octet_runtime::Rounding::HalfEven, true), (octet_runtime::Rounding::HalfUp, false)]
            {
                let y = kernels::requantize(value, shift, mode).clamp(-32768, 32767);
                assert_eq!(y, rounded(value.into(), shift, even, DType::I16), "{value} {shift} {mode:?}");
            }
        }
    }
}

#[test]
fn floats_round_like_the_contract() {
    use octet_runtime::Rounding::{HalfEven, HalfUp};
    let cases = [(0.5, 0, 1), (1.5, 2, 2), (2.5, 2, 3), (-0.5, 0, 0), (-1.5, -2, -1), (-2.5, -2, -2)];
    for (x, even, up) in cases {
        assert_eq!(kernels::round_f32(x, HalfEven), even, "{x}");
        assert_eq!(kernels::round_f32(x, HalfUp), up, "{x}");
    }
    assert_eq!(kernels::round_f32(f32::NAN, HalfUp), 0);
    assert_eq!(kernels::round_f32(1e20, HalfEven), i32::MAX);
    for i in -4000..4000 {
        let x = i as f32 / 16.0;
        assert_eq!(kernels::round_f32(x, HalfEven), x.round_ties_even() as i32);
        assert_eq!(kernels::round_f32(x, HalfUp), (x + 0.5).floor() as i32);
    }
}

#[test]
fn requantize_linear_changes_exponent_and_width() {
    let mut random = Random(5);
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| (TYPES[a], TYPES[b])) {
        for target in TARGETS {
            for out_exponent in [-20, -8, -6, -5, -3, 0, 9, 30] {
                let x = random.values(from, 300);
                let mut net = Net::default();
                net.input("x", from, &[1, 10, 10, 3], -5).output("y", to, &[1, 10, 10, 3], out_exponent);
                net.node("RequantizeLinear", &["x"], "y", &[]);
                let even = target == Target::Esp32p4;
                let want: Vec<i64> =
                    x.iter().map(|&v| rounded(v.into(), out_exponent + 5, even, to)).collect();
                assert_eq!(run(&net, target, &x).unwrap(), as_f64(&want), "{from} {to} {out_exponent}");
            }
        }
    }
}

#[test]
fn add_saturates_and_takes_one_tensor_twice() {
    let mut random = Random(6);
    for dtype in TYPES {
        let x = random.values(dtype, 100);
        let mut net = Net::default();
        net.input("x", dtype, &[1, 10, 10, 1], 0).value("r", dtype, &[1, 10, 10, 1], 0);
        net.value("s", dtype, &[1, 10, 10, 1], 0).output("y", dtype, &[1, 10, 10, 1], 0);
        net.node("Relu", &["x"], "r", &[]).node("Add", &["x", "r"], "s", &[]);
        net.node("Add", &["s", "s"], "y", &[]);
        let clamp = |v: i64| rounded(v.into(), 0, true, dtype);
        let want: Vec<i64> = x.iter().map(|&v| clamp(2 * clamp(v + v.max(0)))).collect();
        assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want));
    }
}

#[test]
fn add_of_different_exponents_names_node_and_tensor() {
    let mut net = Net::default();
    net.input("x", DType::I8, &[4], 0).value("r", DType::I8, &[4], -1).output("y", DType::I8, &[4], 0);
    net.node("RequantizeLinear", &["x"], "r", &[]).node("Add", &["x", "r"], "y", &[]);
    let error = run(&net, Target::Esp32p4, &[0; 4]).unwrap_err();
    assert_eq!((error.node(), error.tensor()), (Some("node y"), Some("r")));
    assert!(error.to_string().contains("RequantizeLinear"), "{error}");
}

#[test]
fn clip_takes_its_table_or_its_bounds() {
    let x: Vec<i64> = (-128..128).collect();
    let odd: Vec<i64> = (-128..128).map(|q: i64| (q * 7).rem_euclid(256) - 128).collect();
    let clamp: Vec<i64> = (-128..128).map(|q: i64| q.clamp(0, 96)).collect();
    for table in [&odd, &clamp] {
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 16, 16, 1], -4).output("y", DType::I8, &[1, 16, 16, 1], -4);
        net.constant("lut", DType::I8, &[256], &[-4], "", table);
        net.node("Clip", &["x"], "y", &[("lut", Attr::Text("lut"))]);
        assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(table));
    }
    for dtype in TYPES {
        let mut net = Net::default();
        net.input("x", dtype, &[1, 16, 16, 1], -4).output("y", dtype, &[1, 16, 16, 1], -4);
        net.constant("lo", dtype, &[], &[-4], "", &[0]).constant("hi", dtype, &[], &[-4], "", &[96]);
        net.node("Clip", &["x", "lo", "hi"], "y", &[]);
        assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&clamp), "{dtype}");
    }
}

#[test]
fn int16_tables_interpolate_between_n_plus_1_entries() {
    let mut random = Random(9);
    for step in [256i64, 32] {
        let entries = random.values(DType::I16, (65536 / step + 1) as usize);
        let x: Vec<i64> = [-32768, -32767, -1, 0, 1, 32766, 32767]
            .into_iter()
            .chain(random.values(DType::I16, 993))
            .collect();
        let mut net = Net::default();
        net.input("x", DType::I16, &[1000], -4).output("y", DType::I16, &[1000], -4);
        net.constant("lut", DType::I16, &[entries.len()], &[-4], "", &entries);
        net.node("Sigmoid", &["x"], "y", &[("lut", Attr::Text("lut"))]);
        let want: Vec<i64> = x
            .iter()
            .map(|v| {
                let (segment, rest) = (((v + 32768) / step) as usize, (v + 32768) % step);
                // C's division, which truncates, as Rust's does.
                entries[segment] + rest * (entries[segment + 1] - entries[segment]) / step
            })
            .collect();
        assert_eq!(run(&net, Target::Esp32s3, &x).unwrap(), as_f64(&want));
        // One entry less has no right end for the last segment.
        let mut short = Net::default();
        short.input("x", DType::I16, &[1000], -4).output("y", DType::I16, &[1000], -4);
        short.constant("lut", DType::I16, &[entries.len() - 1], &[-4], "", &entries[1..]);
        short.node("Sigmoid", &["x"], "y", &[("lut", Attr::Text("lut"))]);
        assert!(run(&short, Target::Esp32s3, &x).is_err());
    }
}

#[test]
fn global_average_pool_is_the_contracts_float_formula() {
    let mut random = Random(11);
    for (dtype, target) in TYPES.into_iter().zip(TARGETS) {
        let x = random.values(dtype, 2 * 7 * 7 * 20);
        let mut net = Net::default();
        net.input("x", dtype, &[2, 7, 7, 20], -3).output("y", dtype, &[2, 1, 1, 20], -5);
        net.node("GlobalAveragePool", &["x"], "y", &[]);
        let want: Vec<i64> = (0..40)
            .map(|i| {
                let sum: i64 = (0..49).map(|p| x[(i / 20 * 49 + p) * 20 + i % 20]).sum();
                let v = sum as f32 * (2f32.powi(-3) * (1.0 / 49.0) * 2f32.powi(5));
                let v = if target == Target::Esp32p4 { v.round_ties_even() } else { (v + 0.5).floor() };
                rounded(v as i128, 0, true, dtype)
            })
            .collect();
        assert_eq!(run(&net, target, &x).unwrap(), as_f64(&want));
    }
}

#[test]
fn pools_follow_their_windows() {
    let mut random = Random(12);
    let x = random.values(DType::I8, 9 * 8 * 5);
    let attrs = |count: i64| {
        [
            ("kernel_shape", Attr::Ints(vec![3, 2])),
            ("strides", Attr::Ints(vec![2, 1])),
            ("pads", Attr::Ints(vec![1, 0, 2, 1])),
            ("count_include_pad", Attr::Int(count)),
        ]
    };
    let at = |y: i64, x_: i64, c: i64| -> Option<i64> {
        let inside = (0..9).contains(&y) && (0..8).contains(&x_);
        inside.then(|| x[((y * 8 + x_) * 5 + c) as usize])
    };
    let (oh, ow) = ((9 + 3 - 3) / 2 + 1, 8);
    for (op, count) in [("MaxPool", 0), ("AveragePool", 0), ("AveragePool", 1)] {
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 9, 8, 5], -3).output("y", DType::I8, &[1, oh, ow, 5], -3);
        net.node(op, &["x"], "y", &attrs(count));
        let mut want = Vec::new();
        for i in 0..oh * ow * 5 {
            let (oy, ox, c) = ((i / 5 / ow) as i64, (i / 5 % ow) as i64, (i % 5) as i64);
            let taps: Vec<i64> = (0..3)
                .flat_map(|ky| (0..2).map(move |kx| (ky, kx)))
                .filter_map(|(ky, kx)| at(oy * 2 + ky - 1, ox + kx, c))
                .collect();
            want.push(if op == "MaxPool" {
                taps.iter().copied().max().unwrap()
            } else {
                let area = if count == 1 { 6 } else { taps.len() };
                let v = taps.iter().sum::<i64>() as f32 * (0.125 * (1.0 / area as f32) * 8.0);
                v.round_ties_even() as i64
            });
        }
        assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want), "{op} {count}");
    }
}

#[test]
fn gemm_multiplies_rows_by_columns() {
    let mut random = Random(13);
    let (c, n) = (37, 20);
    let x = random.values(DType::I8, 3 * c);
    // Stored as NHWC of a 1x1 filter: [N][C].
    let w = random.values(DType::I8, n * c);
    let mut net = Net::default();
    net.input("x", DType::I8, &[3, c], -5).output("y", DType::I8, &[3, n], -2);
    net.constant("w", DType::I8, &[1, 1, c, n], &[-8], "layout ==> NHWC", &w);
    net.node("Gemm", &["x", "w"], "y", &[("activation", Attr::Text("Linear"))]);
    let want: Vec<i64> = (0..3 * n)
        .map(|i| {
            let sum: i64 = (0..c).map(|k| x[i / n * c + k] * w[i % n * c + k]).sum();
            rounded(sum.into(), 11, true, DType::I8)
        })
        .collect();
    assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want));
}

#[test]
fn softmax_scores_add_up_and_rank_like_the_integers() {
    let x: Vec<i64> = vec![-128, -5, 0, 3, 4, 127, 126, 50];
    for (dtype, exponent) in [(DType::I8, -4), (DType::I8, 3), (DType::I16, -4)] {
        let mut net = Net::default();
        net.input("x", dtype, &[1, 8], exponent).output("y", DType::F32, &[1, 8], 0);
        net.node("Softmax", &["x"], "y", &[("axis", Attr::Int(1))]);
        let y = run(&net, Target::Esp32p4, &x).unwrap();
        assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{y:?}");
        let scale = 2f64.powi(exponent);
        let total: f64 = x.iter().map(|&q| ((q - 127) as f64 * scale).exp()).sum();
        for (score, &q) in y.iter().zip(&x) {
            assert!((score - ((q - 127) as f64 * scale).exp() / total).abs() < 1e-5);
        }
    }
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 8], -4).output("y", DType::I8, &[1, 8], -7);
    net.node("Softmax", &["x"], "y", &[("axis", Attr::Int(-1))]);
    let y = run(&net, Target::Esp32p4, &x).unwrap();
    assert_eq!(y.len(), 8);
    assert!(y[5] > y[6] && y.iter().all(|&q| (0.0..=127.0).contains(&q)));
}

#[test]
fn moving_operations_keep_every_element() {
    let x: Vec<i64> = (0..2 * 3 * 4).collect();
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 2, 3, 4], 0);
    net.value("t", DType::I8, &[1, 4, 2, 3], 0).value("f", DType::I8, &[1, 24], 0);
    net.value("u", DType::I8, &[1, 1, 24], 0).value("s", DType::I8, &[1, 24], 0);
    net.output("y", DType::I8, &[4, 6], 0);
    net.constant("shape", DType::I64, &[2], &[], "", &[4, -1]);
    net.constant("axes", DType::I64, &[1], &[], "", &[1]);
    net.node("Transpose", &["x"], "t", &[("perm", Attr::Ints(vec![0, 3, 1, 2]))]);
    net.node("Flatten", &["t"], "f", &[("axis", Attr::Int(1))]);
    net.node("Unsqueeze", &["f", "axes"], "u", &[]).node("Squeeze", &["u", "axes"], "s", &[]);
    net.node("Reshape", &["s", "shape"], "y", &[]);
    let want: Vec<i64> = (0..24).map(|i| i % 6 * 4 + i / 6).collect();
    assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want));
}

#[test]
fn pad_fills_as_its_mode_says() {
    let x: Vec<i64> = vec![1, 2, 3, 4, 5, 6];
    let cases = [
        ("constant", [9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 4, 5, 6, 9]),
        ("edge", [1, 1, 2, 3, 3, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6]),
        ("reflect", [5, 4, 5, 6, 5, 2, 1, 2, 3, 2, 5, 4, 5, 6, 5]),
    ];
    for (mode, want) in cases {
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 2, 3, 1], 0).output("y", DType::I8, &[1, 3, 5, 1], 0);
        net.constant("pads", DType::I64, &[8], &[], "", &[0, 1, 1, 0, 0, 0, 1, 0]);
        net.constant("fill", DType::I8, &[], &[0], "", &[9]);
        net.node("Pad", &["x", "pads", "fill"], "y", &[("mode", Attr::Text(mode))]);
        assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want), "{mode}");
    }
}

/// A Pad of one column on each side, by an attribute.
fn pad(dtype: DType, fill: (DType, &[i64], i64), inputs: &[&str], attrs: Vec<(&str, Attr)>) -> Net {
    let mut net = Net::default();
    net.input("x", dtype, &[1, 1, 2, 1], -4).output("y", dtype, &[1, 1, 4, 1], -4);
    net.value("r", dtype, &[1, 1, 2, 1], -4).node("Relu", &["x"], "r", &[]);
    net.constant("fill", fill.0, &[], fill.1, "", &[fill.2]);
    let pads = ("pads", Attr::Ints(vec![0, 0, 1, 0, 0, 0, 1, 0]));
    net.node("Pad", inputs, "y", &[vec![pads], attrs].into_iter().flatten().collect::<Vec<_>>());
    net
}

#[test]
fn pad_fills_with_a_constant_at_the_exponent_of_its_input() {
    for (dtype, fill) in [(DType::I8, -77), (DType::I16, -7000)] {
        let run_pad = |net: Net| run(&net, Target::Esp32p4, &[5, 6]);
        let good = run_pad(pad(dtype, (dtype, &[-4], fill), &["x", "", "fill"], vec![])).unwrap();
        assert_eq!(good, as_f64(&[fill, 5, 6, fill]));
        let silent = run_pad(pad(dtype, (dtype, &[], fill), &["x", "", "fill"], vec![])).unwrap();
        assert_eq!(silent, good, "no exponent means the input's");
        let absent = run_pad(pad(dtype, (dtype, &[-4], fill), &["x"], vec![])).unwrap();
        assert_eq!(absent, as_f64(&[0, 5, 6, 0]));
        let wrong = [(dtype, -5), (DType::I32, -4), (DType::F32, -4)];
        for (fill_type, exponent) in wrong {
            let net = pad(dtype, (fill_type, &[exponent], 1), &["x", "", "fill"], vec![]);
            let error = run_pad(net).unwrap_err();
            assert_eq!((error.node(), error.tensor()), (Some("node y"), Some("fill")), "{fill_type}");
        }
        // What a node computed is not a constant.
        let error = run_pad(pad(dtype, (dtype, &[-4], 1), &["x", "", "r"], vec![])).unwrap_err();
        assert_eq!(error.tensor(), Some("r"));
    }
}

#[test]
fn pad_refuses_a_fill_value_that_it_would_not_read() {
    let with = |inputs: &[&str], attrs: Vec<(&str, Attr)>| {
        run(&pad(DType::I8, (DType::I8, &[-4], 9), inputs, attrs), Target::Esp32p4, &[5, 6])
    };
    for value in [Attr::Int(32), Attr::Float(2.0), Attr::Text("2")] {
        let error = with(&["x"], vec![("value", value)]).unwrap_err();
        assert_eq!(error.node(), Some("node y"));
        assert!(error.to_string().contains("constant input 2"), "{error}");
    }
    assert!(with(&["x", "", "fill"], vec![("value", Attr::Int(9))]).is_err());
    for zero in [Attr::Int(0), Attr::Float(0.0)] {
        assert_eq!(with(&["x"], vec![("value", zero)]).unwrap(), as_f64(&[0, 5, 6, 0]));
    }
    let edge = vec![("value", Attr::Int(9)), ("mode", Attr::Text("edge"))];
    assert_eq!(with(&["x"], edge).unwrap(), as_f64(&[5, 5, 6, 6]));
}

#[test]
fn concat_requantizes_what_needs_it() {
    let x: Vec<i64> = vec![10, -20, 31, 7];
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 2, 1, 2], -4).value("r", DType::I8, &[1, 2, 1, 2], -3);
    net.output("y", DType::I8, &[1, 2, 1, 6], -4);
    net.node("RequantizeLinear", &["x"], "r", &[]);
    net.node("Concat", &["x", "r", "x"], "y", &[("axis", Attr::Int(3))]);
    let want = [10, -20, 10, -20, 10, -20, 31, 7, 32, 8, 31, 7];
    assert_eq!(run(&net, Target::Esp32p4, &x).unwrap(), as_f64(&want));
}

#[test]
fn a_wrong_shape_names_node_and_tensor() {
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 2, 3, 4], 0).output("y", DType::I8, &[1, 2, 3, 5], 0);
    net.node("Relu", &["x"], "y", &[]);
    let error = run(&net, Target::Esp32p4, &[0; 24]).unwrap_err();
    assert_eq!((error.node(), error.tensor()), (Some("node y"), Some("y")));
    assert!(error.to_string().contains("[1, 2, 3, 5]"), "{error}");
}

#[test]
fn float_inputs_are_quantized_with_the_targets_rounding() {
    for (target, want) in [(Target::Esp32p4, [0, 2, 2, -2, 127]), (Target::Esp32c3, [1, 2, 3, -1, 127])] {
        let mut net = Net::default();
        net.input("x", DType::I8, &[5], -1).output("y", DType::I8, &[5], -1);
        net.node("Identity", &["x"], "y", &[]);
        let simulator = Simulator::new(net.build().into(), Some(target)).unwrap();
        let floats = [0.25, 0.75, 1.25, -0.75, 1e9];
        let mut scratch = simulator.scratch();
        let y = simulator.run(&mut scratch, Data::F32(&floats), None).unwrap().data;
        assert_eq!(y, Data::I8(&want));
        let mut quantized = octet_runtime::QuantizedInput::default();
        simulator.quantize_input(&floats, &mut quantized);
        assert_eq!(quantized.data(), Data::I8(&want));
    }
}

#[test]
fn targets_are_inferred_as_documented() {
    let net = |exponents: &[i64], layout: &str, target: Option<&str>| {
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 1, 1, 1], 0).output("y", DType::I8, &[1, 1, 1, 16], 0);
        net.constant("w", DType::I8, &[1, 1, 1, 16], exponents, layout, &[1; 16]);
        net.node("Conv", &["x", "w"], "y", &[("group", Attr::Int(1))]);
        if let Some(target) = target {
            net.metadata("octet.target", target);
        }
        Simulator::new(net.build().into(), None).unwrap().target()
    };
    assert_eq!(net(&[0; 16], "layout ==> (N/16)HWC16", None), Target::Esp32p4);
    assert_eq!(net(&[0], "layout ==> (N/16)HWC16", None), Target::Esp32s3);
    assert_eq!(net(&[0], "layout ==> NHWC", None), Target::Esp32c3);
    assert_eq!(net(&[0], "layout ==> NHWC", Some("esp32c6")), Target::Esp32c6);
}

#[test]
fn a_file_for_an_unknown_chip_asks_for_the_target() {
    for name in ["esp32p5", "ESP32-S3", "", &"é".repeat(300)] {
        let mut net = Net::default();
        net.input("x", DType::I8, &[4], 0).output("y", DType::I8, &[4], 0);
        let file: Arc<[u8]> =
            net.metadata("octet.target", name).node("Identity", &["x"], "y", &[]).build().into();
        let error = Simulator::new(file.clone(), None).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("state the target yourself") && error.contains("esp32c3"), "{error}");
        assert!(error.contains(name) || name.len() > 32 && error.len() < 500, "{error}");
        assert_eq!(Simulator::new(file, Some(Target::Esp32s3)).unwrap().target(), Target::Esp32s3);
    }
}

proptest! {
    #[test]
    fn audits_agree_between_kernels(
        seed in any::<u64>(), c in 1usize..70, n in 1usize..40, k in 1usize..4, bits in 12u32..22, depthwise in any::<bool>()
    ) {
        let mut random = Random(seed);
        let n = if depthwise { c.max(2) } else { n };
        let c = if depthwise { n } else { c };
        let (dims, count) = if depthwise { ([k, k, n, 1], k * k * n) } else { ([k, k, c, n], k * k * c * n) };
        let w: Vec<i64> = (0..count).map(|_| random.within(-90, 90)).collect();
        let b: Vec<i64> = (0..n).map(|_| random.within(-40_000, 40_000)).collect();
        let x: Vec<i8> = (0..6 * 6 * c).map(|_| random.within(-100, 127) as i8).collect();
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 6, 6, c], -3).output("y", DType::I8, &[1, 6, 6, n], 3);
        net.constant("w", DType::I8, &dims, &[-5], "layout ==> (N/16)HWC16_UNALIGNED", &w);
        net.constant("b", DType::I32, &[n], &[-8], "", &b);
        let pad = (k as i64 - 1) / 2;
        let end = k as i64 - 1 - pad;
        let group = if depthwise { n as i64 } else { 1 };
        net.node("Conv", &["x", "w", "b"], "y", &[
            ("group", Attr::Int(group)), ("pads", Attr::Ints(vec![pad, pad, end, end])),
        ]);
        let file: Arc<[u8]> = net.build().into();
        let reports = [Kernels::Portable, Kernels::Fastest].map(|kernels| {
            let simulator = Simulator::new(file.clone(), Some(Target::Esp32s3)).unwrap().with_kernels(kernels);
            let mut scratch = simulator.scratch();
            simulator.audit_accumulators(&mut scratch, Data::I8(&x), bits).unwrap()
        });
        prop_assert_eq!(&reports[0], &reports[1]);
        if k == 1 && !depthwise {
            // Naively, for the layout's blocks and its rest.
            let (low, high) = (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1);
            let blocked = n / 16 * 16;
            let weight = |f: usize, ch: usize| if f < blocked {
                w[(f / 16 * c + ch) * 16 + f % 16]
            } else {
                w[blocked * c + (f - blocked) * c + ch]
            };
            let mut left = 0u64;
            for pixel in x.chunks_exact(c) {
                for (f, &bias) in b.iter().enumerate() {
                    let mut sum = bias;
                    let mut outside = !(low..=high).contains(&sum);
                    for (ch, &v) in pixel.iter().enumerate() {
                        sum += i64::from(v) * weight(f, ch);
                        outside |= !(low..=high).contains(&sum);
                    }
                    left += u64::from(outside);
                }
            }
            prop_assert_eq!(reports[0][0].elements_left, left);
        }
    }
}
