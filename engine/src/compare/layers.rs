//! The layers of several runs, matched by name.

use std::collections::HashMap;

use serde::Serialize;

use crate::report::LayerFacts;

/// The order of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayerOrder {
    /// The graph's.
    #[default]
    Graph,
    /// The biggest [`LayerRow::change`] first; those without one last, in the graph's order.
    Change,
}

/// One layer in all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerRow {
    /// Node name of the model file.
    pub name: String,
    /// ONNX operation, as in the report of the first run that has the layer.
    pub op: String,
    /// The runs that have it do not all give it the same width.
    pub bits_differ: bool,
    /// Largest distance of a run's noise:signal from the reference's: graphwise, or layerwise where graphwise is not known.
    pub change: Option<f64>,
    /// One per run, in their order; `None` where a run has no such layer.
    pub cells: Vec<Option<LayerCell>>,
}

/// One layer in one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerCell {
    /// Width in bits.
    pub bits: u32,
    /// Everything quantized: noise:signal of the layer's own output.
    pub graphwise_nsr: Option<f64>,
    /// Only this layer quantized: noise:signal of the network's output.
    pub layerwise_nsr: Option<f64>,
    /// Bytes of weights and bias in the file.
    pub weight_bytes: u64,
    /// Estimated microseconds on the run's target.
    pub latency_us: Option<f64>,
    /// Distances from the reference; `None` for the reference itself and where it has no such layer.
    pub difference: Option<LayerDifference>,
}

/// A layer's figures minus those of the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerDifference {
    /// Of `graphwise_nsr`.
    pub graphwise_nsr: Option<f64>,
    /// Of `layerwise_nsr`.
    pub layerwise_nsr: Option<f64>,
    /// Of `latency_us`.
    pub latency_us: Option<f64>,
}

/// The union over the runs. A layer that the reference has not stands behind the one that it follows in its own run.
pub(super) fn rows(runs: &[&[LayerFacts]], reference: usize, order: LayerOrder) -> Vec<LayerRow> {
    let mut union = Union::default();
    let first = runs.get(reference).into_iter().copied();
    let others = runs.iter().enumerate().filter(|(i, _)| *i != reference).map(|(_, layers)| *layers);
    first.chain(others).for_each(|layers| union.add(layers));
    let known: Vec<_> = runs.iter().map(|layers| by_key(layers)).collect();
    let mut rows: Vec<LayerRow> =
        union.in_order().into_iter().filter_map(|key| row(&known, key, reference)).collect();
    if order == LayerOrder::Change {
        // Stable, so that ties keep the graph's order.
        rows.sort_by(|a, b| b.change.unwrap_or(-1.0).total_cmp(&a.change.unwrap_or(-1.0)));
    }
    rows
}

/// A name, and how many layers of the same run had it before: names of a foreign file need not be unique.
type Key<'a> = (&'a str, usize);

fn keys(layers: &[LayerFacts]) -> impl Iterator<Item = (Key<'_>, &LayerFacts)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    layers.iter().map(move |layer| {
        let count = seen.entry(&layer.name).or_insert(0);
        *count += 1;
        ((layer.name.as_str(), *count), layer)
    })
}

fn by_key(layers: &[LayerFacts]) -> HashMap<Key<'_>, &LayerFacts> {
    keys(layers).collect()
}

fn row(runs: &[HashMap<Key<'_>, &LayerFacts>], key: Key<'_>, reference: usize) -> Option<LayerRow> {
    let layers: Vec<Option<&LayerFacts>> = runs.iter().map(|known| known.get(&key).copied()).collect();
    let base = layers.get(reference).copied().flatten();
    let first = base.or_else(|| layers.iter().flatten().next().copied())?;
    let cell = |i: usize, layer: &LayerFacts| LayerCell {
        bits: layer.bits,
        graphwise_nsr: layer.graphwise_nsr,
        layerwise_nsr: layer.layerwise_nsr,
        weight_bytes: layer.weight_bytes,
        latency_us: layer.latency_us,
        difference: base.filter(|_| i != reference).map(|base| LayerDifference {
            graphwise_nsr: minus(layer.graphwise_nsr, base.graphwise_nsr),
            layerwise_nsr: minus(layer.layerwise_nsr, base.layerwise_nsr),
            latency_us: minus(layer.latency_us, base.latency_us),
        }),
    };
    let cells: Vec<_> = layers.iter().enumerate().map(|(i, l)| l.map(|layer| cell(i, layer))).collect();
    let changes = cells.iter().flatten().filter_map(|c| {
        let difference = c.difference.as_ref()?;
        difference.graphwise_nsr.or(difference.layerwise_nsr).map(f64::abs)
    });
    Some(LayerRow {
        name: first.name.clone(),
        op: first.op.clone(),
        bits_differ: layers.iter().flatten().any(|l| l.bits != first.bits),
        change: changes.max_by(f64::total_cmp),
        cells,
    })
}

/// `a - b` where both are known.
pub(super) fn minus(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? - b?)
}

