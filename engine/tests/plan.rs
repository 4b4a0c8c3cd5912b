//! Slots, completion, rules and repairs on a network small enough to follow by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use octet_engine::draft::{Bits, Draft, SlotRole};
use octet_engine::lower::{LowerOptions, lower};
use octet_engine::network::{
    Conv, InputLayout, Network, Node, NodeId, Op, Padding, Tensor, TensorId, Window,
};
use octet_engine::plan::{PlanError, Rule, check, complete, slots};
use octet_engine::session::plan_draft;
use octet_engine::target::TargetSpec;
use octet_runtime::{Data, Simulator};

/// input -> expand (1x1) -> Clip -> project (1x1) -> Add <- input
struct Block {
    network: Network,
    expand: NodeId,
    clip: NodeId,
    project: NodeId,
    add: NodeId,
}

const CHANNELS: usize = 4;

fn block() -> Block {
    let mut tensors = Vec::new();
    let mut tensor = |name: &str, shape: &[usize], data: Option<Vec<f32>>| {
        tensors.push(Tensor { name: name.to_owned(), shape: shape.to_vec(), data: data.map(Into::into) });
        TensorId(tensors.len() - 1)
    };
    let map = [1, CHANNELS, 2, 2];
    let input = tensor("input", &map, None);
    let weights =
        |i: usize| (0..CHANNELS * CHANNELS).map(|k| ((k * 7 + i) % 11) as f32 * 0.1 - 0.5).collect();
    let w1 = tensor("expand.weight", &[CHANNELS, CHANNELS, 1, 1], Some(weights(1)));
    let b1 = tensor("expand.bias", &[CHANNELS], Some(vec![0.25, -0.5, 0.0, 1.0]));
    let expanded = tensor("expanded", &map, None);
    let low = tensor("low", &[], Some(vec![0.0]));
    let high = tensor("high", &[], Some(vec![6.0]));
    let clipped = tensor("clipped", &map, None);
    let w2 = tensor("project.weight", &[CHANNELS, CHANNELS, 1, 1], Some(weights(5)));
    let b2 = tensor("project.bias", &[CHANNELS], Some(vec![0.0; CHANNELS]));
    let projected = tensor("projected", &map, None);
    let output = tensor("output", &map, None);
    let window = Window { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: Padding::default() };
    let conv = Op::Conv(Conv { window, group: 1 });
    let node = |name: &str, op: Op, inputs: &[TensorId], output: TensorId| Node {
        name: name.to_owned(),
        op,
        inputs: inputs.to_vec(),
        outputs: vec![output],
        absorbed: Vec::new(),
    };
    let nodes = vec![
        node("expand", conv.clone(), &[input, w1, b1], expanded),
        node("clip", Op::Clip, &[expanded, low, high], clipped),
        node("project", conv, &[clipped, w2, b2], projected),
        node("add", Op::Add, &[input, projected], output),
    ];
    let network = Network {
        name: "block".to_owned(),
        nodes,
        tensors,
        input,
        output,
        input_layout: InputLayout::Nchw,
        metadata: BTreeMap::new(),
        opset: 17,
        ir_version: 8,
    };
    Block { network, expand: NodeId(0), clip: NodeId(1), project: NodeId(2), add: NodeId(3) }
}

fn target(name: &str) -> &'static TargetSpec {
    TargetSpec::by_name(name).unwrap()
}

/// A draft in which every slot has these exponents.
fn draft(network: &Network, target: &TargetSpec, weights: i32, activations: &[(&str, i32)]) -> Draft {
    let mut draft = Draft::default();
    for slot in slots(network, &draft.clone(), target) {
        match slot.role {
            SlotRole::Weights { channels, .. } => {
                draft.weight_exponents.insert(slot.tensor, vec![weights; channels]);
            }
            SlotRole::Activation => {
                let name = network.tensor(slot.tensor).name.as_str();
                let exponent = activations.iter().find(|a| a.0 == name).unwrap_or_else(|| panic!("{name}")).1;
                draft.activation_exponents.insert((slot.tensor, slot.bits), exponent);
            }
        }
    }
    draft
}

