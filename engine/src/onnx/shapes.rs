//! Shape inference with batch 1, by the rules of <https://onnx.ai/onnx/operators/>.

use std::collections::HashMap;

use super::graph::{Graph, GraphNode, elements};
use super::window;

/// An activation of more values than this (1 GiB of float32) is taken for an attack.
const MAX_ELEMENTS: usize = 1 << 28;

/// Shapes of the activations, as far as they could be inferred.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    known: HashMap<String, Vec<usize>>,
}

impl Shapes {
    /// Infers the shapes of all nodes; those behind an operation without a rule stay unknown.
    pub(crate) fn infer(graph: &Graph) -> Shapes {
        let mut shapes = Shapes::of_input(graph);
        for node in &graph.nodes {
            if let Ok(shape) = shapes.node(graph, node) {
                shapes.set(node.output(), shape);
            }
        }
        shapes
    }
    /// Knows the graph's input only.
    pub(crate) fn of_input(graph: &Graph) -> Shapes {
        Shapes { known: HashMap::from([(graph.input.clone(), graph.input_shape.clone())]) }
    }
    /// Remembers a shape.
    pub(crate) fn set(&mut self, value: &str, shape: Vec<usize>) {
        self.known.insert(value.to_owned(), shape);
    }
    /// The shape of an activation or a constant.
    pub(crate) fn get<'a>(&'a self, graph: &'a Graph, value: &str) -> Option<&'a [usize]> {
        self.known
            .get(value)
            .map(Vec::as_slice)
            .or_else(|| graph.constants.get(value).map(|c| c.shape.as_slice()))
    }

    /// The shape of a node's first result.
    ///
    /// # Errors
    /// Why it has none, without the node's name.
    pub(crate) fn node(&self, graph: &Graph, node: &GraphNode) -> Result<Vec<usize>, String> {
        let shape = self.rule(graph, node)?;
        match elements(&shape) {
            Some(n) if n > 0 && n <= MAX_ELEMENTS => Ok(shape),
            Some(0) => Err(format!("its result would be empty: shape {shape:?}")),
            _ => Err(format!("its result would be too large: shape {shape:?}")),
        }
    }

