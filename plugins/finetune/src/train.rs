//! Training of one part: first thresholds, then rounding; what helps held-out pictures most is kept.

use candle_core::{Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};

use crate::model::{Model, State};
use crate::ops::Anneal;
use crate::pictures::{Batches, Examples};
use crate::settings::Settings;

/// Values of the widest activation that one batch may have: what a step's time depends on.
const BATCH_VALUES: usize = 2 << 20;
/// Most pictures in a batch.
const MOST_IN_BATCH: usize = 32;
/// Pictures that a loss is measured on.
pub(crate) const MEASURED: usize = 32;
/// The rounding is free for the first part of its training, then pulled with an exponent that falls from 20 to 2, as in
/// AdaRound's published code.
const FREE: f64 = 0.2;
const BETA: (f64, f64) = (20.0, 2.0);
/// Times that the held-out pictures are asked while the rounding is trained.
const CHECKS: u32 = 4;

/// Losses of one part: noise:signal of its output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Losses {
    pub(crate) trained: f64,
    pub(crate) held_out: f64,
}

/// What a training tells while it runs.
pub(crate) trait Watch {
    /// After a step; false ends the training with the best so far. An error ends the job.
    fn step(
        &mut self,
        done: u32,
        all: u32,
        loss: f64,
    ) -> std::result::Result<bool, octet_plugin_api::sdk::Error>;
    /// After a measurement on both kinds of pictures.
    fn measured(
        &mut self,
        done: u32,
        all: u32,
        losses: Losses,
    ) -> std::result::Result<(), octet_plugin_api::sdk::Error>;
}

/// Why a training ended early.
pub(crate) enum Stop {
    /// Candle's error.
    Failed(candle_core::Error),
    /// The host's, cancellation included.
    Host(octet_plugin_api::sdk::Error),
}

impl From<candle_core::Error> for Stop {
    fn from(error: candle_core::Error) -> Stop {
        Stop::Failed(error)
    }
}

impl From<octet_plugin_api::sdk::Error> for Stop {
    fn from(error: octet_plugin_api::sdk::Error) -> Stop {
        Stop::Host(error)
    }
}

/// A part with its pictures while it is trained.
pub(crate) struct Training<'a, 'g> {
    pub(crate) model: &'a mut Model<'g>,
    pub(crate) trained: &'a Examples,
    pub(crate) held_out: &'a Examples,
    pub(crate) settings: &'a Settings,
    /// Values of the widest activation for one picture.
    pub(crate) widest: usize,
    pub(crate) seed: u64,
}

impl Training<'_, '_> {
    /// Trains and leaves the model at the best state. Returns the losses before and after.
    pub(crate) fn run(&mut self, watch: &mut dyn Watch) -> std::result::Result<[Losses; 2], Stop> {
        let steps = self.settings.steps;
        let first = (f64::from(steps) * self.settings.threshold_share.clamp(0.0, 1.0)) as u32;
        let start = self.measure()?;
        watch.measured(0, steps, start)?;
        self.model.leave_origin();
        let mut best = (start, self.model.state()?);
        let mut batches = Batches::new(self.trained.len(), self.seed);
        let goes_on = self.thresholds(first, steps, &mut batches, watch)?;
        self.keep_better(first, steps, &mut best, watch)?;
        self.model.restore(&best.1)?;
        if goes_on && steps > first {
            self.rounding(first, steps, &mut batches, &mut best, watch)?;
            self.model.restore(&best.1)?;
        }
        Ok([start, best.0])
    }

