//! A Pad with zeros in front of a convolution or an average pool becomes the window's own padding (Keras' ZeroPadding2D).

use super::clip_bounds::range;
use super::count;
use crate::onnx::graph::{Attribute, Graph, GraphNode};
use crate::onnx::shapes::{Shapes, axis_of};
use crate::onnx::window;

/// No picture needs more padding than this.
const LIMIT: i64 = 1 << 12;

/// How much a Pad adds before and after each of `rank` axes.
///
/// # Errors
/// The amounts are no constants, negative, or do not fit the axes.
pub(crate) fn pads_of(graph: &Graph, node: &GraphNode, rank: usize) -> Result<Vec<(usize, usize)>, String> {
    let list = match (node.ints("pads"), node.input(1)) {
        (Some(list), _) => list,
        (None, Some(name)) => graph
            .constants
            .get(name)
            .and_then(|c| c.as_ints())
            .ok_or_else(|| format!("its amounts `{name}` are no constant"))?,
        (None, None) => return Err("its amounts are missing".to_owned()),
    };
    let axes: Vec<usize> = match node.input(3) {
        None => (0..rank).collect(),
        Some(name) => {
            let axes = graph.constants.get(name).and_then(|c| c.as_ints());
            let axes = axes.ok_or_else(|| format!("its axes `{name}` are no constant"))?;
            axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<_, _>>()?
        }
    };
    let amounts: Option<Vec<usize>> =
        list.iter().map(|&p| usize::try_from(p).ok().filter(|_| p < LIMIT)).collect();
    let amounts = amounts.filter(|a| a.len() == 2 * axes.len());
    let amounts = amounts.ok_or_else(|| {
        format!("its amounts are {list:?}; two numbers from 0 for each of {} axes are needed", axes.len())
    })?;
    let mut pads = vec![(0, 0); rank];
    for (i, axis) in axes.iter().enumerate() {
        pads[*axis] = (amounts[i], amounts[axes.len() + i]);
    }
    Ok(pads)
}

/// What a Pad fills in.
///
/// # Errors
/// It repeats or mirrors the picture, or the value is no constant.
pub(crate) fn pad_value(graph: &Graph, node: &GraphNode) -> Result<f32, String> {
    match node.text("mode").unwrap_or("constant") {
        "constant" => {}
        mode => return Err(format!("its mode is `{mode}`; only `constant` is possible")),
    }
    match node.input(2) {
        None => Ok(node.float("value").unwrap_or(0.0)),
        Some(name) => graph
            .constants
            .get(name)
            .and_then(|c| c.scalar())
            .ok_or_else(|| format!("its value `{name}` is no constant")),
    }
}

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let mut folded = 0;
    let mut i = 0;
    while i < graph.nodes.len() {
        if let Some((pad, pads)) = foldable(graph, i) {
            fold(graph, pad, i, pads);
            folded += 1;
        } else {
            i += 1;
        }
    }
    if folded == 0 {
        Vec::new()
    } else {
        vec![format!("{} moved into the window behind", count(folded, "Pad"))]
    }
}

/// The Pad in front of node `i`, and the window's pads with it, if the two can be one.
fn foldable(graph: &Graph, i: usize) -> Option<(usize, [usize; 4])> {
    let node = &graph.nodes[i];
    if !matches!(node.op.as_str(), "Conv" | "AveragePool" | "MaxPool") {
        return None;
    }
    let pad_exists =
        |n: &GraphNode| n.op == "Pad" && n.outputs.iter().any(|o| Some(o.as_str()) == node.input(0));
    if !graph.nodes.iter().any(pad_exists) {
        return None;
    }
    let links = graph.links();
    let pad = graph.sole_producer(&links, node.input(0)?)?;
    if graph.nodes[pad].op != "Pad" || pad_value(graph, &graph.nodes[pad]).ok()? != 0.0 {
        return None;
    }
    let shapes = Shapes::infer(graph);
    let &[_, _, h, w] = shapes.get(graph, node.input(0)?)? else { return None };
    let kernel = match node.op.as_str() {
        "Conv" => match graph.constant(node, 1)?.shape[..] {
            [_, _, kh, kw] => Some([kh, kw]),
            _ => return None,
        },
        "AveragePool" => None,
        // Padding of a MaxPool counts as minus infinity, which is the same as zero above a clamp at zero.
        "MaxPool" => {
            let before = links.producer(graph.nodes[pad].input(0)?)?;
            if range(graph, &graph.nodes[before])?.0 < 0.0 {
                return None;
            }
            None
        }
        _ => return None,
    };
    let own = window::window(node, (h, w), kernel).ok()?.pads;
    // An average counts the Pad's zeros; its own padding must not be counted differently.
    let own_is_zero = own == crate::network::Padding::default();
    if node.op == "AveragePool" && !(own_is_zero || node.int("count_include_pad") == Some(1)) {
        return None;
    }
    // Rounded up, the last step depends on where the padding belongs.
    if node.int("ceil_mode").unwrap_or(0) != 0 {
        return None;
    }
    match pads_of(graph, &graph.nodes[pad], 4).ok()?[..] {
        [(0, 0), (0, 0), (top, bottom), (left, right)] => {
            Some((pad, [top + own.top, left + own.left, bottom + own.bottom, right + own.right]))
        }
        _ => None,
    }
}

