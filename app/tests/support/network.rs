//! MobileNetV2 (Sandler et al. 2018, table 2) as a network without weights' values; names tell nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use octet_engine::network::{Conv, Gemm, InputLayout, Network, Node, Op, Padding, Tensor, TensorId, Window};

/// Expansion, output channels, repetitions, first stride.
const BLOCKS: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Builds networks without weights' values.
struct Builder {
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
}

impl Builder {
    fn tensor(&mut self, shape: Vec<usize>, data: Option<f32>) -> TensorId {
        let id = TensorId(self.tensors.len());
        let data = data.map(|v| Arc::from(vec![v; shape.iter().product()]));
        self.tensors.push(Tensor { name: format!("t{}", id.0), shape, data });
        id
    }

    fn node(&mut self, op: Op, inputs: Vec<TensorId>, shape: Vec<usize>) -> TensorId {
        let output = self.tensor(shape, None);
        let name = format!("n{}", self.nodes.len());
        self.nodes.push(Node { name, op, inputs, outputs: vec![output], absorbed: Vec::new() });
        output
    }

    fn shape(&self, tensor: TensorId) -> Vec<usize> {
        self.tensors[tensor.0].shape.clone()
    }

    fn conv(
        &mut self,
        x: TensorId,
        channels: usize,
        kernel: usize,
        stride: usize,
        depthwise: bool,
    ) -> TensorId {
        let s = self.shape(x);
        let group = if depthwise { s[1] } else { 1 };
        let weights = self.tensor(vec![channels, s[1] / group, kernel, kernel], Some(0.0));
        let bias = self.tensor(vec![channels], Some(0.0));
        let p = kernel / 2;
        let window = Window {
            kernel: [kernel; 2],
            strides: [stride; 2],
            dilations: [1; 2],
            pads: Padding { top: p, left: p, bottom: p, right: p },
        };
        let shape = vec![1, channels, s[2].div_ceil(stride), s[3].div_ceil(stride)];
        self.node(Op::Conv(Conv { window, group }), vec![x, weights, bias], shape)
    }

    fn network(self, name: &str, input: TensorId, output: TensorId) -> Network {
        Network {
            name: name.to_owned(),
            nodes: self.nodes,
            tensors: self.tensors,
            input,
            output,
            input_layout: InputLayout::Nchw,
            metadata: BTreeMap::new(),
            opset: 18,
            ir_version: 8,
        }
    }

    fn clip(&mut self, x: TensorId) -> TensorId {
        let low = self.tensor(vec![], Some(0.0));
        let high = self.tensor(vec![], Some(6.0));
        let shape = self.shape(x);
        self.node(Op::Clip, vec![x, low, high], shape)
    }
}

/// The network for square pictures of `size` pixels: 17 blocks, 100 operations.
pub fn mobilenet_v2(size: usize) -> Network {
    let mut b = Builder { nodes: Vec::new(), tensors: Vec::new() };
    let input = b.tensor(vec![1, 3, size, size], None);
    let mut x = b.conv(input, 32, 3, 2, false);
    x = b.clip(x);
    for (expansion, channels, repetitions, first_stride) in BLOCKS {
        for i in 0..repetitions {
            let entry = x;
            let hidden = b.shape(x)[1] * expansion;
            if expansion > 1 {
                x = b.conv(x, hidden, 1, 1, false);
                x = b.clip(x);
            }
            x = b.conv(x, hidden, 3, if i == 0 { first_stride } else { 1 }, true);
            x = b.clip(x);
            x = b.conv(x, channels, 1, 1, false);
            if i > 0 {
                let shape = b.shape(x);
                x = b.node(Op::Add, vec![entry, x], shape);
            }
        }
    }
    x = b.conv(x, 1280, 1, 1, false);
    x = b.clip(x);
    x = b.node(Op::GlobalAveragePool, vec![x], vec![1, 1280, 1, 1]);
    x = b.node(Op::Flatten { axis: 1 }, vec![x], vec![1, 1280]);
    let weights = b.tensor(vec![1000, 1280], Some(0.0));
    let bias = b.tensor(vec![1000], Some(0.0));
    let output = b.node(Op::Gemm(Gemm { trans_b: true }), vec![x, weights, bias], vec![1, 1000]);
    b.network("mobilenet_v2", input, output)
}

/// At least `operations` operations in which paths part and meet: of every four steps one branches into three paths
/// of different lengths, which a sum or a concatenation joins, and one is skipped by a line over many steps.
pub fn branched(operations: usize) -> Network {
    let mut b = Builder { nodes: Vec::new(), tensors: Vec::new() };
    let input = b.tensor(vec![1, 3, 64, 64], None);
    let mut x = b.conv(input, 16, 3, 1, false);
    let mut far = x;
    let mut step = 0;
    while b.nodes.len() < operations {
        let shape = b.shape(x);
        x = match step % 4 {
            0 => {
                let short = b.conv(x, 16, 1, 1, false);
                let middle = b.conv(x, 16, 3, 1, false);
                let long = b.conv(x, 16, 5, 1, false);
                let long = b.node(Op::Relu, vec![long], shape.clone());
                let long = b.conv(long, 16, 3, 1, false);
                let long = b.node(Op::Relu, vec![long], shape.clone());
                let long = b.conv(long, 16, 3, 1, false);
                let sum = b.node(Op::Add, vec![short, middle], shape.clone());
                b.node(Op::Add, vec![sum, long], shape)
            }
            1 => {
                let joined = b.node(Op::Add, vec![x, far], shape);
                far = joined;
                joined
            }
            2 => {
                let relu = b.node(Op::Relu, vec![x], shape);
                b.conv(relu, 16, 3, 1, true)
            }
            _ => b.conv(x, 16, 1, 1, false),
        };
        step += 1;
    }
    let x = b.node(Op::GlobalAveragePool, vec![x], vec![1, 16, 1, 1]);
    let output = b.node(Op::Flatten { axis: 1 }, vec![x], vec![1, 16]);
    b.network("branched", input, output)
}

/// Two convolutions of which the second has a name in several scripts, with characters that file formats dislike.
pub fn unicode() -> Network {
    let mut b = Builder { nodes: Vec::new(), tensors: Vec::new() };
    let input = b.tensor(vec![1, 3, 8, 8], None);
    let x = b.conv(input, 4, 3, 1, false);
    b.nodes[0].name = "卷积/größe".to_owned();
    let output = b.conv(x, 4, 1, 1, false);
    b.nodes[1].name = "сеть <&\"'\u{202e}🦀> ".repeat(12);
    b.network("unicode", input, output)
}

/// One operation that does nothing.
pub fn single() -> Network {
    let mut b = Builder { nodes: Vec::new(), tensors: Vec::new() };
    let input = b.tensor(vec![1, 3], None);
    let output = b.node(Op::Flatten { axis: 1 }, vec![input], vec![1, 3]);
    b.network("single", input, output)
}