const PLAIN: [(&str, i32); 4] = [("input", -5), ("clipped", -4), ("projected", -6), ("output", -4)];

#[test]
fn slots_are_weights_and_then_what_operations_leave_after_their_activation() {
    let block = block();
    let names = |target: &TargetSpec| -> Vec<(String, usize)> {
        slots(&block.network, &Draft::default(), target)
            .iter()
            .map(|s| {
                let channels = match s.role {
                    SlotRole::Weights { channels, .. } => channels,
                    SlotRole::Activation => 0,
                };
                (block.network.tensor(s.tensor).name.clone(), channels)
            })
            .collect()
    };
    let expected = |channels: usize| {
        let list = [
            ("expand.weight", channels),
            ("project.weight", channels),
            ("input", 0),
            ("clipped", 0),
            ("projected", 0),
            ("output", 0),
        ];
        list.map(|(n, c)| (n.to_owned(), c)).to_vec()
    };
    assert_eq!(names(target("esp32p4")), expected(CHANNELS));
    assert_eq!(names(target("esp32s3")), expected(1));
}

#[test]
fn an_add_decides_for_whoever_feeds_it_alone_and_requantizes_the_rest() {
    let block = block();
    let target = target("esp32p4");
    let plan = complete(&block.network, &draft(&block.network, target, -7, &PLAIN), target).unwrap();
    let add = plan.node(block.add);
    assert_eq!(add.operands[0].stored.exponent, -5, "the input has another reader and keeps its exponent");
    assert_eq!(add.operands[0].read.exponent, -4);
    assert_eq!(add.operands[1].stored.exponent, -4, "the projection feeds the Add alone");
    assert_eq!(plan.node(block.expand).output, plan.node(block.clip).output, "computed together");
    let bias = plan.node(block.project).bias.as_ref().unwrap();
    assert_eq!(bias.exponents, [-11; CHANNELS], "input exponent + weight exponent");
}

#[test]
fn an_operation_at_sixteen_bits_wants_its_input_at_sixteen_bits() {
    let block = block();
    let target = target("esp32p4");
    let wide = Draft { bits: BTreeMap::from([(block.project, Bits::Int16)]), ..Draft::default() };
    let found: Vec<(&str, Bits)> = slots(&block.network, &wide, target)
        .iter()
        .filter(|s| s.role == SlotRole::Activation)
        .map(|s| (block.network.tensor(s.tensor).name.as_str(), s.bits))
        .collect();
    assert!(
        found.contains(&("clipped", Bits::Int8)) && found.contains(&("clipped", Bits::Int16)),
        "{found:?}"
    );
}

#[test]
fn an_open_slot_is_an_error_that_names_tensor_and_node() {
    let block = block();
    let target = target("esp32p4");
    let mut draft = draft(&block.network, target, -7, &PLAIN);
    draft.activation_exponents.retain(|(t, _), _| block.network.tensor(*t).name != "clipped");
    let error = complete(&block.network, &draft, target).unwrap_err();
    assert!(matches!(&error, PlanError::MissingExponent { tensor, .. } if tensor == "clipped"), "{error}");
}

#[test]
fn one_exponent_per_channel_is_an_error_where_the_chip_takes_one_per_tensor() {
    let block = block();
    let draft = draft(&block.network, target("esp32p4"), -7, &PLAIN);
    let error = complete(&block.network, &draft, target("esp32s3")).unwrap_err();
    assert!(matches!(error, PlanError::ExponentCount { expected: 1, found: 4, .. }), "{error}");
}

