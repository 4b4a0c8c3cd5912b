//! The numeric contract, checked for every channel of a plan; each violation comes with its repair.

use super::sums::{BiasLoss, Excess, absolute_sums};
use super::{ConstantPlan, NodePlan, Plan};
use crate::draft::{Bits, Draft};
use crate::network::{Network, NodeId, TensorId};
use crate::quantize::{exp2, signed_range};

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `e_y - e_x - e_w >= 0`: the chip only shifts right, ESP-DL rejects the layer otherwise.
    RightShift,
    /// A shift of more than 31 (int8) or 63 (int16) bits leaves nothing.
    ShiftWidth,
    /// The bias must fit its width.
    BiasRange,
    /// `|bias| + sum(|w|) * max|x|` must fit the accumulator.
    AccumulatorRange,
}

/// A change of the draft that mends a violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Raise an activation's exponent.
    ActivationExponent {
        /// The tensor of the slot.
        tensor: TensorId,
        /// Its width.
        bits: Bits,
        /// The new exponent.
        exponent: i32,
    },
    /// Raise exponents of weights: (index, new exponent). None where every change would cost more than it mends.
    WeightExponents {
        /// The weights.
        tensor: TensorId,
        /// Index among the tensor's exponents, and the new exponent.
        changes: Vec<(usize, i32)>,
    },
}

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// Name of the layer.
    pub node: String,
    /// Output channels concerned.
    pub channels: Vec<usize>,
    /// True when the chip cannot run the layer; false when it runs with a loss.
    pub fatal: bool,
    /// What is wrong and what helps, in a sentence or two.
    pub message: String,
    /// What [`apply_repairs`] does about it.
    pub repair: Repair,
}

/// Holds every channel of every layer against the rules. `draft` supplies the weights that the plan was made for.
pub fn check(network: &Network, draft: &Draft, plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, node) in network.node_ids() {
        let planned = plan.node(id);
        if let Some(weights) = &planned.weights {
            let layer = Layer { network, draft, plan, id, name: &node.name, planned, weights };
            layer.check_shifts(&mut findings);
            layer.check_sums(&mut findings);
        }
    }
    findings
}

/// Applies the repairs of `findings` to the draft. Repairs can make others necessary: complete and check again.
pub fn apply_repairs(draft: &mut Draft, findings: &[Finding]) {
    for finding in findings {
        match &finding.repair {
            Repair::ActivationExponent { tensor, bits, exponent } => {
                let slot = draft.activation_exponents.entry((*tensor, *bits)).or_insert(*exponent);
                *slot = (*slot).max(*exponent);
            }
            Repair::WeightExponents { tensor, changes } => {
                if let Some(exponents) = draft.weight_exponents.get_mut(tensor) {
                    for &(index, exponent) in changes {
                        if let Some(slot) = exponents.get_mut(index) {
                            *slot = (*slot).max(exponent);
                        }
                    }
                }
            }
        }
    }
}

struct Layer<'a> {
    network: &'a Network,
    draft: &'a Draft,
    plan: &'a Plan,
    id: NodeId,
    name: &'a str,
    planned: &'a NodePlan,
    weights: &'a ConstantPlan,
}