/// Names in order, as a linked list: inserting is cheap however long a report is.
#[derive(Default)]
struct Union<'a> {
    names: Vec<Key<'a>>,
    next: Vec<Option<usize>>,
    head: Option<usize>,
    index: HashMap<Key<'a>, usize>,
}

impl<'a> Union<'a> {
    fn add(&mut self, layers: &'a [LayerFacts]) {
        let mut last = None;
        for (key, _) in keys(layers) {
            let at = match self.index.get(&key) {
                Some(&at) => at,
                None => self.insert_behind(last, key),
            };
            last = Some(at);
        }
    }

    fn insert_behind(&mut self, last: Option<usize>, key: Key<'a>) -> usize {
        let at = self.names.len();
        let link = match last.and_then(|last| self.next.get_mut(last)) {
            Some(link) => link,
            None => &mut self.head,
        };
        let behind = link.replace(at);
        self.names.push(key);
        self.next.push(behind);
        self.index.insert(key, at);
        at
    }

    fn in_order(&self) -> Vec<Key<'a>> {
        let links = std::iter::successors(self.head, |&at| self.next.get(at).copied().flatten());
        links.filter_map(|at| self.names.get(at).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, bits: u32, graphwise_nsr: Option<f64>) -> LayerFacts {
        LayerFacts {
            name: name.to_owned(),
            op: "Conv".to_owned(),
            bits,
            weight_exponents: Vec::new(),
            output_exponent: 0,
            graphwise_nsr,
            layerwise_nsr: None,
            layerwise_with_output_nsr: None,
            layerwise_output_only_nsr: None,
            macs: 0,
            weight_bytes: 0,
            beyond_range: None,
            weight_range_ratio: None,
            coarse_channels: None,
            clipped: None,
            latency_us: None,
        }
    }

    fn names(rows: &[LayerRow]) -> Vec<&str> {
        rows.iter().map(|r| r.name.as_str()).collect()
    }

    #[test]
    fn layers_are_matched_by_name_and_new_ones_stand_where_their_run_has_them() {
        let a = [layer("one", 8, Some(0.1)), layer("two", 8, Some(0.2)), layer("four", 8, None)];
        let b = [
            layer("zero", 8, None),
            layer("two", 16, Some(0.1)),
            layer("three", 8, None),
            layer("four", 8, None),
        ];
        let rows = rows(&[&a, &b], 0, LayerOrder::Graph);
        assert_eq!(names(&rows), ["zero", "one", "two", "three", "four"]);
        assert!(rows[2].bits_differ && !rows[4].bits_differ && !rows[0].bits_differ);
        assert!(rows[1].cells[1].is_none() && rows[0].cells[0].is_none());
        let difference = rows[2].cells[1].as_ref().unwrap().difference.as_ref().unwrap();
        assert_eq!(difference.graphwise_nsr, Some(-0.1));
        assert!(
            rows[2].cells[0].as_ref().unwrap().difference.is_none(),
            "the reference differs from nothing"
        );
        assert!(rows[3].cells[1].as_ref().unwrap().difference.is_none(), "the reference has it not");
    }

    #[test]
    fn the_biggest_change_comes_first_in_either_direction() {
        let a = [layer("one", 8, Some(0.1)), layer("two", 8, None), layer("three", 8, Some(0.3))];
        let b = [layer("one", 8, Some(0.2)), layer("two", 8, Some(0.1)), layer("three", 8, Some(0.1))];
        assert_eq!(names(&rows(&[&a, &b], 0, LayerOrder::Change)), ["three", "one", "two"]);
        assert_eq!(names(&rows(&[&a, &b], 1, LayerOrder::Change)), ["three", "one", "two"]);
    }

    #[test]
    fn layers_of_the_same_name_are_matched_in_turn() {
        let a = [layer("x", 8, Some(0.1)), layer("x", 8, Some(0.2))];
        let rows = rows(&[&a, &a], 0, LayerOrder::Graph);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].cells[1].as_ref().unwrap().graphwise_nsr, Some(0.2));
        assert!(rows.iter().all(|r| r.change == Some(0.0)));
    }
}