#[test]
fn a_left_shift_is_found_in_every_channel_and_repaired() {
    let block = block();
    let target = target("esp32p4");
    let mut draft = draft(&block.network, target, -7, &PLAIN);
    let weights = block.network.node(block.project).inputs[1];
    draft.weight_exponents.get_mut(&weights).unwrap()[2] = 1;
    let plan = complete(&block.network, &draft, target).unwrap();
    let findings = check(&block.network, &draft, &plan);
    let shift = findings.iter().find(|f| f.rule == Rule::RightShift).unwrap();
    assert!(shift.fatal && shift.channels == [2] && shift.message.contains("`project`"), "{shift:?}");
    let (repaired, _) = plan_draft(&block.network, &mut draft, target, true).unwrap();
    assert!(check(&block.network, &draft, &repaired).iter().all(|f| !f.fatal));
    assert_eq!(
        repaired.node(block.add).output.unwrap().exponent,
        -3,
        "the Add's exponent was raised: -4 + 1"
    );
}

#[test]
fn a_left_shift_is_repaired_where_the_exponent_really_comes_from() {
    // input -> expand -> Clip -> project -> Add -> Add: the projection takes the exponent of the last one.
    let mut block = block();
    let network = &mut block.network;
    let (shape, sum) = (network.tensor(network.output).shape.clone(), network.output);
    network.tensors.push(Tensor { name: "twice".to_owned(), shape, data: None });
    network.output = TensorId(network.tensors.len() - 1);
    network.nodes.push(Node {
        name: "add again".to_owned(),
        op: Op::Add,
        inputs: vec![network.input, sum],
        outputs: vec![network.output],
        absorbed: Vec::new(),
    });
    let target = target("esp32p4");
    let exponents: Vec<(&str, i32)> = PLAIN.into_iter().chain([("twice", -4)]).collect();
    let mut draft = draft(&block.network, target, -7, &exponents);
    let weights = block.network.node(block.project).inputs[1];
    draft.weight_exponents.get_mut(&weights).unwrap()[2] = 1;
    let (repaired, _) = plan_draft(&block.network, &mut draft, target, true).unwrap();
    assert!(check(&block.network, &draft, &repaired).iter().all(|f| !f.fatal));
    assert_eq!(repaired.node(block.project).output.unwrap().exponent, -3);
}

#[test]
fn a_bias_that_does_not_fit_is_found_and_repaired() {
    let block = block();
    let target = target("esp32s3");
    let mut draft = draft(&block.network, target, -20, &PLAIN);
    let plan = complete(&block.network, &draft, target).unwrap();
    let findings = check(&block.network, &draft, &plan);
    let bias = findings.iter().find(|f| f.rule == Rule::BiasRange).unwrap();
    assert!(!bias.fatal && bias.node == "expand" && bias.channels.contains(&3), "{bias:?}");
    let (repaired, _) = plan_draft(&block.network, &mut draft, target, true).unwrap();
    assert!(check(&block.network, &draft, &repaired).is_empty());
}

#[test]
fn one_saturating_bias_does_not_cost_the_weights_that_share_its_exponent() {
    let mut block = block();
    let bias = block.network.node(block.expand).inputs[2];
    block.network.tensors[bias.0].data = Some(vec![0.25, -0.5, 0.0, 1000.0].into());
    let target = target("esp32s3");
    let weights = block.network.node(block.expand).inputs[1];
    let mut draft = draft(&block.network, target, -8, &PLAIN);
    let (_, findings) = plan_draft(&block.network, &mut draft, target, true).unwrap();
    let found = findings.iter().find(|f| f.rule == Rule::BiasRange).unwrap();
    assert!(!found.fatal && found.channels == [3] && found.message.contains("16 bits"), "{found:?}");
    assert_eq!(draft.weight_exponents[&weights], [-8]);
}

