//! A run as the rules see it.

use serde_json::Value;

use super::chain::Chain;
use crate::report::{LayerFacts, Report};
use crate::target::{Granularity, TargetSpec};

/// A report with what several rules ask of it.
pub(super) struct Case<'a> {
    pub(super) report: &'a Report,
    /// An earlier run of the same model for the same chip.
    pub(super) reference: Option<&'a Report>,
    pub(super) per_channel: bool,
}

impl<'a> Case<'a> {
    /// A reference of another model or chip says nothing and is left out.
    pub(super) fn new(report: &'a Report, reference: Option<&'a Report>) -> Self {
        let same = |r: &&Report| r.model.sha256 == report.model.sha256 && r.target == report.target;
        let weights = TargetSpec::by_name(&report.target).map(|t| t.weights);
        Case {
            report,
            reference: reference.filter(same),
            per_channel: weights == Some(Granularity::PerChannel),
        }
    }

    pub(super) fn chain(&self) -> Chain {
        Chain::of(self.report)
    }

    /// A setting that a strategy ran with, defaults included.
    pub(super) fn setting(&self, id: &str, key: &str) -> Option<&'a Value> {
        self.report.strategy.iter().find(|s| s.id == id)?.settings.get(key)
    }

    /// The same as text; empty where there is none.
    pub(super) fn choice(&self, id: &str, key: &str) -> &'a str {
        self.setting(id, key).and_then(Value::as_str).unwrap_or("")
    }

    /// Noise:signal of the scores on calibration pictures.
    pub(super) fn noise(&self) -> Option<f64> {
        self.report.r#final.graphwise_nsr
    }

    /// Layers by a figure, the largest first, at or above a limit.
    pub(super) fn layers_above(
        &self,
        limit: f64,
        figure: impl Fn(&LayerFacts) -> Option<f64>,
    ) -> Vec<(f64, &'a LayerFacts)> {
        let figures = self.report.layers.iter().filter_map(|l| Some((figure(l)?, l)));
        let mut layers: Vec<_> = figures.filter(|(f, _)| *f >= limit).collect();
        layers.sort_by(|a, b| b.0.total_cmp(&a.0));
        layers
    }
}
