//! A small network for tests: Conv, Clip, two Convs whose results are added, GlobalAveragePool, Flatten, Gemm.

use std::collections::BTreeMap;

use octet_plugin_api::sdk::{Network, Node, Role, Rounding, Slot, Target, Tensor, TensorId};

use crate::model::{Attributes, DecidedSlot, Model};

struct Builder {
    nodes: Vec<Node>,
    attributes: Vec<Attributes>,
    tensors: Vec<Tensor>,
    constants: BTreeMap<TensorId, Vec<f32>>,
}

impl Builder {
    fn tensor(&mut self, name: &str, shape: &[usize], producer: Option<u64>) -> TensorId {
        let id = self.tensors.len() as u64;
        self.tensors.push(Tensor {
            id,
            name: name.to_owned(),
            shape: shape.to_vec(),
            producer,
            consumers: Vec::new(),
            constant: false,
            changed: false,
            corrected: false,
        });
        id
    }

    fn constant(&mut self, name: &str, shape: &[usize], first: f32) -> TensorId {
        let id = self.tensor(name, shape, None);
        self.tensors[id as usize].constant = true;
        let len: usize = shape.iter().product();
        self.constants.insert(id, (0..len).map(|i| first + i as f32 / 16.0).collect());
        id
    }

    fn node(
        &mut self,
        op: &str,
        inputs: &[TensorId],
        shape: &[usize],
        ints: &[(&'static str, &[i64])],
    ) -> TensorId {
        let id = self.nodes.len() as u64;
        let output = self.tensor(&format!("t{id}"), shape, Some(id));
        for &input in inputs {
            self.tensors[input as usize].consumers.push(id);
        }
        self.nodes.push(Node {
            id,
            name: format!("{op}{id}"),
            op: op.to_owned(),
            inputs: inputs.to_vec(),
            outputs: vec![output],
            absorbed: Vec::new(),
            macs: 0,
            bits: 8,
            computing: matches!(op, "Conv" | "Gemm"),
            passive: op == "Flatten",
            depthwise: false,
            relu_for_clip: false,
        });
        let ints = ints.iter().map(|&(name, values)| (name, values.to_vec())).collect();
        self.attributes.push(Attributes { ints, floats: BTreeMap::new() });
        output
    }
}

const POINTWISE: [(&str, &[i64]); 5] = [
    ("kernel_shape", &[1, 1]),
    ("strides", &[1, 1]),
    ("dilations", &[1, 1]),
    ("pads", &[0, 0, 0, 0]),
    ("group", &[1]),
];

/// One exponent per output channel of Conv and Gemm weights (-7), -4 for activations.
pub(crate) fn model() -> Model {
    let mut b = Builder {
        nodes: Vec::new(),
        attributes: Vec::new(),
        tensors: Vec::new(),
        constants: BTreeMap::new(),
    };
    let input = b.tensor("picture", &[1, 2, 4, 4], None);
    let (w0, b0) = (b.constant("w0", &[3, 2, 1, 1], -0.5), b.constant("b0", &[3], 0.25));
    let conv = b.node("Conv", &[input, w0, b0], &[1, 3, 4, 4], &POINTWISE);
    let (low, high) = (b.constant("low", &[], 0.0), b.constant("high", &[], 6.0));
    let clip = b.node("Clip", &[conv, low, high], &[1, 3, 4, 4], &[]);
    let (w2, w3) = (b.constant("w2", &[3, 3, 1, 1], 0.5), b.constant("w3", &[3, 3, 1, 1], -0.75));
    let left = b.node("Conv", &[clip, w2], &[1, 3, 4, 4], &POINTWISE);
    let right = b.node("Conv", &[clip, w3], &[1, 3, 4, 4], &POINTWISE);
    let sum = b.node("Add", &[left, right], &[1, 3, 4, 4], &[]);
    let mean = b.node("GlobalAveragePool", &[sum], &[1, 3, 1, 1], &[]);
    let flat = b.node("Flatten", &[mean], &[1, 3], &[("axis", &[1])]);
    let (w7, b7) = (b.constant("w7", &[2, 3], 0.125), b.constant("b7", &[2], -0.125));
    let output = b.node("Gemm", &[flat, w7, b7], &[1, 2], &[("transB", &[1])]);

    let weights =
        [(w0, 3, 0), (w2, 3, 2), (w3, 3, 3), (w7, 2, 7)].map(|(tensor, channels, node)| DecidedSlot {
            slot: Slot { tensor, bits: 8, role: Role::Weights { channels, axis: 0 }, node: Some(node) },
            exponents: vec![-7; channels],
        });
    let activations = [input, clip, left, right, sum, mean, output].map(|tensor| DecidedSlot {
        slot: Slot { tensor, bits: 8, role: Role::Activation, node: None },
        exponents: vec![-4],
    });
    Model {
        network: Network {
            name: "small".to_owned(),
            nodes: b.nodes.len() as u64,
            tensors: b.tensors.len() as u64,
            input,
            output,
        },
        target: Target {
            name: "esp32p4".to_owned(),
            rounding: Rounding::HalfEven,
            per_channel: true,
            bias_bits_int8: 32,
            bias_bits_int16: 40,
            accumulator_bits_int8: 32,
            blocked_layout: true,
        },
        nodes: b.nodes,
        attributes: b.attributes,
        tensors: b.tensors,
        constants: b.constants,
        slots: weights.into_iter().chain(activations).collect(),
    }
}
