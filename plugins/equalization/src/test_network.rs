//! Small networks for tests, and what they compute.

use crate::graph::{Constants, Graph, Kind, Layer, Node, Tensor, TensorId, values};

/// Height and width of every activation in front of the pool.
pub(crate) const EXTENT: usize = 3;

/// A network under construction; tensor 0 is the picture.
pub(crate) struct Build {
    graph: Graph,
    constants: Constants,
    state: u64,
}

impl Build {
    /// `channels` of the picture; weights follow from `seed`.
    pub(crate) fn new(seed: u64, channels: usize) -> Build {
        let picture = Tensor {
            name: "picture".to_owned(),
            shape: vec![1, channels, EXTENT, EXTENT],
            ..Tensor::default()
        };
        let graph = Graph { tensors: vec![picture], ..Graph::default() };
        Build { graph, constants: Constants::new(), state: seed }
    }

    /// A number in -1..1 (SplitMix64).
    pub(crate) fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// A picture for [`run`].
    pub(crate) fn picture(&mut self) -> Vec<f32> {
        let len = self.graph.tensors[0].shape.iter().product();
        (0..len).map(|_| 2.0 * self.random()).collect()
    }

    fn constant(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) -> TensorId {
        self.graph.tensors.push(Tensor { name, shape, ..Tensor::default() });
        self.constants.insert(self.graph.tensors.len() - 1, values);
        self.graph.tensors.len() - 1
    }

    fn node(&mut self, name: &str, op: &str, kind: Kind, inputs: &[TensorId], shape: Vec<usize>) -> TensorId {
        let (id, output) = (self.graph.nodes.len(), self.graph.tensors.len());
        for &input in inputs {
            self.graph.tensors[input].consumers.push(id);
        }
        let name = name.to_owned();
        let producer = Some(id);
        self.graph.tensors.push(Tensor { name: name.clone(), shape, producer, consumers: Vec::new() });
        let (op, inputs) = (op.to_owned(), inputs.to_vec());
        self.graph.nodes.push(Node { name, absorbed: Vec::new(), op, kind, inputs, output });
        output
    }

    fn shape(&self, tensor: TensorId) -> Vec<usize> {
        self.graph.tensors[tensor].shape.clone()
    }

    /// A convolution that keeps height and width. Channels differ in their reach by up to a factor 100.
    pub(crate) fn conv(
        &mut self,
        name: &str,
        input: TensorId,
        outputs: usize,
        kernel: usize,
        depthwise: bool,
    ) -> TensorId {
        let inputs = self.shape(input)[1];
        let groups = if depthwise { inputs } else { 1 };
        let area = kernel * kernel;
        let row = inputs / groups * area;
        let mut weights = Vec::new();
        for _ in 0..outputs {
            let reach = 10f32.powf(self.random());
            weights.extend((0..row).map(|_| reach * self.random() / (row as f32).sqrt()).collect::<Vec<_>>());
        }
        let bias = (0..outputs).map(|_| 0.5 * self.random()).collect();
        let shape = vec![outputs, inputs / groups, kernel, kernel];
        let weights = self.constant(format!("{name}.w"), shape, weights);
        let bias = Some(self.constant(format!("{name}.b"), vec![outputs], bias));
        let padded = kernel > 1;
        let layer = Layer { weights, bias, outputs, inputs, groups, area, inputs_first: false, padded };
        self.node(name, "Conv", Kind::Layer(layer), &[input], vec![1, outputs, EXTENT, EXTENT])
    }

    pub(crate) fn relu(&mut self, name: &str, input: TensorId) -> TensorId {
        let shape = self.shape(input);
        self.node(name, "Relu", Kind::Channelwise, &[input], shape)
    }

    /// A ReLU6 with bounds of its own.
    pub(crate) fn relu6(&mut self, name: &str, input: TensorId) -> TensorId {
        let lower = self.constant(format!("{name}.low"), Vec::new(), vec![0.0]);
        let upper = self.constant(format!("{name}.high"), Vec::new(), vec![6.0]);
        let shape = self.shape(input);
        self.node(name, "Clip", Kind::Clip { lower, upper, shared: false }, &[input], shape)
    }

    pub(crate) fn add(&mut self, name: &str, a: TensorId, b: TensorId) -> TensorId {
        let shape = self.shape(a);
        self.node(name, "Add", Kind::Add, &[a, b], shape)
    }

    /// The mean over height and width.
    pub(crate) fn pool(&mut self, name: &str, input: TensorId) -> TensorId {
        let channels = self.shape(input)[1];
        self.node(name, "GlobalAveragePool", Kind::Channelwise, &[input], vec![1, channels, 1, 1])
    }

    pub(crate) fn flatten(&mut self, name: &str, input: TensorId) -> TensorId {
        let len = self.shape(input).iter().product();
        self.node(name, "Flatten", Kind::Rearranging, &[input], vec![1, len])
    }

    /// A fully connected layer with `[in, out]` weights.
    pub(crate) fn gemm(&mut self, name: &str, input: TensorId, outputs: usize) -> TensorId {
        let inputs = self.shape(input)[1];
        let weights = (0..inputs * outputs).map(|_| self.random()).collect();
        let weights = self.constant(format!("{name}.w"), vec![inputs, outputs], weights);
        let bias = (0..outputs).map(|_| self.random()).collect();
        let bias = Some(self.constant(format!("{name}.b"), vec![outputs], bias));
        let layer =
            Layer { weights, bias, outputs, inputs, groups: 1, area: 1, inputs_first: true, padded: false };
        self.node(name, "Gemm", Kind::Layer(layer), &[input], vec![1, outputs])
    }

