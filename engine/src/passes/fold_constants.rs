//! Computes what does not depend on the picture: Constant nodes, and the arithmetic on shapes that exporters leave
//! in front of a Reshape (Shape, Gather, Concat, Unsqueeze, Cast, ...).

use std::sync::Arc;

use super::count;
use crate::onnx::graph::{Attribute, Constant, Graph, GraphNode, Values, elements};
use crate::onnx::shapes::{Shapes, axis_of, broadcast, permutation};

/// Folding never makes a constant of more values than this.
const MAX_FOLDED: usize = 1 << 24;
/// All constants that folding makes hold at most so many values: four times the weights of the largest classifiers
/// that fit a chip.
const MAX_FOLDED_IN_ALL: usize = 1 << 26;
/// Operations whose result shares the values of what they read.
const SHARING: [&str; 7] = ["Constant", "Identity", "Dropout", "Unsqueeze", "Squeeze", "Reshape", "Flatten"];

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let mut shapes = Shapes::of_input(graph);
    let mut folded = 0;
    let mut room = MAX_FOLDED_IN_ALL;
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for node in std::mem::take(&mut graph.nodes) {
        let shares = SHARING.contains(&node.op.as_str());
        let mut value = match room {
            0 if !shares => None,
            _ if node.output() == graph.output => None,
            _ => evaluate(graph, &shapes, &node),
        };
        if let Some(made) = value.as_ref().filter(|_| !shares) {
            match room.checked_sub(elements(&made.shape).unwrap_or(usize::MAX)) {
                Some(rest) => room = rest,
                None => (value, room) = (None, 0),
            }
        }
        if let Some(value) = value {
            graph.constants.insert(node.output().to_owned(), value);
            folded += 1;
        } else {
            if let Ok(shape) = shapes.node(graph, &node) {
                shapes.set(node.output(), shape);
            }
            kept.push(node);
        }
    }
    graph.nodes = kept;
    if folded == 0 { Vec::new() } else { vec![format!("{} computed beforehand", count(folded, "node"))] }
}

/// The node's value if it is constant and there is a rule for it.
fn evaluate(graph: &Graph, shapes: &Shapes, node: &GraphNode) -> Option<Constant> {
    match node.op.as_str() {
        "Constant" => return constant(node),
        "Shape" => return shape(node, shapes.get(graph, node.input(0)?)?),
        _ => {}
    }
    let x = graph.constant(node, 0)?;
    let value = match node.op.as_str() {
        "Identity" | "Dropout" => x.clone(),
        "Cast" => cast(x, node.int("to")?)?,
        "Gather" => gather(node, x, graph.constant(node, 1)?)?,
        "Concat" => {
            let parts: Option<Vec<_>> = (0..node.inputs.len()).map(|i| graph.constant(node, i)).collect();
            concat(node, &parts?)?
        }
        "Slice" => slice(graph, node, x)?,
        "Transpose" => transpose(x, &permutation(node, x.shape.len()).ok()?)?,
        "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => {
            let shape = shapes.node(graph, node).ok()?;
            Constant { shape, values: x.values.clone() }
        }
        "Add" | "Sub" | "Mul" | "Div" => binary(&node.op, x, graph.constant(node, 1)?)?,
        "Sqrt" => float_unary(x, f32::sqrt)?,
        "Reciprocal" => float_unary(x, f32::recip)?,
        "Neg" => float_unary(x, |v| -v)?,
        "ConstantOfShape" => constant_of_shape(node, x)?,
        _ => return None,
    };
    Some(value)
}

fn constant(node: &GraphNode) -> Option<Constant> {
    let float = |shape: &[usize], v: &[f32]| Constant::float(shape, v);
    node.attributes.iter().find_map(|(name, value)| match (name.as_str(), value) {
        ("value", Attribute::Tensor(t)) => Some(t.clone()),
        ("value_float", Attribute::Float(f)) => Some(float(&[], &[*f])),
        ("value_floats", Attribute::Floats(v)) => Some(float(&[v.len()], v)),
        ("value_int", Attribute::Int(i)) => {
            Some(Constant { shape: Vec::new(), values: Values::Int(Arc::from([*i])) })
        }
        ("value_ints", Attribute::Ints(v)) => Some(Constant::ints(v.as_slice())),
        _ => None,
    })
}

fn shape(node: &GraphNode, of: &[usize]) -> Option<Constant> {
    let rank = i64::try_from(of.len()).ok()?;
    let bound = |name: &str, default: i64| {
        let v = node.int(name).unwrap_or(default);
        usize::try_from((if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank)).ok()
    };
    let part = of.get(bound("start", 0)?..bound("end", rank)?)?;
    Some(Constant::ints(part.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect::<Vec<_>>()))
}