    fn operand<'a>(
        &'a self,
        graph: &'a Graph,
        node: &GraphNode,
        index: usize,
    ) -> Result<&'a [usize], String> {
        let name = node.input(index).ok_or_else(|| format!("operand {index} is missing"))?;
        self.get(graph, name).ok_or_else(|| format!("the shape of its operand `{name}` is not known"))
    }

    fn rule(&self, graph: &Graph, node: &GraphNode) -> Result<Vec<usize>, String> {
        let x = self.operand(graph, node, 0)?;
        match node.op.as_str() {
            "Conv" => self.conv(graph, node, x),
            "MaxPool" | "AveragePool" => {
                let &[n, c, h, w] = x else { return Err(four_axes(x)) };
                let window = window::window(node, (h, w), None)?;
                let ceil = node.int("ceil_mode").unwrap_or(0) != 0;
                let (h, w) = window::output_size(&window, (h, w), ceil)?;
                Ok(vec![n, c, h, w])
            }
            "GlobalAveragePool" | "GlobalMaxPool" => match x {
                &[n, c, _, _] => Ok(vec![n, c, 1, 1]),
                _ => Err(four_axes(x)),
            },
            "Gemm" => {
                let b = self.operand(graph, node, 1)?;
                let (&[m, k], &[b0, b1]) = (x, b) else {
                    return Err(format!(
                        "its operands have the shapes {x:?} and {b:?}; two axes each are needed"
                    ));
                };
                let (m, k) = if node.int("transA").unwrap_or(0) == 0 { (m, k) } else { (k, m) };
                let (rows, columns) = if node.int("transB").unwrap_or(0) == 0 { (b0, b1) } else { (b1, b0) };
                if rows == k { Ok(vec![m, columns]) } else { Err(format!("it multiplies {x:?} with {b:?}")) }
            }
            "MatMul" => {
                let b = self.operand(graph, node, 1)?;
                match (x, b) {
                    ([batch @ .., m, k], &[rows, columns]) if *k == rows => {
                        Ok([batch, &[*m, columns]].concat())
                    }
                    _ => Err(format!("it multiplies {x:?} with {b:?}")),
                }
            }
            "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" | "Pow" => {
                let mut shape = x.to_vec();
                for i in 1..node.inputs.len() {
                    shape = broadcast(&shape, self.operand(graph, node, i)?)?;
                }
                Ok(shape)
            }
            "ReduceMean" => {
                let axes = reduce_axes(graph, node, x.len())?;
                let keep = node.int("keepdims").unwrap_or(1) != 0;
                let all = x.iter().enumerate();
                Ok(if keep {
                    all.map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect()
                } else {
                    all.filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect()
                })
            }
            "Flatten" => {
                let axis = axis_of(node.int("axis").unwrap_or(1), x.len() + 1)?;
                Ok(vec![x[..axis].iter().product(), x[axis..].iter().product()])
            }
            "Reshape" => reshape(graph, node, x),
            "Squeeze" => squeeze(graph, node, x),
            "Unsqueeze" => unsqueeze(graph, node, x),
            "Transpose" => Ok(permutation(node, x.len())?.iter().map(|&p| x[p]).collect()),
            "Pad" => {
                let pads = crate::passes::pads_of(graph, node, x.len())?;
                let padded = |(&d, &(before, after)): (&usize, &(usize, usize))| d + before + after;
                Ok(x.iter().zip(&pads).map(padded).collect())
            }
            "Concat" => {
                let axis = axis_of(node.int("axis").ok_or("axis is missing")?, x.len())?;
                let mut shape = x.to_vec();
                for i in 1..node.inputs.len() {
                    let other = self.operand(graph, node, i)?;
                    let fits = other.len() == x.len() && (0..x.len()).all(|a| a == axis || x[a] == other[a]);
                    if !fits {
                        return Err(format!("it joins the shapes {x:?} and {other:?} along axis {axis}"));
                    }
                    shape[axis] = shape[axis].checked_add(other[axis]).ok_or("its result is too large")?;
                }
                Ok(shape)
            }
            "BatchNormalization" | "Identity" | "Dropout" | "Cast" | "Clip" | "Relu" | "Softmax"
            | "Sigmoid" | "HardSigmoid" | "HardSwish" | "LeakyRelu" | "PRelu" | "Elu" | "Tanh"
            | "LogSoftmax" | "Exp" | "Sqrt" | "Neg" | "Reciprocal" | "Erf" | "Gelu" => Ok(x.to_vec()),
            _ => Err("Octet does not know this operation".to_owned()),
        }
    }

    fn conv(&self, graph: &Graph, node: &GraphNode, x: &[usize]) -> Result<Vec<usize>, String> {
        let w = self.operand(graph, node, 1)?;
        let (&[n, c, height, width], &[out, per_group, kh, kw]) = (x, w) else {
            return Err(format!(
                "its input has the shape {x:?} and its weights {w:?}; only two-dimensional convolutions are possible"
            ));
        };
        let group = node.int("group").unwrap_or(1);
        let group = usize::try_from(group).ok().filter(|&g| g > 0).ok_or(format!("group is {group}"))?;
        if per_group.checked_mul(group) != Some(c) || out % group != 0 || kh == 0 || kw == 0 {
            return Err(format!("weights {w:?} in {group} groups do not fit an input of {x:?}"));
        }
        let window = window::window(node, (height, width), Some([kh, kw]))?;
        let (h, w) = window::output_size(&window, (height, width), false)?;
        Ok(vec![n, out, h, w])
    }
}

fn four_axes(x: &[usize]) -> String {
    format!("its input has the shape {x:?}; four axes are needed")
}

/// Axis `axis` of `rank`, counted from the end when negative.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let rank_signed = i64::try_from(rank).unwrap_or(0);
    let counted = if axis < 0 { axis.saturating_add(rank_signed) } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| format!("axis {axis} does not exist in {rank} axes"))
}

/// NumPy's broadcasting.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(format!("the shapes {a:?} and {b:?} do not fit each other")),
        })
        .collect()
}

/// Axes of Squeeze, Unsqueeze and the reductions: an attribute at first, an operand since operator set 13 or 18.
fn axes_list(graph: &Graph, node: &GraphNode) -> Result<Option<Vec<i64>>, String> {
    if let Some(axes) = node.ints("axes") {
        return Ok(Some(axes.to_vec()));
    }
    match node.input(1) {
        None => Ok(None),
        Some(name) => match graph.constants.get(name).and_then(|c| c.as_ints()) {
            Some(axes) => Ok(Some(axes.to_vec())),
            None => Err(format!("its axes `{name}` are no constant")),
        },
    }
}

