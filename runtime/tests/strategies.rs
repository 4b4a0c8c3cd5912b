//! Layer by layer, overlapped, streamed: the same integers, whatever the memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;

use common::{Attr, Net, Random};
use octet_runtime::observe::{Observer, Part};
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::{DType, Error, Limits, Model, Plan, Strategy as Layout, Target};
use proptest::prelude::*;

/// Every tensor as it came, and the nodes that worked.
#[derive(Default)]
struct Tensors {
    bytes: BTreeMap<usize, Vec<u8>>,
    open: Option<usize>,
}

impl Observer for Tensors {
    fn before(&mut self, node: usize) {
        assert_eq!(self.open.replace(node), None);
    }

    fn after(&mut self, node: usize) {
        assert_eq!(self.open.take(), Some(node));
    }

    fn part(&mut self, part: Part<'_>) {
        let bytes = self.bytes.entry(part.tensor).or_default();
        assert_eq!(bytes.len(), part.at, "parts come in order");
        bytes.extend_from_slice(part.bytes);
    }
}

/// What one run gave.
struct Outcome {
    tensors: BTreeMap<String, Vec<u8>>,
    output: Vec<u8>,
    arena: usize,
    fused: usize,
}

fn run(file: &[u8], target: Target, layout: Layout, input: &[u8]) -> Result<Outcome, String> {
    let model = Model::parse(file).map_err(|e| e.to_string())?;
    let sizes = Plan::sizes(&model);
    let mut slots = vec![TensorSlot::default(); sizes.tensors];
    let mut steps = vec![Step::default(); sizes.steps];
    let plan = Plan::build_with(&model, target, &Limits::default(), layout, &mut slots, &mut steps)
        .map_err(|e| e.to_string())?;
    assert!(plan.peak_bytes() <= plan.arena_bytes() + 16);
    let stages: Vec<_> = plan.stages().collect();
    assert_eq!(stages.iter().map(|s| s.arena_bytes).max().unwrap_or(0), plan.arena_bytes());
    // Dirt, at an odd address: nothing may depend on what stands there.
    let mut memory = vec![0xA5u8; plan.arena_bytes() + 1];
    let arena = &mut memory[1..];
    arena[plan.input().range()].copy_from_slice(input);
    let mut seen = Tensors::default();
    plan.run_observed(&model, arena, &mut seen).map_err(|e| e.to_string())?;
    let output = arena[plan.output().range()].to_vec();
    let name = |(i, bytes): (usize, Vec<u8>)| {
        let slot = &plan.tensors()[i];
        assert_eq!(bytes.len(), slot.bytes(), "{} is complete", plan.name(&model, slot));
        (plan.name(&model, slot).to_owned(), bytes)
    };
    let tensors: BTreeMap<_, _> = seen.bytes.into_iter().map(name).collect();
    assert_eq!(tensors.len(), plan.tensors().len());
    let fused = stages.iter().filter(|s| s.fused).count();
    // Without an observer as well.
    let mut memory = vec![0x5Au8; plan.arena_bytes()];
    memory[plan.input().range()].copy_from_slice(input);
    plan.run(&model, &mut memory).map_err(|e| e.to_string())?;
    assert_eq!(memory[plan.output().range()], output);
    Ok(Outcome { tensors, output, arena: plan.arena_bytes(), fused })
}

/// A convolution as `Net` takes it.
#[derive(Clone, Copy, Debug)]
struct Conv {
    name: &'static str,
    kernel: [usize; 2],
    stride: [usize; 2],
    pads: [usize; 4],
    filters: usize,
    depthwise: bool,
    relu: bool,
    dtype: DType,
    lanes: usize,
}

/// A network under construction, with the shape of what was computed last.
struct Chain {
    net: Net,
    random: Random,
    shape: [usize; 3],
    last: String,
    dtype: DType,
}

