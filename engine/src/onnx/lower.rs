//! From the simplified graph to a [`Network`]. Everything that is not supported is collected, so that one look at
//! the message tells all that has to change in a model.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::UnsupportedNode;
use super::graph::{Attribute, GENERATED, Graph, GraphNode, unique};
use super::shapes::{Shapes, axis_of, permutation};
use super::window;
use crate::network::{Conv, Gemm, Network, Node, Op, Padding, Pool, Tensor, TensorId, Window};
use crate::passes::{clip_range, pad_value, pads_of};

/// What hinders lowering.
pub(super) enum LowerError {
    /// These nodes.
    Unsupported(Vec<UnsupportedNode>),
    /// The input's or output's shape is not that of a picture or of scores.
    NoClassifier(String),
}

/// Lowers a graph; `name` becomes the network's name.
pub(super) fn network(graph: &Graph, name: String) -> Result<Network, LowerError> {
    let mut lower = Lower {
        shapes: Shapes::of_input(graph),
        graph,
        tensors: Vec::new(),
        ids: HashMap::new(),
        nodes: Vec::new(),
        taken: HashSet::new(),
        unsupported: Vec::new(),
    };
    let input = lower.activation(&graph.input, graph.input_shape.clone());
    let mut skipped = None;
    for node in &graph.nodes {
        match lower.node(node) {
            Ok(()) => {}
            Err(Stop::Unsupported(reason)) => lower.report(node, reason),
            Err(Stop::Behind(value)) => {
                skipped.get_or_insert((node, value));
            }
        }
    }
    if let (true, Some((node, value))) = (lower.unsupported.is_empty(), skipped) {
        lower.report(node, format!("it reads `{value}`, a second result that Octet does not compute"));
    }
    let (nodes, tensors, ids, unsupported) = (lower.nodes, lower.tensors, lower.ids, lower.unsupported);
    if !unsupported.is_empty() {
        return Err(LowerError::Unsupported(unsupported));
    }
    if graph.input_shape.len() != 4 {
        return Err(LowerError::NoClassifier(format!(
            "input `{}` has {} axes; a picture has four: batch, channels, height, width",
            graph.input,
            graph.input_shape.len()
        )));
    }
    let Some(&output) = ids.get(&graph.output) else {
        return Err(LowerError::NoClassifier(format!("the output `{}` is not computed", graph.output)));
    };
    let shape = &tensors.get(output.0).map(|t: &Tensor| t.shape.clone()).unwrap_or_default();
    let long = shape.iter().filter(|&&d| d > 1).count();
    if long > 1 {
        return Err(LowerError::NoClassifier(format!(
            "the output `{}` has the shape {shape:?}; a classifier's is [1, classes]",
            graph.output
        )));
    }
    Ok(Network {
        name,
        nodes,
        tensors,
        input,
        output,
        input_layout: graph.input_layout,
        metadata: graph.metadata.clone(),
        opset: graph.opset,
        ir_version: graph.ir_version,
    })
}

enum Stop {
    /// The node cannot be lowered, with the reason.
    Unsupported(String),
    /// It reads this value of a node that is not supported itself.
    Behind(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Stop {
        Stop::Unsupported(reason)
    }
}

impl From<&str> for Stop {
    fn from(reason: &str) -> Stop {
        Stop::Unsupported(reason.to_owned())
    }
}

/// A constant operand.
struct Floats {
    name: String,
    shape: Vec<usize>,
    values: Arc<[f32]>,
}

struct Lower<'a> {
    graph: &'a Graph,
    shapes: Shapes,
    tensors: Vec<Tensor>,
    ids: HashMap<String, TensorId>,
    nodes: Vec<Node>,
    taken: HashSet<String>,
    unsupported: Vec<UnsupportedNode>,
}

