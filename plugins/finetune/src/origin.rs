//! Weights that an earlier strategy has rounded: the float weights behind them, from which training starts again. Rounded
//! ones could only be rounded up, since nothing lies below a whole step but the step itself.

use std::collections::BTreeMap;

use octet_plugin_api::sdk::{Error, Host, Log, TensorId};

use crate::graph::{Graph, Kind, Layer};
use crate::weights::by_rows;

/// What floats may be off a whole step.
const CLOSE: f32 = 1e-3;

/// Float weights by tensor, in the file's layout.
#[derive(Debug, Default)]
pub(crate) struct Origins(BTreeMap<TensorId, Vec<f32>>);

impl Origins {
    /// Looks for the float weights of every layer whose weights were corrected, and tells. The draft stays as it is.
    pub(crate) fn find(host: &mut Host<'_>, graph: &Graph) -> Result<Origins, Error> {
        let mut given = Vec::new();
        for node in &graph.nodes {
            let Kind::Layer(layer) = &node.kind else { continue };
            if host.tensor(layer.weights)?.corrected {
                given.push((node, layer, host.weights(layer.weights)?.to_vec()));
            }
        }
        if given.is_empty() {
            return Ok(Origins::default());
        }
        let draft = host.snapshot()?;
        for (_, layer, _) in &given {
            host.drop_correction(layer.weights)?;
        }
        let mut origins = BTreeMap::new();
        let mut others = Vec::new();
        for (node, layer, given) in &given {
            let float = host.weights(layer.weights)?.to_vec();
            let exponents = host.exponents(layer.weights, node.bits)?;
            let rows = |values: &[f32]| by_rows(layer, values);
            if is_rounded(&rows(given), &rows(&float), layer, &exponents, node.bits) {
                origins.insert(layer.weights, float);
            } else {
                others.push(node.name.as_str());
            }
        }
        host.restore(draft)?;
        if !origins.is_empty() {
            let count = origins.len();
            let words = format!(
                "an earlier strategy has rounded the weights of {count} layers; their rounding is trained again from the \
                 float weights, with the exponents and biases that they have now"
            );
            host.log(Log::Info, &words);
        }
        if let Some(first) = others.first() {
            let words = format!(
                "{} layers, `{first}` the first, have weights of an earlier strategy that are not the float network's \
                 rounded; training starts from those",
                others.len()
            );
            host.log(Log::Info, &words);
        }
        Ok(Origins(origins))
    }

    /// The float weights behind a layer's rounded ones; `None` where its weights did not come rounded.
    pub(crate) fn of(&self, layer: &Layer) -> Option<&[f32]> {
        self.0.get(&layer.weights).map(Vec::as_slice)
    }
}

/// Whether weights are float ones rounded up or down to whole steps, row by row.
fn is_rounded(given: &[f32], float: &[f32], layer: &Layer, exponents: &[i32], bits: u32) -> bool {
    let row = (given.len() / layer.outputs.max(1)).max(1);
    let high = if bits == 8 { 127.0 } else { 32767.0 };
    let mut rows = given.chunks(row).zip(float.chunks(row)).enumerate();
    !exponents.is_empty()
        && given.len() == float.len()
        && rows.all(|(i, (given, float))| {
            let exponent = exponents.get(i).or(exponents.first()).copied().unwrap_or_default();
            let scale = (-exponent as f32).exp2();
            given.iter().zip(float).all(|(g, w)| {
                let (g, w) = (g * scale, (w * scale).clamp(-high - 1.0, high));
                (g - g.round()).abs() < CLOSE && (g - w).abs() < 1.0 + CLOSE
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Form;

    const LAYER: Layer =
        Layer { weights: 0, bias: None, outputs: 2, form: Form::Full { inputs_first: false } };

    fn is_rounded_at(given: &[f32], float: &[f32], exponents: &[i32]) -> bool {
        is_rounded(given, float, &LAYER, exponents, 8)
    }

    #[test]
    fn weights_on_whole_steps_beside_the_float_ones_are_rounded() {
        let float = [0.3, -0.6, 1.2, 200.0];
        assert!(
            is_rounded_at(&[0.5, -1.0, 1.0, 63.5], &float, &[-1]),
            "up, down, and at the end of the range"
        );
        assert!(is_rounded_at(&[0.0, -0.5, 1.25, 31.75], &float, &[-1, -2]), "a step for each row");
    }

    #[test]
    fn other_weights_are_not() {
        let float = [0.3, -0.6, 1.2, 2.0];
        assert!(!is_rounded_at(&float, &float, &[-1]), "between the steps");
        assert!(!is_rounded_at(&[1.5, -0.5, 1.0, 2.0], &float, &[-1]), "trained far away");
        assert!(!is_rounded_at(&[0.5, -0.5, 1.0, 2.0], &float, &[-4]), "rounded to coarser steps");
        assert!(!is_rounded_at(&[0.5, -0.5, 1.0, 2.0], &float, &[]), "undecided");
    }
}