#[test]
fn the_exported_file_computes_what_the_contract_says() {
    let block = block();
    for name in ["esp32p4", "esp32s3", "esp32c3"] {
        let target = target(name);
        let draft = draft(&block.network, target, -7, &PLAIN);
        let plan = complete(&block.network, &draft, target).unwrap();
        let mut outputs = Vec::new();
        for keep_clip in [false, true] {
            let file = lower(&block.network, &draft, &plan, LowerOptions { keep_clip }).unwrap();
            let bytes = octet_engine::espdl::write(&file).unwrap();
            let again = octet_engine::espdl::write(&file).unwrap();
            assert!(bytes == again, "the same file gives the same bytes");
            let simulator = Simulator::new(bytes.into(), None).unwrap();
            assert_eq!(simulator.target().as_str(), name, "the file names its target");
            let input: Vec<i8> = (0..16).map(|i| (i * 15 - 120) as i8).collect();
            let mut scratch = simulator.scratch();
            let answer = simulator.run(&mut scratch, Data::I8(&input), None).unwrap();
            let Data::I8(answer) = answer.data else { panic!("int8 expected") };
            outputs.push(answer.to_vec());
            let expected: Vec<i8> = by_hand(&block.network, &input, target);
            assert_eq!(answer, &expected[..], "{name}, keep_clip {keep_clip}");
        }
        assert_eq!(outputs[0], outputs[1], "{name}: a Clip that is a ReLU may be fused");
    }
}

#[test]
fn a_clip_of_sixteen_bits_between_operations_of_eight_loses_nothing() {
    let block = block();
    for name in ["esp32p4", "esp32s3", "esp32c3"] {
        let target = target(name);
        let mut wide = Draft { bits: BTreeMap::from([(block.clip, Bits::Int16)]), ..Draft::default() };
        for slot in slots(&block.network, &wide.clone(), target) {
            let tensor = block.network.tensor(slot.tensor).name.as_str();
            match (slot.role, slot.bits) {
                (SlotRole::Weights { channels, .. }, _) => {
                    wide.weight_exponents.insert(slot.tensor, vec![-7; channels]);
                }
                (SlotRole::Activation, Bits::Int16) => {
                    wide.activation_exponents.insert((slot.tensor, Bits::Int16), -10);
                }
                (SlotRole::Activation, Bits::Int8) => {
                    // What the Conv leaves is no longer computed together with the Clip.
                    let all = PLAIN.iter().chain(&[("expanded", -4)]);
                    let exponent =
                        all.clone().find(|a| a.0 == tensor).unwrap_or_else(|| panic!("{tensor}")).1;
                    wide.activation_exponents.insert((slot.tensor, Bits::Int8), exponent);
                }
            }
        }
        let plan = complete(&block.network, &wide, target).unwrap();
        assert_eq!(plan.node(block.expand).activation, None);
        let file = lower(&block.network, &wide, &plan, LowerOptions::default()).unwrap();
        let bytes = octet_engine::espdl::write(&file).unwrap();
        let simulator = Simulator::new(bytes.into(), None).unwrap();
        let input: Vec<i8> = (0..16).map(|i| (i * 15 - 120) as i8).collect();
        let mut scratch = simulator.scratch();
        let answer = simulator.run(&mut scratch, Data::I8(&input), None).unwrap();
        let Data::I8(answer) = answer.data else { panic!("int8 expected") };
        assert_eq!(answer, &by_hand(&block.network, &input, target)[..], "{name}");
    }
}

/// input -> Clip, for all integers of 16 bits.
fn clip_alone(low: f32, high: f32) -> Network {
    let tensor = |name: &str, shape: &[usize], data: Option<f32>| Tensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        data: data.map(|value| vec![value].into()),
    };
    let map = [1, 1, 256, 256];
    let tensors = vec![
        tensor("input", &map, None),
        tensor("low", &[], Some(low)),
        tensor("high", &[], Some(high)),
        tensor("output", &map, None),
    ];
    let node = Node {
        name: "clip".to_owned(),
        op: Op::Clip,
        inputs: [0, 1, 2].map(TensorId).to_vec(),
        outputs: vec![TensorId(3)],
        absorbed: Vec::new(),
    };
    Network {
        name: "clip".to_owned(),
        nodes: vec![node],
        tensors,
        input: TensorId(0),
        output: TensorId(3),
        input_layout: InputLayout::Nchw,
        metadata: BTreeMap::new(),
        opset: 17,
        ir_version: 8,
    }
}

