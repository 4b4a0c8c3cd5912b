//! Damaged files: an error or a result, never a panic, an overflow or a read beyond the end. Overflow checks are
//! on in this profile.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Attr, Net};
use octet_runtime::{DType, Data, Error, Limits, Model, Simulator};
use proptest::prelude::*;

/// A file with every kind of operation.
fn file() -> Vec<u8> {
    let mut net = Net::default();
    let i8 = DType::I8;
    net.input("x", i8, &[1, 6, 6, 3], -5);
    net.value("c", i8, &[1, 6, 6, 20], -4).value("d", i8, &[1, 6, 6, 20], -4);
    net.value("k", i8, &[1, 6, 6, 20], -4).value("q", i8, &[1, 6, 6, 20], -3);
    net.value("r", i8, &[1, 6, 6, 20], -4).value("a", i8, &[1, 6, 6, 20], -4);
    net.value("m", i8, &[1, 3, 3, 20], -4).value("p", i8, &[1, 4, 4, 20], -4);
    net.value("e", i8, &[1, 4, 4, 40], -4).value("g", i8, &[1, 1, 1, 40], -4);
    net.value("t", i8, &[1, 40, 1, 1], -4).value("f", i8, &[1, 40], -4);
    net.value("l", i8, &[1, 5], -3).output("y", DType::F32, &[1, 5], 0);
    let pattern = |n: usize| (0..n).map(|i| (i * 37 % 255) as i64 - 127).collect::<Vec<_>>();
    let layout = "layout ==> (N/16)HWC16_UNALIGNED";
    net.constant("w", i8, &[3, 3, 3, 20], &[-6; 20], layout, &pattern(540));
    net.constant("b", DType::I32, &[20], &[-11; 20], "", &pattern(20));
    net.constant("v", i8, &[3, 3, 20, 1], &[-6], layout, &pattern(180));
    net.constant("u", i8, &[1, 1, 40, 5], &[-7], layout, &pattern(200));
    net.constant("lut", i8, &[256], &[-4], "", &pattern(256));
    net.constant("pads", DType::I64, &[8], &[], "", &[0, 0, 1, 0, 0, 1, 0, 0]);
    let ints = |v: &[i64]| Attr::Ints(v.to_vec());
    net.node("Conv", &["x", "w", "b"], "c", &[("group", Attr::Int(1)), ("pads", ints(&[1, 1, 1, 1]))]);
    net.node("Conv", &["c", "v"], "d", &[("group", Attr::Int(20)), ("pads", ints(&[1, 1, 1, 1]))]);
    net.node("Clip", &["d"], "k", &[("lut", Attr::Text("lut"))]);
    net.node("RequantizeLinear", &["c"], "q", &[]).node("RequantizeLinear", &["q"], "r", &[]);
    net.node("Add", &["k", "r"], "a", &[]);
    net.node("MaxPool", &["a"], "m", &[("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2]))]);
    net.node("Pad", &["m", "pads"], "p", &[]);
    net.node("Concat", &["p", "p"], "e", &[("axis", Attr::Int(3))]);
    net.node("GlobalAveragePool", &["e"], "g", &[]);
    net.node("Transpose", &["g"], "t", &[("perm", ints(&[0, 3, 1, 2]))]);
    net.node("Flatten", &["t"], "f", &[]).node("Gemm", &["f", "u"], "l", &[]);
    net.node("Softmax", &["l"], "y", &[("axis", Attr::Int(-1))]);
    net.build()
}

/// Small enough that a damaged extent cannot keep a test busy.
fn limits() -> Limits {
    Limits { arena_bytes: 1 << 20, work: 20_000_000, ..Limits::default() }
}

/// Reads, plans and runs whatever this is.
fn try_all(bytes: &[u8]) -> bool {
    let Ok(simulator) = Simulator::with_limits(bytes.into(), None, &limits()) else { return false };
    let input = vec![0.3f32; simulator.input().elements()];
    let mut scratch = simulator.scratch();
    simulator.run(&mut scratch, Data::F32(&input), Some(&mut |_| {})).unwrap();
    simulator.audit_accumulators(&mut scratch, Data::F32(&input), 20).unwrap();
    true
}

#[test]
fn the_undamaged_file_runs() {
    assert!(try_all(&file()));
}

#[test]
fn every_truncation_is_refused() {
    let file = file();
    for len in 0..file.len() {
        assert!(!try_all(&file[..len]), "{len}");
        if len >= 16 {
            // With a header that agrees with the shorter payload.
            let mut cut = file[..len].to_vec();
            cut[8..12].copy_from_slice(&((len - 16) as u32).to_le_bytes());
            try_all(&cut);
        }
    }
}

#[test]
fn every_flipped_byte_is_survived() {
    let file = file();
    for at in 0..file.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= mask;
            try_all(&damaged);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn several_changed_bytes_are_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = file();
        let len = file.len();
        for (at, value) in changes {
            file[at.index(len)] = value;
        }
        try_all(&file);
    }

    #[test]
    fn arbitrary_payloads_are_survived(payload in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = b"EDL2\0\0\0\0".to_vec();
        file.extend((payload.len() as u32).to_le_bytes());
        file.extend([0; 4]);
        file.extend(payload);
        try_all(&file);
    }
}

#[test]
fn any_address_will_do() {
    let file = file();
    let mut shifted = vec![0; file.len() + 16];
    for offset in 0..16 {
        shifted[offset..offset + file.len()].copy_from_slice(&file);
        let model = Model::parse(&shifted[offset..offset + file.len()]).unwrap();
        assert_eq!(model.node_count(), 14);
    }
}

#[test]
fn headers_of_other_kinds_say_what_they_are() {
    let with = |magic: &[u8; 4], mode: u8| {
        let mut file = file();
        file[..4].copy_from_slice(magic);
        file[4] = mode;
        Model::parse(&file).map(|m| m.node_count()).map_err(|e| e.to_string())
    };
    assert!(with(b"EDL2", 1).unwrap_err().contains("encrypted"));
    assert!(with(b"EDL2", 9).unwrap_err().contains("mode 9"));
    assert!(with(b"PDL2", 0).unwrap_err().contains("packs several"));
    assert!(with(b"ONNX", 0).unwrap_err().contains("not an .espdl"));
    assert_eq!(Model::parse(&[]).map(|_| ()), Err(Error::Truncated { needed: 16, available: 0 }));
}

#[test]
fn limits_are_enforced() {
    let file: Arc<[u8]> = file().into();
    let with = |limits: Limits| Simulator::with_limits(file.clone(), None, &limits).map(|_| ()).unwrap_err();
    assert!(with(Limits { arena_bytes: 100, ..Limits::default() }).to_string().contains("memory"));
    assert!(with(Limits { work: 100, ..Limits::default() }).to_string().contains("multiply"));
    assert!(with(Limits { nodes: 3, ..Limits::default() }).to_string().contains("nodes"));
}

/// A network that only copies, with something else in the file.
fn copy(change: impl Fn(&mut Net)) -> Vec<u8> {
    let mut net = Net::default();
    net.input("x", DType::I8, &[4], 0).output("y", DType::I8, &[4], 0).value("v", DType::I8, &[4], 0);
    change(&mut net);
    net.node("Identity", &["x"], "y", &[]).build()
}

#[test]
fn texts_and_exponents_have_a_limit_each() {
    let long = |len: usize| -> &'static str { "é".repeat(len / 2).leak() };
    let constant = |net: &mut Net, exponents: usize, layout: &str| {
        net.constant("w", DType::I8, &[1], &vec![0; exponents], layout, &[1]);
    };
    let metadata = |net: &mut Net, key: &str, text: &str| _ = net.metadata(key, text);
    let attribute = |net: &mut Net, name: &str, text: &'static str| {
        net.node("Identity", &["x"], "z", &[(name, Attr::Text(text))]);
    };
    let parse = |file: Vec<u8>| Model::parse(&file).map(|_| ()).map_err(|e| e.to_string());
    type Change<'c> = &'c dyn Fn(&mut Net, usize);
    let short: [Change<'_>; 4] = [
        &|net, len| attribute(net, "a", long(len)),
        &|net, len| attribute(net, long(len), "a"),
        &|net, len| constant(net, 1, long(len)),
        &|net, len| metadata(net, long(len), "a"),
    ];
    let large: [Change<'_>; 3] =
        [&|net, len| metadata(net, "a", long(len)), &|net, len| constant(net, len, ""), &|net, len| {
            _ = net.exponents(len)
        }];
    let all = short.into_iter().map(|c| (c, 512)).chain(large.into_iter().map(|c| (c, 65536)));
    for (index, (change, most)) in all.enumerate() {
        assert_eq!(parse(copy(|net| change(net, most))), Ok(()), "{index}");
        let error = parse(copy(|net| change(net, most + 2))).unwrap_err();
        assert!(error.contains(&format!("above the limit of {most}")), "{index}: {error}");
    }
}

#[test]
fn what_is_read_has_a_limit_altogether() {
    let limits = Limits { read_bytes: 10_000, ..Limits::default() };
    for (count, fits) in [(100, true), (1300, false)] {
        let exponents = copy(|net| _ = net.exponents(count));
        assert_eq!(Model::parse_with(&exponents, &limits).is_ok(), fits, "{count} exponents");
        let texts = copy(|net| {
            for i in 0..count / 10 {
                net.metadata(&format!("key {i}"), &"a".repeat(100));
            }
        });
        let error = Model::parse_with(&texts, &limits).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(error.is_ok(), fits, "{count} texts");
        assert!(error.is_ok() || error.unwrap_err().contains("all texts and exponents"));
    }
}

#[test]
fn layers_beyond_the_limit_of_packed_weights_run_unpacked() {
    let mut net = Net::default();
    let names: Vec<String> = (0..9).map(|i| format!("t{i}")).collect();
    net.input("t0", DType::I8, &[1, 3, 3, 16], -4).output("t8", DType::I8, &[1, 3, 3, 16], -4);
    let pattern: Vec<i64> = (0..256).map(|i| i * 37 % 255 - 127).collect();
    net.constant("w", DType::I8, &[1, 1, 16, 16], &[-8], "layout ==> (N/16)HWC16", &pattern);
    for pair in names.windows(2) {
        net.value(&pair[1], DType::I8, &[1, 3, 3, 16], -4);
        net.node("Conv", &[&pair[0], "w"], &pair[1], &[("group", Attr::Int(1))]);
    }
    let file: Arc<[u8]> = net.build().into();
    let input: Vec<i8> = (0..144).map(|i| (i * 53 % 256 - 128) as i8).collect();
    let run = |packed_bytes: usize| {
        let limits = Limits { packed_bytes, ..Limits::default() };
        let simulator = Simulator::with_limits(file.clone(), None, &limits).unwrap();
        assert!(simulator.packed_bytes() <= packed_bytes);
        let mut scratch = simulator.scratch();
        let Data::I8(y) = simulator.run(&mut scratch, Data::I8(&input), None).unwrap().data else { panic!() };
        let y = y.to_vec();
        let audit = simulator.audit_accumulators(&mut scratch, Data::I8(&input), 13).unwrap();
        (simulator.packed_bytes(), y, audit)
    };
    let (all, y, audit) = run(usize::MAX);
    assert_eq!(audit.len(), 8);
    // No vector kernels on this processor: nothing is packed anyway.
    for limit in [0, all / 8, all / 2, all.saturating_sub(1)] {
        let (packed, same_y, same_audit) = run(limit);
        assert!(packed < all || all == 0, "{packed} of {all}");
        assert_eq!((same_y, same_audit), (y.clone(), audit.clone()), "{limit}");
    }
    assert_eq!(run(all / 2).0, all / 2);
}
