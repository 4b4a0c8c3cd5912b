//! What the user may choose.

use octet_plugin_api::observer::{percentile, pot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "int8", extend("exponents" = "chooses"))]
pub(crate) struct Settings {
    /// How the exponents of activations are chosen.
    #[schemars(title = "Activations")]
    pub(crate) observer: Observer,
    /// Other ways for some operations: names or patterns such as *features.1/*=minmax, separated by commas; the last
    /// one that fits counts.
    #[schemars(title = "Activations of some operations")]
    pub(crate) observer_of: String,
    /// How the exponent of the network's input is chosen.
    #[schemars(title = "Network input")]
    pub(crate) input_observer: InputObserver,
    /// How the exponents of weights are chosen.
    #[schemars(title = "Weights")]
    pub(crate) weights_observer: WeightsObserver,
    /// Whether biases make up for what rounding the weights shifts on average; auto: unless activations use kl.
    #[schemars(title = "Bias correction")]
    pub(crate) bias_correction: BiasCorrection,
    /// The quantile that percentiles keep.
    #[schemars(title = "Percentile", range(min = 0.9, max = 1.0))]
    pub(crate) percentile: f64,
    /// What clipping counts against rounding in mse-pot: 1 is the plain squared error, less clips more.
    #[schemars(title = "Weight of clipping", range(min = 0.0, max = 16.0))]
    pub(crate) clip_weight: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            observer: Observer::default(),
            observer_of: String::new(),
            input_observer: InputObserver::default(),
            weights_observer: WeightsObserver::default(),
            bias_correction: BiasCorrection::default(),
            percentile: percentile::DEFAULT,
            clip_weight: pot::CLIP_WEIGHT,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Observer {
    /// The power of two with the smallest squared error.
    #[default]
    MsePot,
    /// ESP-PPQ's default: Kullback-Leibler divergence, nearest power of two.
    Kl,
    /// Nothing is clipped.
    Minmax,
    /// The rarest values are clipped.
    Percentile,
    /// ESP-PPQ's squared error observer.
    Mse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InputObserver {
    /// Nothing is clipped, except where activations use ESP-PPQ's kl.
    #[default]
    Auto,
    /// As the activations.
    Same,
    /// Nothing is clipped.
    Minmax,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WeightsObserver {
    /// The best measured: nothing is clipped where channels have exponents of their own, else mse-pot. With kl: target.
    #[default]
    Auto,
    /// As ESP-PPQ does for the chip: nothing clipped where channels have exponents of their own, else the percentile.
    Target,
    /// Nothing is clipped.
    Minmax,
    /// The power of two with the smallest squared error.
    MsePot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BiasCorrection {
    /// On, except where activations use ESP-PPQ's kl.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Settings {
    /// Whether biases are corrected.
    pub(crate) fn corrects_biases(&self) -> bool {
        match self.bias_correction {
            BiasCorrection::Auto => self.observer != Observer::Kl,
            BiasCorrection::On => true,
            BiasCorrection::Off => false,
        }
    }

    /// The observer of the network's input.
    pub(crate) fn for_input(&self) -> Observer {
        match self.input_observer {
            InputObserver::Minmax => Observer::Minmax,
            InputObserver::Same => self.observer,
            InputObserver::Auto if self.observer == Observer::Kl => Observer::Kl,
            InputObserver::Auto => Observer::Minmax,
        }
    }

    /// The observer of weights, `Auto` resolved.
    pub(crate) fn for_weights(&self, per_channel: bool) -> WeightsObserver {
        match self.weights_observer {
            WeightsObserver::Auto if self.observer == Observer::Kl => WeightsObserver::Target,
            WeightsObserver::Auto if per_channel => WeightsObserver::Minmax,
            WeightsObserver::Auto => WeightsObserver::MsePot,
            chosen => chosen,
        }
    }

    /// Whether findings may be repaired.
    pub(crate) fn repairs(&self) -> bool {
        self.observer != Observer::Kl
    }
}