#[test]
fn a_clip_of_sixteen_bits_clamps_at_its_bounds_and_not_along_the_steps_of_its_table() {
    use octet_engine::quantize::quantize;
    for name in ["esp32p4", "esp32s3", "esp32c3"] {
        for (low, high) in [(0.0, 6.0), (-1.3, 6.1), (0.0, 20.0)] {
            let (network, target) = (clip_alone(low, high), target(name));
            let mut wide = Draft { bits: BTreeMap::from([(NodeId(0), Bits::Int16)]), ..Draft::default() };
            for slot in slots(&network, &wide.clone(), target) {
                assert_eq!((slot.role, slot.bits), (SlotRole::Activation, Bits::Int16));
                wide.activation_exponents.insert((slot.tensor, slot.bits), -12);
            }
            let plan = complete(&network, &wide, target).unwrap();
            for keep_clip in [false, true] {
                let file = lower(&network, &wide, &plan, LowerOptions { keep_clip }).unwrap();
                let bytes = octet_engine::espdl::write(&file).unwrap();
                let simulator = Simulator::new(bytes.into(), None).unwrap();
                let input: Vec<i16> = (-32768..=32767).map(|q| q as i16).collect();
                let mut scratch = simulator.scratch();
                let answer = simulator.run(&mut scratch, Data::I16(&input), None).unwrap();
                let Data::I16(answer) = answer.data else { panic!("int16 expected") };
                let bound = |bound: f32| quantize(bound, -12, target.rounding, -32768, 32767) as i16;
                let expected = input.iter().map(|&q| q.clamp(bound(low), bound(high)));
                assert!(answer.iter().copied().eq(expected), "{name} {low} {high} {keep_clip}");
            }
        }
    }
}

/// The block in plain integers: exponents as in [`PLAIN`], weights at 2^-7.
fn by_hand(network: &Network, input: &[i8], target: &TargetSpec) -> Vec<i8> {
    use octet_engine::quantize::{quantize, round};
    let rescale =
        |value: i64, shift: i32| round((value as f64 / f64::from(1 << shift)) as f32, target.rounding) as i64;
    let constant = |name: &str| {
        let t = network.tensors.iter().find(|t| t.name == name).unwrap();
        t.data.clone().unwrap()
    };
    let layer = |x: &[i64], weights: &str, bias: &str, e_x: i32, e_y: i32| -> Vec<i64> {
        let (w, b) = (constant(weights), constant(bias));
        let mut y = Vec::new();
        for o in 0..CHANNELS {
            let products: i64 = (0..CHANNELS)
                .map(|i| x[i] * quantize(w[o * CHANNELS + i], -7, target.rounding, -128, 127))
                .sum();
            let bias = quantize(b[o], e_x - 7, target.rounding, -(1 << 19), (1 << 19) - 1);
            y.push(rescale(products + bias, e_y - e_x + 7).clamp(-128, 127));
        }
        y
    };
    let mut output = Vec::new();
    for pixel in input.chunks(CHANNELS) {
        let x: Vec<i64> = pixel.iter().map(|&q| i64::from(q)).collect();
        let expanded: Vec<i64> =
            layer(&x, "expand.weight", "expand.bias", -5, -4).iter().map(|&q| q.clamp(0, 96)).collect();
        let projected = layer(&expanded, "project.weight", "project.bias", -4, -4);
        for (a, b) in x.iter().zip(projected) {
            output.push((rescale(*a, 1).clamp(-128, 127) + b).clamp(-128, 127) as i8);
        }
    }
    output
}