impl Layer<'_> {
    fn input_exponent(&self) -> i32 {
        self.planned.operands.first().map_or(0, |o| o.read.exponent)
    }

    fn values(&self, tensor: TensorId) -> &[f32] {
        match self.draft.replaced(tensor) {
            Some(values) => values,
            None => self.network.tensor(tensor).data.as_deref().unwrap_or_default(),
        }
    }

    fn check_shifts(&self, findings: &mut Vec<Finding>) {
        let Some(output) = self.planned.output else { return };
        let (input, limit) = (self.input_exponent(), if self.planned.bits == Bits::Int8 { 31 } else { 63 });
        let shift = |e_w: i32| output.exponent - input - e_w;
        let channels_where = |wrong: &dyn Fn(i32) -> bool| -> Vec<usize> {
            let exponents = self.weights.exponents.iter().enumerate();
            exponents.filter(|(_, e)| wrong(shift(**e))).map(|(c, _)| c).collect()
        };
        let negative = channels_where(&|s| s < 0);
        if let Some(needed) = negative.iter().map(|&c| input + self.weights.exponents[c]).max() {
            findings.push(Finding {
                rule: Rule::RightShift,
                node: self.name.to_owned(),
                message: format!(
                    "`{}`: output exponent {} lies below input {input} + weights in {} of {} channels, and ESP-DL \
                     rejects the layer; raise its output exponent to {needed}, or its width to 16 bits",
                    self.name, output.exponent, negative.len(), self.weights.exponents.len()
                ),
                channels: negative,
                fatal: true,
                repair: self.raise_output(needed),
            });
        }
        let wide = channels_where(&|s| s > limit);
        if !wide.is_empty() {
            let needed = output.exponent - input - limit;
            findings.push(Finding {
                rule: Rule::ShiftWidth,
                node: self.name.to_owned(),
                message: format!(
                    "`{}`: {} channels would be shifted right by more than {limit} bits, which leaves nothing of \
                     them; raise their weight exponents to {needed}",
                    self.name,
                    wide.len()
                ),
                repair: Repair::WeightExponents {
                    tensor: self.weights.tensor,
                    changes: wide.iter().map(|&c| (c, needed)).collect(),
                },
                channels: wide,
                fatal: false,
            });
        }
    }

    /// Raises the exponent of the slot that the layer's output takes its exponent from.
    fn raise_output(&self, exponent: i32) -> Repair {
        let topology = super::Topology::new(self.network, self.draft);
        let (root, bits) = topology.root(self.network.node(self.id).output());
        let tensor = super::complete::align(&topology).last(root);
        Repair::ActivationExponent { tensor, bits, exponent }
    }

    fn check_sums(&self, findings: &mut Vec<Finding>) {
        let node = self.network.node(self.id);
        let Some(axis) = super::complete::output_channel_axis(&node.op) else { return };
        let shape = &self.network.tensor(self.weights.tensor).shape;
        let channels = shape.get(axis).copied().unwrap_or(1);
        let sums = absolute_sums(self.values(self.weights.tensor), channels, axis, self.weights, self.plan);
        let bias_values = node.inputs.get(2).map(|&t| self.values(t)).unwrap_or_default();
        let (largest_input, lane_bits) = match self.planned.bits {
            Bits::Int8 => (128i64, 32),
            Bits::Int16 => (32768, self.plan.target.bias_bits_int16.min(62)),
        };
        let bias_bits = self.planned.bias.as_ref().map_or(lane_bits, |b| b.bits).min(62);
        let (mut too_wide, mut too_large) = (Excess::default(), Excess::default());
        let input = self.input_exponent();
        for (channel, sum) in sums.iter().enumerate() {
            let bias = bias_values.get(channel).copied().unwrap_or(0.0);
            let exponent = self.weights.exponent(channel);
            let scaled = f64::from(bias) / f64::from(exp2(input + exponent));
            too_wide.add(channel, scaled.abs(), signed_range(bias_bits).1 as f64, exponent);
            let total = scaled.abs() + (sum * largest_input) as f64;
            too_large.add(channel, total, signed_range(lane_bits).1 as f64, exponent);
        }
        if !too_wide.channels.is_empty() {
            let loss = BiasLoss {
                weights: self.values(self.weights.tensor),
                bias: bias_values,
                channels,
                axis,
                planned: self.weights,
                rounding: self.plan.target.rounding,
                input_exponent: input,
                bias_bits,
                output_exponent: self.planned.output.map_or(0, |f| f.exponent),
            };
            let changes = loss.cheapest(&too_wide);
            let remedy = match changes.iter().map(|c| c.1).max() {
                Some(highest) => format!("raise their weight exponents (at most to {highest})"),
                None => {
                    "clamping it costs less than coarser weights would; a width of 16 bits, or equalization before \
                         quantization, avoids it"
                        .to_owned()
                }
            };
            findings.push(Finding {
                rule: Rule::BiasRange,
                node: self.name.to_owned(),
                message: format!(
                    "`{}`: the bias of {} of {channels} channels does not fit {bias_bits} bits; {remedy}",
                    self.name,
                    too_wide.channels.len(),
                ),
                repair: Repair::WeightExponents { tensor: self.weights.tensor, changes },
                channels: too_wide.channels,
                fatal: false,
            });
        } else if !too_large.channels.is_empty() {
            let changes = too_large.needed(self.weights);
            findings.push(Finding {
                rule: Rule::AccumulatorRange,
                node: self.name.to_owned(),
                message: format!(
                    "`{}`: sums of {} of {channels} channels can exceed the {lane_bits}-bit accumulator; raise their \
                     weight exponents (to at most {})",
                    self.name,
                    too_large.channels.len(),
                    changes.iter().map(|c| c.1).max().unwrap_or_default()
                ),
                repair: Repair::WeightExponents { tensor: self.weights.tensor, changes },
                channels: too_large.channels,
                fatal: false,
            });
        }
    }
}