    fn thresholds(
        &mut self,
        first: u32,
        all: u32,
        batches: &mut Batches,
        watch: &mut dyn Watch,
    ) -> std::result::Result<bool, Stop> {
        let mut optimizers = [
            adam(self.model.thresholds(), self.settings.threshold_rate)?,
            adam(self.model.shifts(), self.settings.bias_rate)?,
        ];
        let rates = [self.settings.threshold_rate, self.settings.bias_rate];
        for step in 0..first {
            let loss =
                self.one_step(batches, None, &mut optimizers, rates, f64::from(step) / f64::from(first))?;
            if !watch.step(step, all, loss)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn rounding(
        &mut self,
        first: u32,
        all: u32,
        batches: &mut Batches,
        best: &mut (Losses, State),
        watch: &mut dyn Watch,
    ) -> std::result::Result<(), Stop> {
        let variables = self.model.begin_rounding()?;
        let mut optimizers = [
            adam(variables, self.settings.rounding_rate)?,
            adam(self.model.shifts(), self.settings.bias_rate)?,
        ];
        let rates = [self.settings.rounding_rate, self.settings.bias_rate];
        let lambda = self.settings.regularization * best.0.trained / self.model.weights().max(1) as f64;
        let count = all - first;
        for step in 0..count {
            let done = f64::from(step) / f64::from(count);
            let pulled = ((done - FREE) / (1.0 - FREE)).max(0.0);
            let beta = BETA.1 + (BETA.0 - BETA.1) * 0.5 * (1.0 + (pulled * std::f64::consts::PI).cos());
            let lambda = if done < FREE { 0.0 } else { lambda };
            let anneal = Anneal { lambda: lambda as f32, beta: beta as f32 };
            let loss = self.one_step(batches, Some(anneal), &mut optimizers, rates, done)?;
            let goes_on = watch.step(first + step, all, loss)?;
            let checked = (step + 1) * CHECKS / count != step * CHECKS / count;
            if checked || !goes_on {
                let soft = self.model.state()?;
                self.model.harden()?;
                self.keep_better(first + step + 1, all, best, watch)?;
                self.model.restore(&soft)?;
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Remembers the state when it does better on pictures that it was not trained on.
    fn keep_better(
        &mut self,
        done: u32,
        all: u32,
        best: &mut (Losses, State),
        watch: &mut dyn Watch,
    ) -> std::result::Result<(), Stop> {
        let losses = self.measure()?;
        watch.measured(done, all, losses)?;
        if losses.held_out < best.0.held_out {
            *best = (losses, self.model.state()?);
        }
        Ok(())
    }

    /// One step on one batch. The rates fall along a half cosine.
    fn one_step(
        &mut self,
        batches: &mut Batches,
        anneal: Option<Anneal>,
        optimizers: &mut [Option<AdamW>; 2],
        rates: [f64; 2],
        done: f64,
    ) -> Result<f64> {
        let size = (BATCH_VALUES / self.widest.max(1)).clamp(1, MOST_IN_BATCH);
        let (input, target) = self.trained.batch(&batches.next(size))?;
        let loss = noise_to_signal(&self.model.forward(&input, anneal)?, &target)?;
        let gradients = loss.backward()?;
        let share = 0.5 * (1.0 + (done * std::f64::consts::PI).cos());
        for (optimizer, rate) in optimizers.iter_mut().zip(rates) {
            if let Some(optimizer) = optimizer {
                optimizer.set_learning_rate(rate * share);
                optimizer.step(&gradients)?;
            }
        }
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn measure(&self) -> Result<Losses> {
        let trained = self.loss_on(self.trained)?;
        // Without held-out pictures the trained ones must do.
        let held_out = if self.held_out.len() == 0 { trained } else { self.loss_on(self.held_out)? };
        Ok(Losses { trained, held_out })
    }

    fn loss_on(&self, examples: &Examples) -> Result<f64> {
        let count = examples.len().min(MEASURED);
        let size = (BATCH_VALUES / self.widest.max(1)).clamp(1, MOST_IN_BATCH);
        let (mut sum, mut batches) = (0.0, 0u32);
        for from in (0..count).step_by(size) {
            let places = from..count.min(from + size);
            let pictures: Vec<usize> = places.map(|i| i * examples.len() / count).collect();
            let (input, target) = examples.batch(&pictures)?;
            let output = self.model.forward(&input, None)?.detach();
            sum += f64::from(noise_to_signal(&output, &target)?.to_scalar::<f32>()?) * pictures.len() as f64;
            batches += pictures.len() as u32;
        }
        Ok(sum / f64::from(batches.max(1)))
    }
}

/// Noise:signal of a whole batch.
fn noise_to_signal(output: &Tensor, target: &Tensor) -> Result<Tensor> {
    let signal = target.sqr()?.sum_all()?.to_scalar::<f32>()?;
    (output - target)?.sqr()?.sum_all()?.affine(1.0 / f64::from(signal.max(1e-12)), 0.0)
}

/// Adam without weight decay; `None` where there is nothing to train.
fn adam(variables: Vec<Var>, rate: f64) -> Result<Option<AdamW>> {
    if variables.is_empty() || rate == 0.0 {
        return Ok(None);
    }
    let parameters = ParamsAdamW { lr: rate, weight_decay: 0.0, ..ParamsAdamW::default() };
    AdamW::new(variables, parameters).map(Some)
}
