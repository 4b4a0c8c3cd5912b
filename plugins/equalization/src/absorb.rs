//! High-bias absorption: Nagel et al., arXiv 1906.04721, section 4.1.3.
//!
//! Where a ReLU's input hardly ever falls below some c > 0, r(x - c) = r(x) - c: the layer before can give c of its
//! bias to the layers behind, and the activation between spans less. The paper takes c = max(0, mean - 3 deviations) from
//! BatchNorm's statistics. Those are folded into the weights here, so means and deviations come from the calibration
//! pictures, and c stays below the smallest value seen besides: on these pictures the network stays the same.

use crate::graph::{Constants, Graph, Kind, NodeId, TensorId, values};

/// Deviations between the mean and what counts as never reached.
const DEVIATIONS: f64 = 3.0;

/// A layer and those behind it that can take a part of its biases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    /// The layer before.
    pub(crate) upstream: NodeId,
    /// Its output, the input of a ReLU or ReLU6.
    pub(crate) output: TensorId,
    /// Upper bound of a ReLU6.
    pub(crate) upper: Option<f32>,
    /// The layers behind.
    pub(crate) downstream: Vec<NodeId>,
}

/// All links in graph order. A layer that pads takes nothing: its zeros would stand for c.
pub(crate) fn links(graph: &Graph, constants: &Constants) -> Vec<Link> {
    let link = |upstream: NodeId| -> Option<Link> {
        graph.layer(upstream)?.bias?;
        let output = graph.nodes.get(upstream)?.output;
        let &[activation] = graph.tensors.get(output)?.consumers.as_slice() else { return None };
        let between = graph.nodes.get(activation)?;
        let upper = match (between.op.as_str(), &between.kind) {
            ("Relu" | "Clip", Kind::Channelwise) => None,
            (_, Kind::Clip { lower, upper, .. }) if values(constants, *lower) == [0.0] => {
                Some(*values(constants, *upper).first()?)
            }
            _ => return None,
        };
        let downstream = graph.tensors.get(between.output)?.consumers.clone();
        let takes = |&node: &NodeId| graph.layer(node).is_some_and(|l| l.bias.is_some() && !l.padded);
        let inside = output != graph.output && between.output != graph.output && !downstream.is_empty();
        (inside && downstream.iter().all(takes)).then_some(Link { upstream, output, upper, downstream })
    };
    graph.layers().filter_map(|(node, _)| link(node)).collect()
}

/// What one channel was seen to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    count: f64,
    sum: f64,
    squares: f64,
    min: f32,
    max: f32,
}

impl Seen {
    /// Nothing so far.
    pub(crate) const NOTHING: Seen =
        Seen { count: 0.0, sum: 0.0, squares: 0.0, min: f32::INFINITY, max: f32::NEG_INFINITY };

    /// Adds the values of one picture.
    pub(crate) fn add(&mut self, values: &[f32]) {
        for &value in values {
            self.sum += f64::from(value);
            self.squares += f64::from(value).powi(2);
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.count += values.len() as f64;
    }

    /// The c of a channel in front of a ReLU, or of a ReLU6 with this upper bound; 0 where that is reached.
    pub(crate) fn surplus(&self, upper: Option<f32>) -> f32 {
        if self.count == 0.0 {
            return 0.0;
        }
        let mean = self.sum / self.count;
        let reach = DEVIATIONS * (self.squares / self.count - mean * mean).max(0.0).sqrt();
        if upper.is_some_and(|upper| f64::from(self.max).max(mean + reach) > f64::from(upper)) {
            return 0.0;
        }
        f64::from(self.min).min(mean - reach).max(0.0) as f32
    }
}

/// Moves `surplus[c]` of every channel's bias into the biases of the layers behind.
pub(crate) fn absorb(graph: &Graph, constants: &mut Constants, link: &Link, surplus: &[f32]) {
    for layer in link.downstream.iter().filter_map(|&node| graph.layer(node)) {
        let mut taken = vec![0.0f64; layer.outputs];
        let weights = values(constants, layer.weights);
        layer.each_weight(|i, output, input| {
            taken[output] += f64::from(weights[i]) * f64::from(surplus[input]);
        });
        if let Some(bias) = layer.bias.and_then(|bias| constants.get_mut(&bias)) {
            bias.iter_mut().zip(taken).for_each(|(b, taken)| *b = (f64::from(*b) + taken) as f32);
        }
    }
    let bias = graph.layer(link.upstream).and_then(|layer| layer.bias);
    if let Some(bias) = bias.and_then(|bias| constants.get_mut(&bias)) {
        bias.iter_mut().zip(surplus).for_each(|(b, &c)| *b -= c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_network::{Build, constant, run};

    fn chain(activation: &str, kernel: usize) -> (Graph, Constants) {
        let mut b = Build::new(1, 1);
        let x = b.conv("before", 0, 1, 1, false);
        let x = if activation == "relu" { b.relu("act", x) } else { b.relu6("act", x) };
        b.conv("behind", x, 1, kernel, false);
        b.set("before.w", &[0.5]);
        b.set("before.b", &[3.0]);
        b.finish()
    }

    fn seen(values: &[f32]) -> Seen {
        let mut seen = Seen::NOTHING;
        seen.add(values);
        seen
    }

    #[test]
    fn the_surplus_is_below_the_smallest_value_and_three_deviations() {
        assert_eq!(seen(&[5.0; 9]).surplus(None), 5.0);
        assert_eq!(seen(&[-1.0, 5.0]).surplus(None), 0.0);
        // Mean 5, deviation 1; the smallest value is 4.
        assert_eq!(seen(&[4.0, 6.0]).surplus(None), 2.0);
        let mut many = vec![5.0; 998];
        many.extend([4.9, 5.1]);
        let surplus = seen(&many).surplus(None);
        assert!((surplus - 4.9).abs() < 1e-6, "{surplus}");
        assert_eq!(Seen::NOTHING.surplus(None), 0.0);
    }

    #[test]
    fn nothing_is_absorbed_where_the_upper_bound_is_reached() {
        assert_eq!(seen(&[5.0; 9]).surplus(Some(6.0)), 5.0);
        assert_eq!(seen(&[5.0, 6.5]).surplus(Some(6.0)), 0.0);
        assert_eq!(seen(&[4.0, 6.0]).surplus(Some(6.0)), 0.0, "three deviations above the mean are 8");
    }

    #[test]
    fn the_layer_behind_takes_what_the_layer_before_gives() {
        for activation in ["relu", "relu6"] {
            let (graph, mut constants) = chain(activation, 1);
            let picture = [-1.0, -0.5, 0.0, 0.5, 1.0, 0.2, 0.4, 0.6, 0.8];
            let before = run(&graph, &constants, &picture);
            let links = links(&graph, &constants);
            assert_eq!(links.len(), 1);
            let (weight, bias) =
                (constant(&graph, &constants, "behind.w")[0], constant(&graph, &constants, "behind.b")[0]);
            absorb(&graph, &mut constants, &links[0], &[2.0]);
            assert_eq!(constant(&graph, &constants, "before.b"), [1.0]);
            assert!((constant(&graph, &constants, "behind.b")[0] - (bias + 2.0 * weight)).abs() < 1e-6);
            let after = run(&graph, &constants, &picture);
            for (a, b) in before[graph.output].iter().zip(&after[graph.output]) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_layer_that_pads_takes_nothing() {
        let (graph, constants) = chain("relu", 3);
        assert!(links(&graph, &constants).is_empty());
    }
}
