//! Exponents that the user set by hand, on top of what the strategies chose.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::JobError;
use crate::draft::Draft;
use crate::network::{Network, NodeId};
use crate::plan::{Plan, Topology};
use crate::quantize::EXPONENT_RANGE;

/// Changes by hand. Names are those of operations in the model file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HandEdits {
    /// Exponent of an operation's output after its fused activation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub output_exponents: BTreeMap<String, i32>,
    /// What is added to every exponent of an operation's weights: 1 halves their resolution and doubles their range.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub weight_shifts: BTreeMap<String, i32>,
}

impl HandEdits {
    /// True when nothing was set.
    pub fn is_empty(&self) -> bool {
        self.output_exponents.is_empty() && self.weight_shifts.is_empty()
    }

    /// Puts the exponents into a complete draft.
    ///
    /// # Errors
    /// There is no such operation, it has no weights, or an exponent leaves the range that the format has.
    pub(super) fn apply(&self, network: &Network, draft: &mut Draft) -> Result<(), JobError> {
        for (name, &exponent) in &self.output_exponents {
            let node = find(network, name)?;
            check(name, exponent)?;
            let topology = Topology::new(network, draft);
            let slot = topology.root(network.node(node).output());
            draft.activation_exponents.insert(slot, exponent);
        }
        for (name, &shift) in &self.weight_shifts {
            let node = find(network, name)?;
            let weights = network.node(node).inputs.get(1);
            let exponents = weights.and_then(|tensor| draft.weight_exponents.get_mut(tensor));
            let exponents = exponents.ok_or_else(|| {
                JobError::Request(format!(
                    "operation `{name}` has no weights: the exponents of its weights cannot be changed"
                ))
            })?;
            for exponent in exponents {
                *exponent = exponent.saturating_add(shift);
                check(name, *exponent)?;
            }
        }
        Ok(())
    }

    /// Finds an output exponent that had no effect, since the operation takes another one's.
    pub(super) fn check_effect(&self, network: &Network, plan: &Plan) -> Result<(), JobError> {
        for (name, &wanted) in &self.output_exponents {
            let got = plan.node(find(network, name)?).output.map(|format| format.exponent);
            if got != Some(wanted) {
                return Err(JobError::Request(format!(
                    "operation `{name}` cannot have the output exponent {wanted}: it takes that of the Add or Concat \
                     which reads it; set the exponent there"
                )));
            }
        }
        Ok(())
    }
}

fn find(network: &Network, name: &str) -> Result<NodeId, JobError> {
    network.find_node(name).ok_or_else(|| {
        JobError::Request(format!(
            "there is no operation `{name}` in the model, whose exponent was set by hand"
        ))
    })
}

fn check(name: &str, exponent: i32) -> Result<(), JobError> {
    match EXPONENT_RANGE.contains(&exponent) {
        true => Ok(()),
        false => Err(JobError::Request(format!(
            "operation `{name}`: the exponent {exponent} set by hand is outside of {EXPONENT_RANGE:?}"
        ))),
    }
}
