//! The path a chip takes: caller-provided slices, no `Simulator`; and its preprocessing.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Attr, Net, Random};
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::preprocess::{Table, nearest, resize_nearest};
use octet_runtime::{DType, Error, Limits, Model, Plan, Rounding, Target};

fn net() -> Vec<u8> {
    let mut random = Random(21);
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 8, 8, 3], -6).value("c", DType::I8, &[1, 8, 8, 16], -4);
    net.value("r", DType::I8, &[1, 8, 8, 16], -3).output("y", DType::I8, &[1, 1, 1, 16], -4);
    net.constant(
        "w",
        DType::I8,
        &[1, 1, 3, 16],
        &[-6],
        "layout ==> (N/16)HWC16",
        &random.values(DType::I8, 48),
    );
    net.node("Conv", &["x", "w"], "c", &[("activation", Attr::Text("Relu"))]);
    net.node("RequantizeLinear", &["c"], "r", &[]).node("GlobalAveragePool", &["r"], "y", &[]);
    net.build()
}

#[test]
fn a_plan_runs_in_memory_of_the_caller() {
    let file = net();
    let model = Model::parse(&file).unwrap();
    let sizes = Plan::sizes(&model);
    let mut slots = [TensorSlot::default(); 8];
    let mut steps = [Step::default(); 8];
    assert!(sizes.tensors <= slots.len() && sizes.steps <= steps.len());
    let plan = Plan::build(&model, Target::Esp32p4, &Limits::default(), &mut slots, &mut steps).unwrap();
    // The requantized tensor lies where the convolution's output was, and that ends where the input's last row
    // ends, one row of which is read while a row is written; the kernel needs a table of two words per channel,
    // four words per weight of a filter for each of 8 tiles, and two words per two channels.
    let (tensors, scratch) = ((8 * 8 * 16 + 24usize).next_multiple_of(16), 16 * 8 + 8 * 3 * 16 + 8 * 8 + 3);
    assert_eq!((plan.arena_bytes(), plan.peak_bytes()), (tensors + scratch, tensors + scratch));
    let names: Vec<&str> = plan.peak().map(|s| plan.name(&model, s)).collect();
    assert_eq!(names, ["x", "c"]);
    let mut arena = vec![0u8; plan.arena_bytes()];
    assert_eq!(
        plan.run(&model, &mut arena[1..]),
        Err(Error::Memory {
            what: "bytes of arena",
            needed: tensors + scratch,
            available: tensors + scratch - 1
        })
    );
    let input: Vec<u8> = (0..192).map(|i| i as u8).collect();
    arena[plan.input().range()].copy_from_slice(&input);
    plan.run(&model, &mut arena).unwrap();
    let simulator = octet_runtime::Simulator::new(file.clone().into(), Some(Target::Esp32p4)).unwrap();
    let signed: Vec<i8> = input.iter().map(|&b| b as i8).collect();
    let mut scratch = simulator.scratch();
    let expected = simulator.run(&mut scratch, octet_runtime::Data::I8(&signed), None).unwrap().data;
    for (i, &byte) in arena[plan.output().range()].iter().enumerate() {
        assert_eq!(f64::from(byte as i8), expected.get(i));
    }
}

#[test]
fn slices_that_are_too_short_are_named() {
    let file = net();
    let model = Model::parse(&file).unwrap();
    let mut slots = [TensorSlot::default(); 2];
    let mut steps = [Step::default(); 8];
    let error = Plan::build(&model, Target::Esp32p4, &Limits::default(), &mut slots, &mut steps).unwrap_err();
    assert_eq!(error, Error::Memory { what: "tensor slots", needed: 4, available: 2 });
}

#[test]
fn tables_hold_the_contracts_integers() {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    for (rounding, even) in [(Rounding::HalfEven, true), (Rounding::HalfUp, false)] {
        let table = Table::new(mean, std, -6, DType::I8, rounding);
        for channel in 0..3 {
            for byte in 0..=255u8 {
                let exact =
                    (f64::from(byte) / 255.0 - f64::from(mean[channel])) / f64::from(std[channel]) * 64.0;
                let want = if even { exact.round_ties_even() } else { (exact + 0.5).floor() };
                let q = f64::from(table.get(channel, byte));
                // f32 may fall on the other side of a tie, never further.
                let near = (exact - exact.floor() - 0.5).abs() < 1e-3;
                assert!(q == want.clamp(-128.0, 127.0) || near, "{channel} {byte}");
            }
        }
    }
}

#[test]
fn resizing_takes_the_nearest_pixel_above_left() {
    let picture: Vec<u8> = (0..5 * 7 * 3).map(|i| i as u8).collect();
    let table = Table::new([0.0; 3], [1.0 / 255.0; 3], 0, DType::I16, Rounding::HalfEven);
    let mut out = vec![0i16; 3 * 4 * 3];
    resize_nearest(&picture, [5, 7], &mut out, [3, 4], &table, |q| q).unwrap();
    for (i, &q) in out.iter().enumerate() {
        let (y, x, c) = (i / 12 * 5 / 3, i / 3 % 4 * 7 / 4, i % 3);
        assert_eq!(q, i16::from(picture[(y * 7 + x) * 3 + c]));
    }
    assert_eq!(nearest(3, 7, 4), 5);
    assert!(resize_nearest(&picture, [5, 7], &mut out, [3, 5], &table, |q| q).is_err());
    assert!(resize_nearest(&[], [0, 0], &mut out, [3, 4], &table, |q| q).is_err());
}
