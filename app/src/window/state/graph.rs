//! How the graph is seen: the camera, what is unfolded, which figure colours it, what is searched.

use std::collections::BTreeSet;
use std::sync::Arc;

use octet_engine::network::NodeId;
use octet_engine::report::LayerFacts;
use serde::{Deserialize, Serialize};

use super::Measured;
use crate::window::format;
use crate::window::graph::{Camera, Flight, Hit, Layout, LayoutKey};

/// Which figure colours the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heat {
    /// Only this operation quantized.
    #[default]
    Layerwise,
    /// Everything quantized.
    Graphwise,
    /// Width.
    Bits,
    /// Multiply-accumulates.
    Macs,
    /// Bytes of weights and bias.
    Bytes,
    /// Estimated time on the chip.
    Latency,
    /// Time that a board took.
    Measured,
    /// Output integers at the end of their range.
    Clipped,
    /// No colours.
    Off,
}

impl Heat {
    /// All, in the order of the menu.
    pub const ALL: [Heat; 9] = [
        Heat::Layerwise,
        Heat::Graphwise,
        Heat::Clipped,
        Heat::Bits,
        Heat::Macs,
        Heat::Bytes,
        Heat::Latency,
        Heat::Measured,
        Heat::Off,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Heat::Layerwise => "layerwise error",
            Heat::Graphwise => "graphwise error",
            Heat::Bits => "bits",
            Heat::Macs => "MACs",
            Heat::Bytes => "bytes",
            Heat::Latency => "latency",
            Heat::Measured => "measured latency",
            Heat::Clipped => "clipped values",
            Heat::Off => "none",
        }
    }

    /// What the figure measures.
    pub fn explanation(self) -> &'static str {
        match self {
            Heat::Layerwise => {
                "Only this operation is quantized: noise to signal of the network's output. It tells how much the operation hurts."
            }
            Heat::Graphwise => {
                "Everything is quantized: noise to signal of this operation's output. It tells how much error has gathered so far."
            }
            Heat::Bits => "Width of weights and output",
            Heat::Macs => "Multiply-accumulates of one picture",
            Heat::Bytes => "Weights and bias in the file",
            Heat::Latency => "Estimated time on the chip",
            Heat::Measured => "Time that a board took, once the run was deployed and verified",
            Heat::Clipped => "Share of the output's integers that lie at the end of their range",
            Heat::Off => "No colours",
        }
    }

    /// The figure of a layer; `None` where it was not measured, or where there is nothing to measure.
    pub fn figure(self, layer: &LayerFacts) -> Option<f64> {
        let above_zero = |n: u64| (n > 0).then_some(n as f64);
        match self {
            Heat::Layerwise => layer.layerwise_nsr,
            Heat::Graphwise => layer.graphwise_nsr,
            Heat::Bits => Some(f64::from(layer.bits)),
            Heat::Macs => above_zero(layer.macs),
            Heat::Bytes => above_zero(layer.weight_bytes),
            Heat::Latency => layer.latency_us,
            Heat::Clipped => layer.clipped,
            Heat::Measured | Heat::Off => None,
        }
    }

    /// The figure of a layer, where `measured` is what a board told of the run.
    pub fn figure_on(self, layer: &LayerFacts, measured: Option<&Measured>) -> Option<f64> {
        match self {
            Heat::Measured => measured?.layer_us(&layer.name),
            _ => self.figure(layer),
        }
    }

    /// True when the figures of several operations add up to that of all.
    pub fn adds_up(self) -> bool {
        matches!(self, Heat::Macs | Heat::Bytes | Heat::Latency | Heat::Measured)
    }

    /// True when ratios of the figure say nothing.
    pub fn is_linear(self) -> bool {
        self == Heat::Bits
    }

    /// A figure in words.
    pub fn text(self, figure: f64) -> String {
        match self {
            Heat::Layerwise | Heat::Graphwise | Heat::Clipped => format::percent(figure),
            Heat::Bits => format!("{figure:.0} bit"),
            Heat::Macs => format::count(figure.max(0.0) as u64),
            Heat::Bytes => format::bytes(figure.max(0.0) as u64),
            Heat::Latency | Heat::Measured => format::milliseconds(figure),
            Heat::Off => String::new(),
        }
    }

    /// A difference in words: with a sign, in the unit of the figure.
    pub fn signed(self, difference: f64) -> String {
        let sign = if difference > 0.0 {
            "+"
        } else if difference < 0.0 {
            "−"
        } else {
            "±"
        };
        format!("{sign}{}", self.text(difference.abs()))
    }
}

/// Whose figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeatSide {
    /// Of the run on display, B.
    #[default]
    Shown,
    /// Of the run that it is compared with, A.
    Reference,
    /// B minus A.
    Difference,
}

impl HeatSide {
    /// All, in the order of the menu.
    pub const ALL: [HeatSide; 3] = [HeatSide::Shown, HeatSide::Reference, HeatSide::Difference];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            HeatSide::Shown => "run B",
            HeatSide::Reference => "run A",
            HeatSide::Difference => "B minus A",
        }
    }
}

/// Where the camera is asked to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// To an operation, close enough to read it.
    Node(NodeId),
    /// So that an operation is in view, at the present zoom.
    IntoView(NodeId),
    /// So that a group fills the canvas.
    Group(usize),
}

/// A search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Find {
    /// What is typed.
    pub text: String,
    /// What was found.
    pub hits: Vec<Hit>,
    /// Index of the hit that Enter goes to.
    pub chosen: usize,
}

/// How the graph is seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphView {
    /// `None` keeps everything in view, also when the window changes.
    pub camera: Option<Camera>,
    /// Indices of the groups that list their operations.
    pub open: BTreeSet<usize>,
    /// Colours.
    pub heat: Heat,
    /// Whose figures.
    pub side: HeatSide,
    /// The scale is linear, not logarithmic.
    pub linear: bool,
    /// Constants are shown.
    pub constants: bool,
    /// Where everything is drawn, once that is worked out.
    pub layout: Option<Arc<Layout>>,
    /// The layout that a thread works on.
    pub arranging: Option<LayoutKey>,
    /// The group that stays where it is on the screen when the layout changes.
    pub anchor: Option<usize>,
    /// Where the camera is asked to go.
    pub goal: Option<Goal>,
    /// The camera's way there.
    pub flight: Option<Flight>,
    /// The search, while it is open.
    pub find: Option<Find>,
    /// The picture to be saved is for a dark background.
    pub picture_dark: bool,
}

impl GraphView {
    /// Forgets what belongs to a model.
    pub fn forget_model(&mut self) {
        *self = Self {
            heat: self.heat,
            side: self.side,
            linear: self.linear,
            constants: self.constants,
            ..Self::default()
        };
    }
}