impl Chain {
    /// `None` when the window does not fit.
    fn conv(&mut self, conv: Conv, end: bool) -> Option<()> {
        let [h, w, channels] = self.shape;
        let out = |size: usize, axis: usize| {
            let padded = size + conv.pads[axis] + conv.pads[axis + 2];
            Some(padded.checked_sub(conv.kernel[axis])? / conv.stride[axis] + 1)
        };
        let filters = if conv.depthwise { channels } else { conv.filters };
        let depth = if conv.depthwise { 1 } else { channels };
        let shape = [out(h, 0)?, out(w, 1)?, filters];
        let [kh, kw] = conv.kernel;
        let weights: Vec<i64> = match self.random.next() % 3 {
            // Extreme weights, and small ones that allow long runs.
            0 => self.random.values(DType::I8, kh * kw * depth * filters),
            1 => (0..kh * kw * depth * filters).map(|_| self.random.within(-20, 20)).collect(),
            _ => (0..kh * kw * depth * filters).map(|_| self.random.within(-60, 60)).collect(),
        };
        let dims = if conv.depthwise { [kh, kw, filters, 1] } else { [kh, kw, depth, filters] };
        let layout = match conv.lanes {
            1 => "layout ==> NHWC".to_owned(),
            a => format!("layout ==> (N/{a})HWC{a}_UNALIGNED"),
        };
        let (weight, bias) = (format!("{}.w", conv.name), format!("{}.b", conv.name));
        let exponents: Vec<i64> = (0..filters).map(|_| -7 - self.random.within(0, 2)).collect();
        self.net.constant(&weight, DType::I8, &dims, &exponents, &layout, &weights);
        let biases: Vec<i64> = (0..filters).map(|_| self.random.within(-4000, 4000)).collect();
        let exponents: Vec<i64> = exponents.iter().map(|e| e - 4).collect();
        self.net.constant(&bias, DType::I32, &[filters], &exponents, "layout ==> UNK", &biases);
        let ints = |v: &[usize]| Attr::Ints(v.iter().map(|&i| i as i64).collect());
        let attrs = [
            ("group", Attr::Int(if conv.depthwise { channels as i64 } else { 1 })),
            ("kernel_shape", ints(&conv.kernel)),
            ("strides", ints(&conv.stride)),
            ("dilations", ints(&[1, 1])),
            ("pads", ints(&conv.pads)),
            ("activation", Attr::Text(if conv.relu { "Relu" } else { "Linear" })),
        ];
        let before = self.last.clone();
        self.net.node("Conv", &[&before, &weight, &bias], conv.name, &attrs);
        self.shape = shape;
        self.dtype = conv.dtype;
        self.value(conv.name, end);
        Some(())
    }

    fn value(&mut self, name: &str, end: bool) {
        let [h, w, c] = self.shape;
        if end {
            self.net.output(name, self.dtype, &[1, h, w, c], -4);
        } else {
            self.net.value(name, self.dtype, &[1, h, w, c], -4);
        }
        self.last = name.to_owned();
    }

    /// A clamp, as `Clip` leaves it.
    fn clip(&mut self, name: &str) {
        let (low, high) = (format!("{name}.low"), format!("{name}.high"));
        self.net.constant(&low, DType::I8, &[1], &[-4], "layout ==> UNK", &[0]);
        self.net.constant(&high, DType::I8, &[1], &[-4], "layout ==> UNK", &[96]);
        let before = self.last.clone();
        self.net.node("Clip", &[&before, &low, &high], name, &[]);
        self.value(name, false);
    }

    fn add(&mut self, other: &str, name: &str, end: bool) {
        let before = self.last.clone();
        self.net.node("Add", &[other, &before], name, &[]);
        self.value(name, end);
    }
}

/// One block, with a convolution before it (so that its input is not the network's) and one behind it.
#[derive(Clone, Debug)]
struct Block {
    size: [usize; 2],
    channels: usize,
    expanded: usize,
    projected: usize,
    expand: Option<Conv>,
    stride: [usize; 2],
    pads: [usize; 4],
    clips: [bool; 2],
    residual: bool,
    kept: bool,
    wide: bool,
    lanes: usize,
    seed: u64,
}