impl Lower<'_> {
    fn report(&mut self, node: &GraphNode, reason: String) {
        let name = node.name.strip_prefix(GENERATED).unwrap_or(&node.name).to_owned();
        self.unsupported.push(UnsupportedNode { node: name, op: node.op.clone(), reason });
    }

    fn activation(&mut self, name: &str, shape: Vec<usize>) -> TensorId {
        let id = TensorId(self.tensors.len());
        self.tensors.push(Tensor { name: name.to_owned(), shape, data: None });
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// A constant of the graph, or one that is made here.
    fn constant(&mut self, name: &str, shape: &[usize], data: Arc<[f32]>) -> TensorId {
        if let Some(&id) = self.ids.get(name)
            && self.tensors.get(id.0).is_some_and(|t| t.data.as_ref() == Some(&data) && t.shape == shape)
        {
            return id;
        }
        let unused =
            unique(name, |n| self.ids.contains_key(n) || (n != name && self.graph.constants.contains_key(n)));
        let id = TensorId(self.tensors.len());
        self.tensors.push(Tensor { name: unused.clone(), shape: shape.to_vec(), data: Some(data) });
        self.ids.insert(unused, id);
        id
    }

    fn node(&mut self, node: &GraphNode) -> Result<(), Stop> {
        if let Some(reason) = known_as_unsupported(node) {
            // The shape is known all the same for many, so that later nodes can be checked too.
            if let Ok(shape) = self.shapes.node(self.graph, node) {
                self.shapes.set(node.output(), shape);
            }
            return Err(reason.into());
        }
        for input in node.inputs.iter().filter(|i| !i.is_empty()) {
            if self.shapes.get(self.graph, input).is_none() {
                return Err(Stop::Behind(input.clone()));
            }
        }
        let shape = self.shapes.node(self.graph, node)?;
        self.shapes.set(node.output(), shape.clone());
        let (op, inputs) = self.op(node, &shape)?;
        let base = node.name.strip_prefix(GENERATED).unwrap_or(&node.name);
        let name = unique(base, |n| self.taken.contains(n));
        self.taken.insert(name.clone());
        let output = self.activation(node.output(), shape);
        self.nodes.push(Node { name, op, inputs, outputs: vec![output], absorbed: node.absorbed.clone() });
        Ok(())
    }

    /// An operand that is computed from the picture.
    fn data(&self, node: &GraphNode, index: usize) -> Result<TensorId, Stop> {
        let name = node.input(index).ok_or_else(|| format!("operand {index} is missing"))?;
        if self.graph.constants.contains_key(name) {
            return Err(
                format!("it reads the constant `{name}`, which no rule could fold into a neighbour").into()
            );
        }
        self.ids.get(name).copied().ok_or_else(|| Stop::Behind(name.to_owned()))
    }

    fn floats(&self, node: &GraphNode, index: usize, what: &str) -> Result<Floats, Stop> {
        let name = node.input(index).ok_or_else(|| format!("its {what} are missing"))?;
        let constant = self.graph.constants.get(name);
        let constant = constant
            .ok_or_else(|| format!("its {what} `{name}` are computed; only constants are possible"))?;
        let values =
            constant.as_float().ok_or_else(|| format!("its {what} `{name}` are integers, not float32"))?;
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(format!(
                "its {what} `{name}` hold {bad}; the training diverged or the file is damaged"
            )
            .into());
        }
        Ok(Floats { name: name.to_owned(), shape: constant.shape.clone(), values: values.clone() })
    }

    fn weights(&mut self, node: &GraphNode) -> Result<TensorId, Stop> {
        let Floats { name, shape, values } = self.floats(node, 1, "weights")?;
        Ok(self.constant(&name, &shape, values))
    }

    /// The bias, if there is one, as `[channels]`.
    fn bias(&mut self, node: &GraphNode, channels: usize) -> Result<Option<TensorId>, Stop> {
        if node.input(2).is_none() {
            return Ok(None);
        }
        let Floats { name, shape, values } = self.floats(node, 2, "biases")?;
        let constant = super::graph::Constant {
            shape: shape.clone(),
            values: super::graph::Values::Float(values.clone()),
        };
        let spread = crate::passes::per_channel(&constant, &[1, channels])
            .ok_or_else(|| format!("its bias has the shape {shape:?} where {channels} values are needed"))?;
        let values = if shape == [channels] { values } else { spread.into() };
        Ok(Some(self.constant(&name, &[channels], values)))
    }

    fn op(&mut self, node: &GraphNode, output: &[usize]) -> Result<(Op, Vec<TensorId>), Stop> {
        let x = self.data(node, 0)?;
        let x_shape = self.tensors.get(x.0).map(|t| t.shape.clone()).unwrap_or_default();
        if self.nodes.iter().any(|n| n.outputs.contains(&x) && matches!(n.op, Op::Softmax { .. })) {
            return Err(
                "it reads a Softmax, which leaves floats; only at the end of a network may one stand".into(),
            );
        }
        let channels = output.get(1).copied().unwrap_or(0);
        Ok(match node.op.as_str() {
            "Conv" => {
                let weights = self.weights(node)?;
                let kernel = self.tensors[weights.0].shape[2..].to_vec();
                let &[kh, kw] = &kernel[..] else { return Err("its weights need four axes".into()) };
                let window = window::window(node, spatial(&x_shape)?, Some([kh, kw]))?;
                let group = usize::try_from(node.int("group").unwrap_or(1)).unwrap_or(1);
                let bias = self.bias(node, channels)?;
                (Op::Conv(Conv { window, group }), [x, weights].into_iter().chain(bias).collect())
            }
            "Gemm" => {
                if node.int("transA").unwrap_or(0) != 0 {
                    return Err("transA is set; the picture's features must be rows".into());
                }
                let weights = self.weights(node)?;
                let bias = self.bias(node, channels)?;
                let trans_b = node.int("transB").unwrap_or(0) != 0;
                (Op::Gemm(Gemm { trans_b }), [x, weights].into_iter().chain(bias).collect())
            }
            "Add" => {
                let y = self.data(node, 1)?;
                let y_shape = &self.tensors[y.0].shape;
                if *y_shape != x_shape {
                    return Err(
                        format!("it adds {x_shape:?} and {y_shape:?}; both must have one shape").into()
                    );
                }
                (Op::Add, vec![x, y])
            }
            "Relu" => (Op::Relu, vec![x]),
            "Clip" => self.clip(node, x)?,
            "GlobalAveragePool" => (Op::GlobalAveragePool, vec![x]),
            "AveragePool" => (Op::AveragePool(pool(node, &x_shape, output)?), vec![x]),
            "MaxPool" => (Op::MaxPool(pool(node, &x_shape, output)?), vec![x]),
            // Flatten where it is one, so that later stages have fewer shapes of the same thing.
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => {
                if output.len() == 2 && output.first() == x_shape.first() {
                    (Op::Flatten { axis: 1 }, vec![x])
                } else if output.len() <= 2 {
                    (Op::Reshape, vec![x])
                } else {
                    return Err(format!(
                        "it makes {output:?} of {x_shape:?}; only [1, n] can follow a picture"
                    )
                    .into());
                }
            }
            "Transpose" if x_shape.len() > 4 => {
                return Err(format!("it transposes {x_shape:?}; four axes are the most").into());
            }
            "Transpose" => (Op::Transpose { perm: permutation(node, x_shape.len())? }, vec![x]),
            "Softmax" => {
                let default = if self.graph.opset >= 13 { -1 } else { 1 };
                let axis = axis_of(node.int("axis").unwrap_or(default), x_shape.len())?;
                let rest = &x_shape[axis + 1..];
                if self.graph.opset < 13 && rest.iter().any(|&d| d != 1) {
                    return Err(format!("it normalises {x_shape:?} over several axes at once").into());
                }
                (Op::Softmax { axis }, vec![x])
            }
            "Pad" => {
                let value = pad_value(self.graph, node)?;
                match pads_of(self.graph, node, x_shape.len())?[..] {
                    [(0, 0), (0, 0), (top, bottom), (left, right)] => {
                        (Op::Pad { pads: Padding { top, left, bottom, right }, value }, vec![x])
                    }
                    _ => return Err("it pads more than height and width".into()),
                }
            }
            "Concat" => {
                let axis = axis_of(node.int("axis").unwrap_or(1), x_shape.len())?;
                let inputs = (0..node.inputs.len()).map(|i| self.data(node, i)).collect::<Result<_, _>>()?;
                (Op::Concat { axis }, inputs)
            }
            other => return Err(format!("Octet has no operation for {other}").into()),
        })
    }

    fn clip(&mut self, node: &GraphNode, x: TensorId) -> Result<(Op, Vec<TensorId>), Stop> {
        let (low, high) = clip_range(self.graph, node)
            .ok_or("its bounds are computed, or no single numbers; only constants are possible")?;
        if low.partial_cmp(&high).is_none_or(std::cmp::Ordering::is_gt) {
            return Err(format!("its bounds are {low} and {high}").into());
        }
        if low == 0.0 && high >= f32::MAX {
            return Ok((Op::Relu, vec![x]));
        }
        // Exporters share one pair among all Clips; here each has its own, so that a strategy can scale one of them.
        let mut bound = |suffix: &str, value: f32| {
            self.constant(&format!("{}/{suffix}", node.output()), &[], Arc::from([value]))
        };
        let bounds = [bound("min", low), bound("max", high)];
        Ok((Op::Clip, [x].into_iter().chain(bounds).collect()))
    }
}

