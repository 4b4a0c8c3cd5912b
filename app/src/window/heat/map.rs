//! The colours and figures of a whole graph, worked out once for a run and a figure, not once for each frame.

use std::collections::HashMap;
use std::sync::Arc;

use egui::Color32;
use octet_engine::report::{LayerFacts, Report};

use super::{Palette, Scale};
use crate::window::state::{Heat, HeatSide, Measured, Model, State};

/// What a map is made of.
#[derive(Debug, Clone)]
pub struct HeatRequest {
    /// The graph.
    pub model: Arc<Model>,
    /// The run on display, B.
    pub shown: Option<Arc<Report>>,
    /// The run that it is compared with, A.
    pub reference: Option<Arc<Report>>,
    /// What boards measured of B and of A.
    pub measured: [Option<Arc<Measured>>; 2],
    /// Which figure.
    pub heat: Heat,
    /// Whose figure.
    pub side: HeatSide,
    /// Equal differences are equal distances on the scale.
    pub linear: bool,
    /// For a dark background.
    pub dark: bool,
}

impl PartialEq for HeatRequest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.model, &other.model)
            && same(&self.shown, &other.shown)
            && same(&self.reference, &other.reference)
            && self.measured.iter().zip(&other.measured).all(|(a, b)| same(a, b))
            && (self.heat, self.side, self.linear, self.dark)
                == (other.heat, other.side, other.linear, other.dark)
    }
}

fn same<T>(a: &Option<Arc<T>>, b: &Option<Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

impl HeatRequest {
    /// What the window shows of its open model; `None` without one.
    pub fn of(state: &State, dark: bool) -> Option<Self> {
        let measured = [state.runs.shown(), state.runs.reference()];
        let measured = measured.map(|run| run.and_then(|r| state.measured_of(r)).cloned());
        let reference = state.runs.reference().map(|r| r.report.clone());
        Some(Self {
            model: state.model.open.clone()?,
            shown: state.runs.shown().map(|r| r.report.clone()),
            side: if reference.is_some() { state.graph.side } else { HeatSide::Shown },
            reference,
            measured,
            heat: state.graph.heat,
            linear: state.graph.linear,
            dark,
        })
    }

    /// The figure of an operation, from the layers of B and of A.
    fn figure(&self, shown: Option<&LayerFacts>, reference: Option<&LayerFacts>) -> Option<f64> {
        let [of_shown, of_reference] = self.figures(shown, reference);
        match self.side {
            HeatSide::Shown => of_shown,
            HeatSide::Reference => of_reference,
            HeatSide::Difference => Some(of_shown? - of_reference?),
        }
    }

    /// The figures of an operation, of B and of A.
    fn figures(&self, shown: Option<&LayerFacts>, reference: Option<&LayerFacts>) -> [Option<f64>; 2] {
        self.figures_of(self.heat, shown, reference).map(|figure| figure.filter(|v| v.is_finite()))
    }

    /// Any figure of an operation, of B and of A.
    pub fn figures_of(
        &self,
        heat: Heat,
        shown: Option<&LayerFacts>,
        reference: Option<&LayerFacts>,
    ) -> [Option<f64>; 2] {
        let [of_shown, of_reference] = &self.measured;
        let of = |layer: Option<&LayerFacts>, measured: &Option<Arc<Measured>>| {
            heat.figure_on(layer?, measured.as_deref())
        };
        [of(shown, of_shown), of(reference, of_reference)]
    }

    fn scale(&self, figures: impl Iterator<Item = f64> + Clone) -> Option<Scale> {
        let linear = self.linear || self.heat.is_linear();
        if self.side == HeatSide::Difference {
            let palette = if self.dark { Palette::ChangeOnDark } else { Palette::ChangeOnLight };
            return Scale::difference(figures, !linear, palette);
        }
        if linear {
            Scale::linear(figures)
        } else {
            Scale::of(figures.clone()).or_else(|| Scale::linear(figures))
        }
    }

    /// A figure in words, with a sign where it is a difference.
    pub fn words(&self, figure: f64) -> String {
        if self.side == HeatSide::Difference { self.heat.signed(figure) } else { self.heat.text(figure) }
    }
}

/// What an operation is coloured with.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeHeat {
    /// Its figure.
    pub figure: f64,
    /// The figure's colour.
    pub colour: Color32,
    /// The figure in words.
    pub text: String,
    /// The same without a space, for a cell.
    pub short: String,
}

/// What a group stands for: the largest figure in it, or the sum where figures add up.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupHeat {
    /// The colour of the largest.
    pub colour: Color32,
    /// In words.
    pub text: String,
}

/// The colours of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// What it is made of.
    pub request: HeatRequest,
    /// The range of the colours; `None` when there is no figure.
    pub scale: Option<Scale>,
    /// Parallel to the network's nodes; `None` for what was not measured.
    pub nodes: Vec<Option<NodeHeat>>,
    /// Parallel to the model's groups.
    pub groups: Vec<Option<GroupHeat>>,
}

impl HeatMap {
    /// Colours a graph.
    pub fn new(request: HeatRequest) -> Self {
        let (shown, reference) = (by_name(&request.shown), by_name(&request.reference));
        let figure = |name: &str| request.figure(shown.get(name).copied(), reference.get(name).copied());
        let figures: Vec<Option<f64>> = request.model.network.nodes.iter().map(|n| figure(&n.name)).collect();
        let scale = request.scale(figures.iter().flatten().copied());
        let node = |figure: f64| {
            let (colour, text) = (scale?.colour(figure), request.words(figure));
            Some(NodeHeat { figure, colour, short: text.replace(' ', ""), text })
        };
        let nodes: Vec<Option<NodeHeat>> = figures.iter().map(|f| f.and_then(node)).collect();
        let groups = request.model.groups.iter().map(|group| {
            let heats = || group.nodes.iter().filter_map(|n| nodes.get(n.0)?.as_ref());
            let largest = heats().max_by(|a, b| a.figure.abs().total_cmp(&b.figure.abs()))?;
            let text = if request.heat.adds_up() {
                request.words(heats().map(|h| h.figure).sum())
            } else {
                largest.text.clone()
            };
            Some(GroupHeat { colour: largest.colour, text })
        });
        let groups = groups.collect();
        Self { request, scale, nodes, groups }
    }
}

fn by_name(report: &Option<Arc<Report>>) -> HashMap<&str, &LayerFacts> {
    let layers = report.as_ref().map(|r| r.layers.as_slice()).unwrap_or_default();
    layers.iter().map(|l| (l.name.as_str(), l)).collect()
}
