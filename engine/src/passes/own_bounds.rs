//! Every Clip gets bounds of its own: exporters let all of them read the same two constants, and a strategy that scales
//! one activation must not move the bounds of the others. ESP-PPQ splits shared parameters too (`api/interface.py`).

use super::count;
use crate::onnx::graph::Graph;

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let mut copied = 0;
    for i in 0..graph.nodes.len() {
        if graph.nodes[i].op != "Clip" {
            continue;
        }
        for index in [1, 2] {
            let Some(name) = graph.nodes[i].input(index).map(str::to_owned) else { continue };
            let readers = graph.nodes.iter().flat_map(|n| &n.inputs).filter(|n| **n == name).count();
            let Some(value) = graph.constants.get(&name).filter(|_| readers > 1).cloned() else { continue };
            graph.replace_constant(i, index, value);
            copied += 1;
        }
    }
    match copied {
        0 => Vec::new(),
        _ => vec![format!("{} of Clips copied, which several of them read", count(copied, "bound"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::Build;

    #[test]
    fn no_two_clips_read_the_same_constant() {
        let mut graph = Build::new(&[1, 4])
            .floats("low", &[], &[0.0])
            .floats("high", &[], &[6.0])
            .node("Clip", &["x", "low", "high"], "a")
            .node("Clip", &["a", "low", "high"], "y")
            .output("y");
        assert_eq!(run(&mut graph).len(), 1);
        let bounds = |i: usize| [graph.nodes[i].inputs[1].clone(), graph.nodes[i].inputs[2].clone()];
        assert_ne!(bounds(0)[0], bounds(1)[0]);
        assert_ne!(bounds(0)[1], bounds(1)[1]);
        assert_eq!(bounds(1), ["low", "high"]);
        for name in bounds(0).iter().chain(&bounds(1)) {
            assert!(graph.constants.contains_key(name), "{name}");
        }
    }

    #[test]
    fn bounds_of_one_clip_alone_keep_their_names() {
        let mut graph = Build::new(&[1, 4])
            .floats("low", &[], &[0.0])
            .floats("high", &[], &[6.0])
            .node("Clip", &["x", "low", "high"], "y")
            .output("y");
        assert!(run(&mut graph).is_empty());
        assert_eq!(graph.nodes[0].inputs, ["x", "low", "high"]);
    }
}