fn spatial(x: &[usize]) -> Result<(usize, usize), Stop> {
    match x {
        &[_, _, h, w] => Ok((h, w)),
        _ => Err(format!("its input has the shape {x:?}; four axes are needed").into()),
    }
}

fn pool(node: &GraphNode, x: &[usize], output: &[usize]) -> Result<Pool, Stop> {
    let (h, w) = spatial(x)?;
    let mut window = window::window(node, (h, w), None)?;
    let count_include_pad = node.int("count_include_pad").unwrap_or(0) != 0;
    if node.int("ceil_mode").unwrap_or(0) != 0 {
        let (out_h, out_w) = spatial(output)?;
        let missing = complete_last_step(&mut window, (h, w), (out_h, out_w));
        if missing && count_include_pad {
            return Err(
                "its last step is incomplete (ceil_mode) and padding counts; set ceil_mode to 0".into()
            );
        }
    }
    if window.pads.top >= window.kernel[0] * window.dilations[0]
        || window.pads.left >= window.kernel[1] * window.dilations[1]
    {
        return Err("its padding is as large as its window".into());
    }
    Ok(Pool { window, count_include_pad })
}

/// Adds the pixels that `ceil_mode` takes beyond the picture as padding. True when there are any.
fn complete_last_step(w: &mut Window, (h, width): (usize, usize), (out_h, out_w): (usize, usize)) -> bool {
    let need =
        |axis: usize, out: usize| (out - 1) * w.strides[axis] + (w.kernel[axis] - 1) * w.dilations[axis] + 1;
    let down = need(0, out_h).saturating_sub(h + w.pads.top + w.pads.bottom);
    let right = need(1, out_w).saturating_sub(width + w.pads.left + w.pads.right);
    w.pads.bottom += down;
    w.pads.right += right;
    down + right > 0
}