impl Block {
    /// The file and the input; `None` when a window does not fit.
    fn build(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let random = Random(self.seed);
        let [h, w] = self.size;
        let input = Random(!self.seed).values(DType::I8, h * w * 5).iter().map(|&v| v as u8).collect();
        let mut chain =
            Chain { net: Net::default(), random, shape: [h, w, 5], last: "x".into(), dtype: DType::I8 };
        chain.net.input("x", DType::I8, &[1, h, w, 5], -4);
        let point = Conv {
            name: "",
            kernel: [1, 1],
            stride: [1, 1],
            pads: [0; 4],
            filters: self.channels,
            depthwise: false,
            relu: false,
            dtype: DType::I8,
            lanes: self.lanes,
        };
        chain.conv(Conv { name: "before", relu: self.seed & 1 == 0, ..point }, false)?;
        if let Some(expand) = self.expand {
            chain
                .conv(Conv { name: "expand", filters: self.expanded, lanes: self.lanes, ..expand }, false)?;
            if self.clips[0] {
                chain.clip("expand.clip");
            }
        }
        let dtype = if self.wide { DType::I16 } else { DType::I8 };
        let depthwise = Conv {
            name: "depthwise",
            kernel: [3, 3],
            stride: self.stride,
            pads: self.pads,
            depthwise: true,
            relu: !self.clips[1],
            dtype,
            ..point
        };
        chain.conv(depthwise, false)?;
        if self.clips[1] && !self.wide {
            chain.clip("depthwise.clip");
        }
        let inside = chain.last.clone();
        chain.conv(Conv { name: "project", filters: self.projected, ..point }, false)?;
        if self.residual && chain.shape == [h, w, self.channels] {
            chain.add("before", "sum", false);
        }
        chain.conv(Conv { name: "behind", filters: 7, ..point }, !self.kept)?;
        if self.kept {
            // Somebody else reads what is inside of the block.
            let shape = chain.shape;
            chain.conv(Conv { name: "a", filters: 3, ..point }, false)?;
            let (a, a_shape) = (chain.last.clone(), chain.shape);
            (chain.last, chain.shape) = (inside, shape);
            chain.shape[2] = if self.expand.is_some() { self.expanded } else { self.channels };
            chain.conv(Conv { name: "b", filters: 3, ..point }, false)?;
            (chain.shape, chain.dtype) = (a_shape, DType::I8);
            chain.add(&a, "y", true);
        }
        Some((chain.net.build(), input))
    }

    fn check(&self) -> Option<Outcome> {
        let (file, input) = self.build()?;
        for target in [Target::Esp32p4, Target::Esp32c3] {
            let separate = run(&file, target, Layout::Separate, &input).unwrap();
            let layerwise = run(&file, target, Layout::Layerwise, &input).unwrap();
            let fused = run(&file, target, Layout::Fused, &input).unwrap();
            assert_eq!(separate.fused + layerwise.fused, 0);
            for other in [&layerwise, &fused] {
                assert_eq!(separate.tensors, other.tensors);
                assert_eq!(separate.output, other.output);
            }
            let within =
                run(&file, target, Layout::Within(fused.arena.max(layerwise.arena)), &input).unwrap();
            assert_eq!(within.tensors, separate.tensors);
            if target == Target::Esp32c3 {
                return Some(fused);
            }
        }
        None
    }
}