/// The axes that a reduction removes, ascending.
pub(crate) fn reduce_axes(graph: &Graph, node: &GraphNode, rank: usize) -> Result<Vec<usize>, String> {
    let mut axes = match axes_list(graph, node)? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<_, _>>()?,
        _ if node.int("noop_with_empty_axes").unwrap_or(0) != 0 => Vec::new(),
        _ => (0..rank).collect::<Vec<_>>(),
    };
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// The axes that a Squeeze removes, ascending.
pub(crate) fn squeeze_axes(graph: &Graph, node: &GraphNode, x: &[usize]) -> Result<Vec<usize>, String> {
    let mut axes: Vec<usize> = match axes_list(graph, node)? {
        Some(axes) => axes.iter().map(|&a| axis_of(a, x.len())).collect::<Result<_, _>>()?,
        // The batch would be squeezed too, which a file with a symbolic batch cannot have meant.
        None => (1..x.len()).filter(|&i| x[i] == 1).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    match axes.iter().find(|&&a| x[a] != 1) {
        Some(a) => Err(format!("it squeezes axis {a} of {x:?}, which is not 1")),
        None => Ok(axes),
    }
}

fn squeeze(graph: &Graph, node: &GraphNode, x: &[usize]) -> Result<Vec<usize>, String> {
    let axes = squeeze_axes(graph, node, x)?;
    Ok(x.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect())
}

fn unsqueeze(graph: &Graph, node: &GraphNode, x: &[usize]) -> Result<Vec<usize>, String> {
    let axes = axes_list(graph, node)?.ok_or("its axes are missing")?;
    let rank = x.len() + axes.len();
    let axes = axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut rest = x.iter();
    Ok((0..rank).map(|i| if axes.contains(&i) { 1 } else { rest.next().copied().unwrap_or(1) }).collect())
}

/// A Transpose's permutation; without one the axes are reversed.
pub(crate) fn permutation(node: &GraphNode, rank: usize) -> Result<Vec<usize>, String> {
    let Some(perm) = node.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let axes: Vec<usize> = perm.iter().filter_map(|&p| usize::try_from(p).ok()).collect();
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if sorted.iter().copied().eq(0..rank) {
        Ok(axes)
    } else {
        Err(format!("perm {perm:?} does not order {rank} axes"))
    }
}

fn reshape(graph: &Graph, node: &GraphNode, x: &[usize]) -> Result<Vec<usize>, String> {
    let wanted = match (node.ints("shape"), node.input(1)) {
        (Some(shape), _) => shape.to_vec(),
        (None, Some(name)) => graph
            .constants
            .get(name)
            .and_then(|c| c.as_ints())
            .ok_or_else(|| {
                format!("its shape `{name}` is computed from the data; only fixed shapes are possible")
            })?
            .to_vec(),
        (None, None) => return Err("its shape is missing".to_owned()),
    };
    let keep_zero = node.int("allowzero").unwrap_or(0) != 0;
    let total = elements(x).ok_or("its input is too large")?;
    let resolve = |wanted: &[i64]| -> Option<Vec<usize>> {
        let mut open = None;
        let mut shape = Vec::with_capacity(wanted.len());
        for (i, &d) in wanted.iter().enumerate() {
            shape.push(match d {
                0 if !keep_zero => *x.get(i)?,
                -1 if open.is_none() => {
                    open = Some(i);
                    1
                }
                d => usize::try_from(d).ok()?,
            });
        }
        let product = elements(&shape)?;
        if let Some(i) = open {
            shape[i] = total.checked_div(product)?;
        }
        (elements(&shape)? == total).then_some(shape)
    };
    // Files with a fixed batch repeat it in their shapes; here the batch is always 1.
    let with_batch_one = || -> Option<Vec<usize>> {
        let batch = i64::try_from(graph.file_batch?).ok()?;
        let mut one = wanted.clone();
        *one.first_mut().filter(|first| **first == batch)? = 1;
        resolve(&one)
    };
    if graph.file_batch.is_some() { with_batch_one().or_else(|| resolve(&wanted)) } else { resolve(&wanted) }
        .ok_or_else(|| format!("{x:?} cannot take the shape {wanted:?}"))
}