fn cast(x: &Constant, to: i64) -> Option<Constant> {
    // Numbers of TensorProto.DataType: floating point are 1, 10, 11, 16; integers and booleans the others up to 13.
    let values = match (&x.values, to) {
        (v @ Values::Float(_), 1 | 10 | 11 | 16) | (v @ Values::Int(_), 2..=7 | 12 | 13) => v.clone(),
        (Values::Int(v), 1 | 10 | 11 | 16) =>
        {
            #[expect(clippy::cast_precision_loss, reason = "as ONNX casts")]
            Values::Float(v.iter().map(|&i| i as f32).collect())
        }
        (Values::Float(v), 6 | 7) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "as ONNX casts")]
            Values::Int(v.iter().map(|&f| f as i64).collect())
        }
        _ => return None,
    };
    Some(Constant { shape: x.shape.clone(), values })
}

/// A constant of the values at these places of `x`.
fn pick(x: &Constant, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Option<Constant> {
    let count = elements(&shape).filter(|&n| n <= MAX_FOLDED)?;
    let places: Vec<usize> = places.take(count).collect();
    let values = match &x.values {
        Values::Float(v) => Values::Float(places.iter().map(|&p| v.get(p).copied()).collect::<Option<_>>()?),
        Values::Int(v) => Values::Int(places.iter().map(|&p| v.get(p).copied()).collect::<Option<_>>()?),
    };
    (places.len() == count).then_some(Constant { shape, values })
}

fn gather(node: &GraphNode, x: &Constant, indices: &Constant) -> Option<Constant> {
    let axis = axis_of(node.int("axis").unwrap_or(0), x.shape.len()).ok()?;
    let (outer, inner) = (elements(&x.shape[..axis])?, elements(&x.shape[axis + 1..])?);
    let extent = x.shape[axis];
    let indices_flat: Vec<usize> =
        indices.as_ints()?.iter().map(|&i| axis_of(i, extent).ok()).collect::<Option<_>>()?;
    let shape = [&x.shape[..axis], &indices.shape[..], &x.shape[axis + 1..]].concat();
    let places = (0..outer).flat_map(|o| {
        indices_flat.iter().flat_map(move |&i| (0..inner).map(move |k| (o * extent + i) * inner + k))
    });
    pick(x, shape, places)
}

fn concat(node: &GraphNode, parts: &[&Constant]) -> Option<Constant> {
    // Shapes are vectors; joining anything else has no use here.
    let one_axis = parts.iter().all(|p| p.shape.len() == 1) && matches!(node.int("axis")?, 0 | -1);
    if !one_axis {
        return None;
    }
    let ints: Vec<i64> = parts.iter().map(|p| p.as_ints()).collect::<Option<Vec<_>>>()?.concat();
    Some(Constant::ints(ints))
}

fn slice(graph: &Graph, node: &GraphNode, x: &Constant) -> Option<Constant> {
    if x.shape.len() != 1 {
        return None;
    }
    let one = |index: usize, name: &str| -> Option<Option<i64>> {
        let list = match (node.ints(name), node.input(index)) {
            (Some(list), _) => list,
            (None, Some(value)) => graph.constants.get(value)?.as_ints()?,
            (None, None) => return Some(None),
        };
        match list {
            [v] => Some(Some(*v)),
            _ => None,
        }
    };
    let len = i64::try_from(x.shape[0]).ok()?;
    let place = |v: i64| (if v < 0 { v.saturating_add(len) } else { v }).clamp(0, len);
    let (start, end) = (place(one(1, "starts")??), place(one(2, "ends")??));
    if one(4, "steps")?.unwrap_or(1) != 1 || !matches!(one(3, "axes")?.unwrap_or(0), 0 | -1) {
        return None;
    }
    let range = usize::try_from(start).ok()?..usize::try_from(end.max(start)).ok()?;
    pick(x, vec![range.len()], range)
}

/// The values of `x` with its axes in the order `perm`.
pub(super) fn transpose(x: &Constant, perm: &[usize]) -> Option<Constant> {
    if perm.len() != x.shape.len() {
        return None;
    }
    let mut strides = vec![1; perm.len()];
    for i in (1..perm.len()).rev() {
        strides[i - 1] = strides[i] * x.shape[i];
    }
    let shape: Vec<usize> = perm.iter().map(|&p| x.shape[p]).collect();
    let steps: Vec<usize> = perm.iter().map(|&p| strides[p]).collect();
    let total = elements(&shape)?;
    let place = |mut flat: usize| {
        let mut at = 0;
        for (extent, step) in shape.iter().zip(&steps).rev() {
            at += flat % extent * step;
            flat /= extent;
        }
        at
    };
    pick(x, shape.clone(), (0..total).map(place))
}

fn binary(op: &str, a: &Constant, b: &Constant) -> Option<Constant> {
    let shape = broadcast(&a.shape, &b.shape).ok()?;
    let total = elements(&shape).filter(|&n| n <= MAX_FOLDED)?;
    let at = |of: &Constant, mut flat: usize| {
        let (mut place, mut step) = (0, 1);
        for (i, &extent) in shape.iter().enumerate().rev() {
            let own = (i + of.shape.len()).checked_sub(shape.len()).map_or(1, |j| of.shape[j]);
            if own != 1 {
                place += flat % extent * step;
                step *= own;
            }
            flat /= extent;
        }
        place
    };
    let values = match (&a.values, &b.values) {
        (Values::Float(x), Values::Float(y)) => {
            let f = match op {
                "Add" => |x: f32, y: f32| x + y,
                "Sub" => |x: f32, y: f32| x - y,
                "Mul" => |x: f32, y: f32| x * y,
                _ => |x: f32, y: f32| x / y,
            };
            let value = |i| Some(f(*x.get(at(a, i))?, *y.get(at(b, i))?));
            Values::Float((0..total).map(value).collect::<Option<_>>()?)
        }
        (Values::Int(x), Values::Int(y)) => {
            let f = match op {
                "Add" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                _ => i64::checked_div,
            };
            let value = |i| f(*x.get(at(a, i))?, *y.get(at(b, i))?);
            Values::Int((0..total).map(value).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Constant { shape, values })
}

fn float_unary(x: &Constant, f: impl Fn(f32) -> f32) -> Option<Constant> {
    let values = x.as_float()?.iter().map(|&v| f(v)).collect::<Vec<_>>();
    Some(Constant::float(&x.shape, values))
}

fn constant_of_shape(node: &GraphNode, shape: &Constant) -> Option<Constant> {
    let shape: Vec<usize> =
        shape.as_ints()?.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<_>>()?;
    let one = match node.attributes.get("value") {
        Some(Attribute::Tensor(t)) => t.clone(),
        _ => Constant::float(&[1], [0.0]),
    };
    let total = elements(&shape)?;
    pick(&one, shape, std::iter::repeat_n(0, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::Build;

    #[test]
    fn arithmetic_on_shapes_in_front_of_a_reshape_becomes_a_constant() {
        let mut g = Build::new(&[1, 8, 1, 1])
            .node("Shape", &["x"], "s")
            .node("Constant", &[], "zero")
            .attribute("value_int", Attribute::Int(0))
            .node("Gather", &["s", "zero"], "n")
            .node("Constant", &[], "axes")
            .attribute("value_ints", Attribute::Ints(vec![0]))
            .node("Unsqueeze", &["n", "axes"], "n1")
            .ints("rest", &[-1])
            .node("Concat", &["n1", "rest"], "shape")
            .attribute("axis", Attribute::Int(0))
            .node("Reshape", &["x", "shape"], "y")
            .output("y");
        assert_eq!(run(&mut g), ["6 nodes computed beforehand"]);
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.constants["shape"].as_ints(), Some(&[1, -1][..]));
        assert_eq!(Shapes::infer(&g).get(&g, "y"), Some(&[1, 8][..]));
    }

    #[test]
    fn a_transposed_weight_is_transposed_beforehand() {
        let mut g = Build::new(&[1, 2])
            .floats("w", &[2, 3], &[1., 2., 3., 4., 5., 6.])
            .node("Transpose", &["w"], "wt")
            .node("Gemm", &["x", "wt"], "y")
            .attribute("transB", Attribute::Int(1))
            .output("y");
        run(&mut g);
        assert_eq!(g.constants["wt"], Constant::float(&[3, 2], [1., 4., 2., 5., 3., 6.]));
    }

    #[test]
    fn float_constants_are_broadcast() {
        let mut g = Build::new(&[1, 2])
            .floats("a", &[2, 1], &[1., 2.])
            .floats("b", &[2], &[10., 20.])
            .node("Mul", &["a", "b"], "c")
            .node("Add", &["x", "c"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(g.constants["c"], Constant::float(&[2, 2], [10., 20., 20., 40.]));
    }

    #[test]
    fn many_large_constants_are_not_folded_beyond_all_bounds() {
        let mut g = Build::new(&[1, 2]).ints("s", &[1 << 24]);
        for i in 0..12 {
            g = g.node("ConstantOfShape", &["s"], &format!("c{i}"));
        }
        let mut g = g.node("Add", &["x", "c0"], "y").output("y");
        assert_eq!(run(&mut g), ["4 nodes computed beforehand"]);
        assert_eq!(g.nodes.len(), 9);
    }

    #[test]
    fn a_huge_constant_of_shape_is_left_alone() {
        let mut g = Build::new(&[1, 2])
            .ints("s", &[1 << 40])
            .node("ConstantOfShape", &["s"], "c")
            .node("Add", &["x", "c"], "y")
            .output("y");
        assert!(run(&mut g).is_empty());
    }
}
