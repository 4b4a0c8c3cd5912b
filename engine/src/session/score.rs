//! Scores of the output alone: what a search over many drafts asks for. The float side is computed once, for later jobs on
//! the same pictures too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use octet_runtime::{Data, Simulator};
use rayon::prelude::*;

use super::Session;
use super::host::strategy_error;
use super::split::Split;
use crate::analyse::{AnalysisError, Ticker, dequantized_nchw, mean, noise_to_signal, to_nhwc, top1};
use crate::draft::Draft;
use crate::network::{NodeId, TensorId};
use crate::strategy::{PictureSet, Score, StrategyError};

/// The float network's scores on some pictures, and what they depend on.
#[derive(Debug)]
pub(super) struct FloatScores {
    split: Split,
    set: PictureSet,
    changed_weights: BTreeMap<TensorId, Arc<[f32]>>,
    relu_for_clip: BTreeSet<NodeId>,
    scores: Vec<Vec<f32>>,
}

impl FloatScores {
    fn fits(&self, split: Split, set: PictureSet, draft: &Draft, pictures: usize) -> bool {
        self.split == split
            && self.set == set
            && self.scores.len() == pictures
            && self.relu_for_clip == draft.relu_for_clip
            && self.changed_weights.len() == draft.changed_weights.len()
            && self.changed_weights.iter().all(|(tensor, values)| {
                draft.changed_weights.get(tensor).is_some_and(|now| Arc::ptr_eq(now, values))
            })
    }
}

impl Session {
    /// Compares the simulator's scores of `inputs`, pictures of `set`, with the float network's.
    pub(super) fn score_output(
        &mut self,
        set: PictureSet,
        simulator: &Simulator,
        inputs: &[Vec<f32>],
        ticker: &Ticker<'_>,
    ) -> Result<Score, StrategyError> {
        let known = self.statistics.float_scores();
        let known = known.filter(|known| known.fits(self.split, set, &self.draft, inputs.len()));
        let known = match known {
            Some(known) => known,
            None => {
                let new = Arc::new(FloatScores {
                    split: self.split,
                    set,
                    changed_weights: self.draft.changed_weights.clone(),
                    relu_for_clip: self.draft.relu_for_clip.clone(),
                    scores: self.float_scores(inputs, ticker)?,
                });
                self.statistics.keep_float_scores(Arc::clone(&new));
                new
            }
        };
        let input_shape = &self.network.tensor(self.network.input).shape;
        let output_shape = &self.network.tensor(self.network.output).shape;
        let measured: Result<Vec<(f64, bool)>, AnalysisError> = inputs
            .par_iter()
            .zip(&known.scores)
            .map_init(
                || simulator.scratch(),
                |scratch, (picture, float)| {
                    ticker.check()?;
                    let nhwc = to_nhwc(picture, input_shape);
                    let output = simulator
                        .run(scratch, Data::F32(&nhwc), None)
                        .map_err(|e| AnalysisError::Runtime(e.to_string()))?;
                    let quantized = dequantized_nchw(&output.data, output.exponent, output_shape);
                    let nsr = noise_to_signal(quantized.iter().copied(), float);
                    Ok((nsr, top1(&quantized) == top1(float)))
                },
            )
            .collect();
        let measured = measured.map_err(strategy_error)?;
        let figures: Vec<f64> = measured.iter().map(|m| m.0).collect();
        let agreeing = measured.iter().filter(|m| m.1).count();
        Ok(Score {
            output_nsr: mean(&figures).unwrap_or(0.0),
            agreement: agreeing as f64 / measured.len().max(1) as f64,
            pictures: measured.len(),
            nodes: Vec::new(),
        })
    }

    fn float_scores(&self, inputs: &[Vec<f32>], ticker: &Ticker<'_>) -> Result<Vec<Vec<f32>>, StrategyError> {
        let plan = self.float_plan(&self.draft.changed_weights, &[self.network.output])?;
        let scores: Result<Vec<Vec<f32>>, AnalysisError> = inputs
            .par_iter()
            .map(|picture| {
                ticker.check()?;
                Ok(plan.run(&[picture])?.pop().unwrap_or_default())
            })
            .collect();
        scores.map_err(strategy_error)
    }
}