fn block() -> impl Strategy<Value = Block> {
    let shape = ([1usize..14, 1..14], 1usize..40, 1usize..50, 1usize..40);
    let window = ([1usize..3, 1..3], [0usize..3, 0..3, 0..3, 0..3]);
    let expand = prop_oneof![
        1 => Just(None),
        3 => Just(Some(([1usize, 1], [1usize, 1], [0usize; 4]))),
        // A stem.
        1 => ([2usize..4, 2..4], [1usize..3, 1..3], [0usize..2, 0..2, 0..2, 0..2]).prop_map(Some),
    ];
    let flags = (
        any::<[bool; 2]>(),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    (shape, window, expand, flags, prop_oneof![Just(16usize), Just(8), Just(1)], any::<u64>()).prop_map(
        |((size, channels, expanded, projected), (stride, pads), expand, flags, lanes, seed)| {
            let (clips, relu, residual, kept, wide) = flags;
            let expand = expand.map(|(kernel, stride, pads)| Conv {
                name: "expand",
                kernel,
                stride,
                pads,
                filters: 0,
                depthwise: false,
                relu,
                dtype: DType::I8,
                lanes,
            });
            // A sum needs the shape of the block's input.
            let (stride, pads, projected) =
                if residual { ([1, 1], [1; 4], channels) } else { (stride, pads, projected) };
            // With one channel there is nothing depthwise.
            let (channels, expanded) = (channels + 1, expanded + 1);
            let projected = if residual { channels } else { projected };
            Block {
                size,
                channels,
                expanded,
                projected,
                expand,
                stride,
                pads,
                clips,
                residual,
                kept,
                wide,
                lanes,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_layout_gives_the_same_tensors(block in block()) {
        block.check();
    }
}

fn plain() -> Block {
    let expand = Conv {
        name: "expand",
        kernel: [1, 1],
        stride: [1, 1],
        pads: [0; 4],
        filters: 0,
        depthwise: false,
        relu: true,
        dtype: DType::I8,
        lanes: 16,
    };
    Block {
        size: [20, 20],
        channels: 8,
        expanded: 48,
        projected: 8,
        expand: Some(expand),
        stride: [1, 1],
        pads: [1; 4],
        clips: [false; 2],
        residual: true,
        kept: false,
        wide: false,
        lanes: 16,
        seed: 3,
    }
}

#[test]
fn blocks_are_found_and_take_little_memory() {
    let stem = Conv { kernel: [3, 3], stride: [2, 2], pads: [1; 4], ..plain().expand.unwrap() };
    let cases = [
        plain(),
        Block { stride: [2, 2], residual: false, projected: 12, ..plain() },
        Block { clips: [true; 2], ..plain() },
        Block { expand: None, channels: 24, residual: false, ..plain() },
        Block { expand: Some(stem), residual: false, size: [80, 80], ..plain() },
    ];
    for block in cases {
        let fused = block.check().unwrap();
        assert_eq!(fused.fused, 1, "{block:?}");
        let whole: usize = fused.tensors.values().map(Vec::len).max().unwrap();
        assert!(fused.arena < whole, "{} bytes, the largest tensor has {whole}: {block:?}", fused.arena);
    }
}

#[test]
fn tensors_that_somebody_else_reads_are_not_streamed() {
    assert_eq!(Block { kept: true, residual: false, ..plain() }.check().unwrap().fused, 0);
}

#[test]
fn a_limit_decides_what_is_streamed() {
    let (file, input) = plain().build().unwrap();
    let with = |layout| run(&file, Target::Esp32c3, layout, &input);
    let (layerwise, fused) = (with(Layout::Layerwise).unwrap(), with(Layout::Fused).unwrap());
    assert!(fused.arena < layerwise.arena);
    assert_eq!(with(Layout::Within(layerwise.arena)).unwrap().fused, 0);
    assert_eq!(with(Layout::Within(layerwise.arena - 1)).unwrap().arena, fused.arena);
    assert_eq!(with(Layout::Within(fused.arena)).unwrap().fused, 1);
    let model = Model::parse(&file).unwrap();
    let mut slots = [TensorSlot::default(); 16];
    let mut steps = [Step::default(); 16];
    let error = Plan::build_with(
        &model,
        Target::Esp32c3,
        &Limits::default(),
        Layout::Within(fused.arena - 1),
        &mut slots,
        &mut steps,
    )
    .unwrap_err();
    let (needed, available) = (fused.arena, fused.arena - 1);
    assert_eq!(error, Error::Memory { what: "bytes of arena", needed, available });
}

fn shared() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("OCTET_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        std::path::PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no ../shared");
    None
}

#[test]
fn espressifs_networks_equal_every_golden_tensor_in_every_layout() {
    let Some(shared) = shared() else { return };
    for (chip, target) in [("p4", Target::Esp32p4), ("s3", Target::Esp32s3)] {
        let file =
            std::fs::read(shared.join(format!("models/espressif/imagenet_mobilenetv2_esp32{chip}.espdl")))
                .unwrap();
        let case = format!("{chip}_207");
        let npy = std::fs::read(shared.join(format!("golden/{case}.input.npy"))).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
        let text = std::fs::read_to_string(shared.join(format!("golden/{chip}.json"))).unwrap();
        let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (layout, most_kib, blocks) in
            [(Layout::Layerwise, 1372, 0), (Layout::Fused, 355, 17), (Layout::Within(602 << 10), 602, 1)]
        {
            let outcome = run(&file, target, layout, &npy[header..]).unwrap();
            for (name, expected) in golden[&case]["tensors"].as_object().unwrap() {
                let crc = crc32fast::hash(&outcome.tensors[name]);
                assert_eq!(u64::from(crc), expected["crc32"].as_u64().unwrap(), "{layout:?} {name}");
            }
            assert!(outcome.arena <= most_kib << 10, "{layout:?} needs {} bytes", outcome.arena);
            assert_eq!(outcome.fused, blocks, "{layout:?}");
        }
    }
}

/// What the desktop shows of the arena.
#[cfg(feature = "std")]
mod maps {
    use octet_runtime::{MemoryMap, Simulator};

    use super::*;

    fn simulator(file: Vec<u8>) -> Simulator {
        Simulator::new(file.into(), Some(Target::Esp32c3)).unwrap()
    }

    proptest! {
        #[test]
        fn a_map_for_another_size_is_that_of_the_network_of_that_size(
            block in block(), height in 1usize..14, width in 1usize..14,
        ) {
            let other = Block { size: [height, width], ..block.clone() };
            if let (Some((file, _)), Some((other, _))) = (block.build(), other.build()) {
                let (here, there) = (simulator(file), simulator(other));
                // A sum is left out where its inputs differ in size, which may depend on the size itself.
                let nodes = |s: &Simulator| s.memory_map(Layout::Layerwise).unwrap().stages.len();
                prop_assume!(nodes(&here) == nodes(&there));
                for layout in [Layout::Layerwise, Layout::Fused] {
                    let planned = here.memory_map_at([height, width], layout).unwrap();
                    prop_assert_eq!(planned, there.memory_map(layout).unwrap());
                }
            }
        }
    }

    fn tensor<'m>(map: &'m MemoryMap, name: &str) -> &'m octet_runtime::PlacedTensor {
        map.stages.iter().flat_map(|s| &s.tensors).find(|t| t.name == name).unwrap()
    }

    #[test]
    fn a_map_tells_who_lies_in_whose_place() {
        let block = Block { residual: false, projected: 12, ..plain() };
        let map = simulator(block.build().unwrap().0).memory_map(Layout::Layerwise).unwrap();
        assert_eq!(map.stages.iter().map(|s| s.numbers).collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(|n| [n, n]));
        assert_eq!((tensor(&map, "x").node, tensor(&map, "depthwise").node), (None, Some(2)));
        assert_eq!(tensor(&map, "depthwise").runs_into.as_deref(), Some("expand"));
        let (depthwise, expand) = (tensor(&map, "depthwise"), tensor(&map, "expand"));
        assert!(depthwise.place.end > expand.place.start && depthwise.place.start < expand.place.start);
        let map = simulator(plain().build().unwrap().0).memory_map(Layout::Layerwise).unwrap();
        let sum = tensor(&map, "sum");
        assert_eq!((sum.in_place_of.as_deref(), &sum.place), (Some("before"), &tensor(&map, "before").place));
        assert_eq!((tensor(&map, "before").in_place_of.as_deref(), sum.streamed), (None, false));
        let map = simulator(plain().build().unwrap().0).memory_map(Layout::Fused).unwrap();
        assert_eq!(map.stages.iter().map(|s| s.numbers).collect::<Vec<_>>(), [[0, 0], [1, 4], [5, 5]]);
        assert!(tensor(&map, "expand").streamed && tensor(&map, "expand").in_place_of.is_none());
    }

    #[test]
    fn operations_that_fit_one_size_alone_refuse_another() {
        let mut net = Net::default();
        net.input("x", DType::I8, &[1, 4, 4, 3], -4);
        let dims = [1i64, 48];
        net.constant("shape", DType::I64, &[2], &[], "layout ==> UNK", &dims);
        net.node("Reshape", &["x", "shape"], "y", &[]);
        net.output("y", DType::I8, &[1, 48], -4);
        let simulator = simulator(net.build());
        assert!(simulator.memory_map_at([4, 4], Layout::Fused).is_ok());
        assert!(simulator.memory_map_at([8, 8], Layout::Fused).unwrap_err().to_string().contains("y"));
        assert!(simulator.memory_map_at([0, 8], Layout::Fused).is_err());
    }

    #[test]
    fn espressifs_network_fits_smaller_memories_at_smaller_sizes() {
        let Some(shared) = shared() else { return };
        let file = std::fs::read(shared.join("models/espressif/imagenet_mobilenetv2_esp32p4.espdl")).unwrap();
        let simulator = Simulator::new(file.into(), None).unwrap();
        let bytes = |layout| simulator.memory_map(layout).unwrap().arena_bytes;
        assert_eq!((bytes(Layout::Fused), bytes(Layout::Within(416 << 10))), (248_233, 416_631));
        for layout in [Layout::Layerwise, Layout::Fused, Layout::Within(416 << 10)] {
            assert_eq!(simulator.memory_map_at([224, 224], layout), simulator.memory_map(layout));
        }
        let sizes = [32, 64, 96, 128, 160, 192, 224, 256];
        let least = sizes.map(|s| simulator.memory_map_at([s, s], Layout::Fused).unwrap().arena_bytes);
        assert!(least.is_sorted(), "{least:?}");
    }
}