/// Operations that people meet, with what can be done about each; `None` for those that are supported or that
/// carry their own reason.
fn known_as_unsupported(node: &GraphNode) -> Option<String> {
    const SUPPORTED: [&str; 18] = [
        "Conv",
        "Gemm",
        "Add",
        "Clip",
        "Relu",
        "GlobalAveragePool",
        "AveragePool",
        "MaxPool",
        "Flatten",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Softmax",
        "Pad",
        "Concat",
        "BatchNormalization",
        "ReduceMean",
    ];
    let op = node.op.as_str();
    let text = match op {
        "BatchNormalization" if node.int("training_mode").unwrap_or(0) != 0 => {
            "the model was exported in training mode; call model.eval() before the export"
        }
        "BatchNormalization" => "its statistics are no constants, or its input has no channels to scale",
        "ReduceMean" => "only the mean over height and width of a picture is possible",
        _ if SUPPORTED.contains(&op) => return None,
        "QuantizeLinear" | "DequantizeLinear" | "QLinearConv" | "QLinearMatMul" | "ConvInteger" => {
            "the model is quantized already; open the float model it was made from"
        }
        "HardSwish" | "HardSigmoid" | "Sigmoid" | "Swish" | "Gelu" | "LeakyRelu" | "PRelu" | "Elu"
        | "Tanh" => "Octet's networks clamp with Relu and Clip only, as MobileNetV2 does",
        "Mul" | "Div" | "Sub" | "Min" | "Max" => {
            "only products, differences and bounds with constants by channel are possible"
        }
        "MatMul" => "only the product of one row of features and constant weights is possible",
        "LayerNormalization" | "Attention" | "MultiHeadAttention" => "transformers are not supported",
        "LSTM" | "GRU" | "RNN" => "recurrent networks are not supported",
        "Loop" | "If" | "Scan" => "control flow is not supported; export the model by tracing",
        "ConvTranspose" | "Resize" | "Upsample" => "only classifiers are supported",
        "Cast" => "only casts between floating point types are possible",
        _ if node.attributes.values().any(|a| *a == Attribute::Other) => "it holds a sub-graph",
        _ if op.contains('.') => "it belongs to a domain that Octet does not know",
        _ => "Octet does not know this operation",
    };
    Some(text.to_owned())
}