    /// Replaces a constant by its name.
    pub(crate) fn set(&mut self, name: &str, values: &[f32]) {
        let tensor = self.graph.tensors.iter().position(|t| t.name == name).unwrap();
        self.constants.insert(tensor, values.to_vec());
    }

    /// The last node's output is the network's.
    pub(crate) fn finish(mut self) -> (Graph, Constants) {
        self.graph.output = self.graph.nodes.last().unwrap().output;
        (self.graph, self.constants)
    }
}

/// A constant by its name.
pub(crate) fn constant<'a>(graph: &Graph, constants: &'a Constants, name: &str) -> &'a [f32] {
    values(constants, graph.tensors.iter().position(|t| t.name == name).unwrap())
}

/// MobileNetV2 in small, and a picture: a stem, inverted residual blocks of these widths (factor 2, a shortcut where the
/// width stays), a pool and a fully connected layer.
pub(crate) fn mobilenet(seed: u64, widths: &[usize], relu6: bool) -> (Graph, Constants, Vec<f32>) {
    let mut b = Build::new(seed, 3);
    let picture = b.picture();
    let activation =
        |b: &mut Build, name: String, x| if relu6 { b.relu6(&name, x) } else { b.relu(&name, x) };
    let x = b.conv("stem", 0, widths[0], 3, false);
    let mut x = activation(&mut b, "stem.act".to_owned(), x);
    let mut before = 0;
    for (i, &width) in widths.iter().enumerate() {
        let inside = 2 * b.shape(x)[1];
        let y = b.conv(&format!("{i}.expand"), x, inside, 1, false);
        let y = activation(&mut b, format!("{i}.expand.act"), y);
        let y = b.conv(&format!("{i}.depthwise"), y, inside, 3, true);
        let y = activation(&mut b, format!("{i}.depthwise.act"), y);
        let y = b.conv(&format!("{i}.project"), y, width, 1, false);
        x = if before == width { b.add(&format!("{i}.add"), x, y) } else { y };
        before = width;
    }
    let x = b.conv("last", x, 8, 1, false);
    let x = activation(&mut b, "last.act".to_owned(), x);
    let x = b.pool("pool", x);
    let x = b.flatten("flatten", x);
    b.gemm("classes", x, 5);
    let (graph, constants) = b.finish();
    (graph, constants, picture)
}

/// Every activation of the network, in f64 inside operations.
pub(crate) fn run(graph: &Graph, constants: &Constants, picture: &[f32]) -> Vec<Vec<f32>> {
    let mut known: Vec<Vec<f32>> = vec![Vec::new(); graph.tensors.len()];
    known[graph.input] = picture.to_vec();
    for node in &graph.nodes {
        let x = &known[node.inputs[0]];
        let result = match (node.op.as_str(), &node.kind) {
            ("Conv", Kind::Layer(layer)) => convolve(layer, constants, x),
            ("Gemm", Kind::Layer(layer)) => {
                let mut y: Vec<f64> = bias(layer, constants);
                layer.each_weight(|i, output, input| {
                    y[output] += f64::from(values(constants, layer.weights)[i]) * f64::from(x[input]);
                });
                y.into_iter().map(|y| y as f32).collect()
            }
            ("Clip", Kind::Clip { lower, upper, .. }) => {
                let (lower, upper) = (values(constants, *lower)[0], values(constants, *upper)[0]);
                x.iter().map(|x| x.clamp(lower, upper)).collect()
            }
            ("Relu", _) | ("Clip", Kind::Channelwise) => x.iter().map(|x| x.max(0.0)).collect(),
            ("Add", _) => x.iter().zip(&known[node.inputs[1]]).map(|(a, b)| a + b).collect(),
            ("GlobalAveragePool", _) => x
                .chunks(EXTENT * EXTENT)
                .map(|plane| plane.iter().sum::<f32>() / plane.len() as f32)
                .collect(),
            _ => x.clone(),
        };
        known[node.output] = result;
    }
    known
}

fn bias(layer: &Layer, constants: &Constants) -> Vec<f64> {
    layer
        .bias
        .map_or(vec![0.0; layer.outputs], |b| values(constants, b).iter().map(|&b| f64::from(b)).collect())
}

fn convolve(layer: &Layer, constants: &Constants, x: &[f32]) -> Vec<f32> {
    let kernel = if layer.area == 9 { 3 } else { 1 };
    let pad = kernel / 2;
    let mut y: Vec<f64> = bias(layer, constants).into_iter().flat_map(|b| vec![b; EXTENT * EXTENT]).collect();
    layer.each_weight(|i, output, input| {
        let w = f64::from(values(constants, layer.weights)[i]);
        let (ky, kx) = (i % layer.area / kernel, i % layer.area % kernel);
        for row in 0..EXTENT {
            for column in 0..EXTENT {
                let (r, c) = ((row + ky).wrapping_sub(pad), (column + kx).wrapping_sub(pad));
                if r < EXTENT && c < EXTENT {
                    let seen = f64::from(x[(input * EXTENT + r) * EXTENT + c]);
                    y[(output * EXTENT + row) * EXTENT + column] += w * seen;
                }
            }
        }
    });
    y.into_iter().map(|y| y as f32).collect()
}

/// Largest difference of two networks' scores, as a fraction of the largest score.
pub(crate) fn distance(before: &[f32], after: &[f32]) -> f32 {
    let largest = before.iter().fold(0.0f32, |max, x| max.max(x.abs())).max(f32::MIN_POSITIVE);
    before.iter().zip(after).fold(0.0f32, |max, (b, a)| max.max((b - a).abs())) / largest
}
