//! The rows of the table of layers.

use std::cmp::Ordering;
use std::collections::HashMap;

use octet_engine::network::{Network, NodeId};

use super::State;
use crate::window::graph::is_measured;
use crate::window::words::is_depthwise;

/// A column, by which rows can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Column {
    /// The order of the graph.
    #[default]
    Operation,
    /// Kind.
    Op,
    /// Width.
    Bits,
    /// Everything quantized.
    Graphwise,
    /// Only this quantized.
    Layerwise,
    /// Exponents of the weights.
    Weights,
    /// Exponent of the output.
    Output,
    /// Multiply-accumulates.
    Macs,
    /// Bytes of weights and bias.
    Bytes,
    /// Time on a board, with the estimate beside it.
    Measured,
}

impl Column {
    /// All, from left to right.
    pub const ALL: [Column; 10] = [
        Column::Operation,
        Column::Op,
        Column::Bits,
        Column::Graphwise,
        Column::Layerwise,
        Column::Weights,
        Column::Output,
        Column::Macs,
        Column::Bytes,
        Column::Measured,
    ];

    /// Those that are shown: what no board has measured has no column.
    pub fn shown(state: &State) -> impl Iterator<Item = Column> {
        let is_measured = state.measured().is_some();
        Self::ALL.into_iter().filter(move |column| is_measured || *column != Column::Measured)
    }

    /// Heading.
    pub fn title(self) -> &'static str {
        match self {
            Column::Operation => "Operation",
            Column::Op => "Kind",
            Column::Bits => "Bits",
            Column::Graphwise => "Graphwise %",
            Column::Layerwise => "Layerwise %",
            Column::Weights => "Weight exp.",
            Column::Output => "Out exp.",
            Column::Macs => "MACs (M)",
            Column::Bytes => "KiB",
            Column::Measured => "Board (ms)",
        }
    }

    /// What it shows.
    pub fn explanation(self) -> &'static str {
        match self {
            Column::Operation => "Name in the model file; sorts by the order of the graph",
            Column::Op => "What it computes",
            Column::Bits => "Width of weights and output",
            Column::Graphwise => super::Heat::Graphwise.explanation(),
            Column::Layerwise => super::Heat::Layerwise.explanation(),
            Column::Weights => {
                "Weights are integers times two to this exponent; a span where channels differ"
            }
            Column::Output => "The output is integers times two to this exponent",
            Column::Macs => "Multiply-accumulates of one picture, in millions",
            Column::Bytes => "Weights and bias in the file, in KiB",
            Column::Measured => "Time on the board in milliseconds; the estimate stands before it",
        }
    }
}

/// How the table is sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableView {
    /// Only operations with this text in their name or kind are listed.
    pub filter: String,
    /// By which column.
    pub column: Column,
    /// Largest first.
    pub descending: bool,
}

impl TableView {
    /// A click on a heading: sorts by it, or turns the order round. Figures start with the largest.
    pub fn click(&mut self, column: Column) {
        self.descending = if self.column == column {
            !self.descending
        } else {
            !matches!(column, Column::Operation | Column::Op)
        };
        self.column = column;
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Node name.
    pub name: String,
    /// What it computes.
    pub op: String,
    /// Width, once it is planned.
    pub bits: Option<u32>,
    /// Everything quantized.
    pub graphwise: Option<f64>,
    /// Only this quantized.
    pub layerwise: Option<f64>,
    /// Exponents of the weights.
    pub weight_exponents: Vec<i32>,
    /// Exponent of the output.
    pub output_exponent: Option<i32>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes in the file, once it is written.
    pub bytes: Option<u64>,
    /// Estimated microseconds on the chip.
    pub estimated_us: Option<f64>,
    /// Microseconds on a board.
    pub measured_us: Option<f64>,
    /// The same of the run that is compared with, where it has the operation.
    pub before: Option<Before>,
}

/// Figures of a row in the run that is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    /// Width.
    pub bits: u32,
    /// Everything quantized.
    pub graphwise: Option<f64>,
    /// Only this quantized.
    pub layerwise: Option<f64>,
    /// Exponent of the output.
    pub output_exponent: i32,
}

/// A node's operation as reports call it.
fn op_name(network: &Network, id: NodeId) -> String {
    match is_depthwise(network, id) {
        true => "DepthwiseConv".to_owned(),
        false => network.node(id).op.onnx_name().to_owned(),
    }
}