fn fold(graph: &mut Graph, pad: usize, i: usize, pads: [usize; 4]) {
    let removed = graph.nodes[pad].clone();
    let node = &mut graph.nodes[i];
    node.inputs[0].clone_from(&removed.inputs[0]);
    node.attributes.remove("auto_pad");
    node.set("pads", Attribute::Ints(pads.iter().map(|&p| i64::try_from(p).unwrap_or(0)).collect()));
    if node.op == "AveragePool" {
        node.set("count_include_pad", Attribute::Int(1));
    }
    node.absorb(&removed);
    graph.nodes.remove(pad);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    fn conv_after_pad(pads: &[i64], conv: &[(&str, Attribute)]) -> Graph {
        let mut b = Build::new(&[1, 1, 8, 8])
            .floats("w", &[1, 1, 3, 3], &[1.0; 9])
            .ints("pads", pads)
            .node("Pad", &["x", "pads"], "a")
            .node("Conv", &["a", "w"], "y");
        for (name, value) in conv {
            b = b.attribute(name, value.clone());
        }
        b.output("y")
    }

    #[test]
    fn asymmetric_zeros_move_into_the_convolution() {
        let mut g = conv_after_pad(&[0, 0, 0, 0, 0, 0, 1, 1], &[("strides", Attribute::Ints(vec![2, 2]))]);
        run(&mut g);
        assert_eq!(show(&g), ["Conv(x, w) -> y"]);
        assert_eq!(g.nodes[0].ints("pads"), Some(&[0, 0, 1, 1][..]));
        assert_eq!(g.nodes[0].absorbed, ["Pad:a"]);
        assert_eq!(Shapes::infer(&g).get(&g, "y"), Some(&[1, 1, 4, 4][..]));
    }

    #[test]
    fn the_padding_adds_to_what_auto_pad_means() {
        let same = Attribute::Text("SAME_UPPER".to_owned());
        let mut g = conv_after_pad(&[0, 0, 1, 1, 0, 0, 1, 1], &[("auto_pad", same)]);
        let before = Shapes::infer(&g).get(&g, "y").unwrap().to_vec();
        run(&mut g);
        assert_eq!(g.nodes[0].ints("pads"), Some(&[2, 2, 2, 2][..]));
        assert_eq!(Shapes::infer(&g).get(&g, "y"), Some(&before[..]));
    }

    #[test]
    fn padded_channels_and_other_values_stay() {
        assert!(run(&mut conv_after_pad(&[0, 1, 0, 0, 0, 0, 0, 0], &[])).is_empty());
        let mut ones = Build::new(&[1, 1, 8, 8])
            .floats("w", &[1, 1, 3, 3], &[1.0; 9])
            .floats("one", &[], &[1.0])
            .ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1])
            .node("Pad", &["x", "pads", "one"], "a")
            .node("Conv", &["a", "w"], "y")
            .output("y");
        assert!(run(&mut ones).is_empty());
    }

    #[test]
    fn in_front_of_a_max_pool_only_behind_a_clamp_at_zero() {
        let build = |clamp: &str| {
            Build::new(&[1, 1, 8, 8])
                .ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1])
                .node(clamp, &["x"], "a")
                .node("Pad", &["a", "pads"], "b")
                .node("MaxPool", &["b"], "y")
                .attribute("kernel_shape", Attribute::Ints(vec![3, 3]))
                .output("y")
        };
        assert_eq!(run(&mut build("Relu")).len(), 1);
        assert!(run(&mut build("Identity")).is_empty());
    }
}