/// The rows of the run on display; without one, the operations of the model.
pub fn rows(state: &State) -> Vec<Row> {
    let before = before(state);
    let measured = state.measured();
    let mut rows: Vec<Row> = match (state.report(), &state.model.open) {
        (Some(report), _) => report
            .layers
            .iter()
            .map(|l| Row {
                name: l.name.clone(),
                op: l.op.clone(),
                bits: Some(l.bits),
                graphwise: l.graphwise_nsr,
                layerwise: l.layerwise_nsr,
                weight_exponents: l.weight_exponents.clone(),
                output_exponent: Some(l.output_exponent),
                macs: l.macs,
                bytes: Some(l.weight_bytes),
                estimated_us: l.latency_us,
                measured_us: measured.and_then(|m| m.layer_us(&l.name)),
                before: before.get(l.name.as_str()).copied(),
            })
            .collect(),
        (None, Some(model)) => {
            let network = &model.network;
            let measured = network.node_ids().filter(|(_, n)| is_measured(&n.op));
            measured
                .map(|(id, node)| Row {
                    name: node.name.clone(),
                    op: op_name(network, id),
                    bits: None,
                    graphwise: None,
                    layerwise: None,
                    weight_exponents: Vec::new(),
                    output_exponent: None,
                    macs: network.macs(id),
                    bytes: None,
                    estimated_us: None,
                    measured_us: None,
                    before: None,
                })
                .collect()
        }
        (None, None) => Vec::new(),
    };
    let filter = state.table.filter.trim().to_lowercase();
    if !filter.is_empty() {
        rows.retain(|r| r.name.to_lowercase().contains(&filter) || r.op.to_lowercase().contains(&filter));
    }
    sort(&mut rows, &state.table);
    rows
}

/// The figures of the run that is compared with, by operation; none when that is the one on display.
fn before(state: &State) -> HashMap<&str, Before> {
    let reference = state.runs.reference.filter(|r| state.runs.shown != Some(*r));
    let Some(run) = reference.and_then(|r| state.runs.all.get(r)) else { return HashMap::new() };
    let figures = |l: &octet_engine::report::LayerFacts| Before {
        bits: l.bits,
        graphwise: l.graphwise_nsr,
        layerwise: l.layerwise_nsr,
        output_exponent: l.output_exponent,
    };
    run.report.layers.iter().map(|l| (l.name.as_str(), figures(l))).collect()
}

/// Sorts stably; what is not known comes last in either order.
fn sort(rows: &mut [Row], view: &TableView) {
    if view.column == Column::Operation {
        if view.descending {
            rows.reverse();
        }
        return;
    }
    let direct = |order: Ordering| if view.descending { order.reverse() } else { order };
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => direct(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    rows.sort_by(|a, b| match view.column {
        Column::Operation => Ordering::Equal,
        Column::Op => direct(a.op.cmp(&b.op)),
        Column::Bits => known(a.bits.map(f64::from), b.bits.map(f64::from)),
        Column::Graphwise => known(a.graphwise, b.graphwise),
        Column::Layerwise => known(a.layerwise, b.layerwise),
        Column::Weights => known(
            a.weight_exponents.iter().min().map(|e| f64::from(*e)),
            b.weight_exponents.iter().min().map(|e| f64::from(*e)),
        ),
        Column::Output => known(a.output_exponent.map(f64::from), b.output_exponent.map(f64::from)),
        Column::Macs => direct(a.macs.cmp(&b.macs)),
        Column::Bytes => known(a.bytes.map(|b| b as f64), b.bytes.map(|b| b as f64)),
        Column::Measured => known(a.measured_us, b.measured_us),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, layerwise: Option<f64>) -> Row {
        Row {
            name: name.to_owned(),
            op: "Conv".to_owned(),
            bits: None,
            graphwise: None,
            layerwise,
            weight_exponents: Vec::new(),
            output_exponent: None,
            macs: 0,
            bytes: None,
            estimated_us: None,
            measured_us: None,
            before: None,
        }
    }

    #[test]
    fn what_is_not_measured_comes_last_in_either_order() {
        let mut rows = vec![row("none", None), row("small", Some(0.1)), row("large", Some(0.9))];
        let names = |rows: &[Row]| rows.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
        sort(&mut rows, &TableView { column: Column::Layerwise, descending: true, ..TableView::default() });
        assert_eq!(names(&rows), ["large", "small", "none"]);
        sort(&mut rows, &TableView { column: Column::Layerwise, ..TableView::default() });
        assert_eq!(names(&rows), ["small", "large", "none"]);
    }

    #[test]
    fn the_first_click_on_a_figure_shows_the_largest_on_top() {
        let mut view = TableView::default();
        view.click(Column::Layerwise);
        assert!(view.descending);
        view.click(Column::Layerwise);
        assert!(!view.descending);
        view.click(Column::Operation);
        assert!(!view.descending);
    }
}
