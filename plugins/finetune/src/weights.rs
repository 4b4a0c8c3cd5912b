//! The weights of one layer while they are trained.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, Var};
use octet_plugin_api::sdk::{Error, Host};

use crate::graph::{Form, Layer};
use crate::model::{centre, failed, flat, variable};
use crate::ops::{self, Anneal, Grid, Range};

/// One layer's weights.
pub(crate) struct Weights {
    /// `[outputs, values]`, and the bias.
    pub(crate) float: Tensor,
    pub(crate) bias: Tensor,
    /// p per row, or one.
    pub(crate) p: Var,
    /// What is added to the bias, in steps of the output.
    pub(crate) shift: Var,
    /// False where the layer has no bias that could be changed.
    pub(crate) biased: bool,
    /// Rounding, once it is trained.
    pub(crate) rounding: Option<(Var, Arc<Grid>)>,
    /// As they came, where an earlier strategy rounded them.
    origin: Option<Origin>,
}

/// The rounding that an earlier strategy chose.
struct Origin {
    /// `[outputs, values]`, on the grid of `p`.
    rounded: Tensor,
    p: Vec<f32>,
    /// Whether the layer still computes with it.
    counts: bool,
}

impl Origin {
    fn has_steps_of(&self, p: &[f32]) -> bool {
        let exponents = |p: &[f32]| p.iter().map(|&p| ops::exponent_of(p)).collect::<Vec<i32>>();
        exponents(&self.p) == exponents(p)
    }
}

impl Weights {
    /// As the draft has them. `origin` are the float weights where those of the draft are their rounded ones.
    pub(crate) fn load(
        host: &Host<'_>,
        layer: &Layer,
        bits: u32,
        origin: Option<&[f32]>,
    ) -> std::result::Result<Weights, Error> {
        let given = host.weights(layer.weights)?;
        let columns = given.len() / layer.outputs.max(1);
        let device = &Device::Cpu;
        let rows = |values: &[f32]| {
            let values = by_rows(layer, values);
            Tensor::from_vec(values, (layer.outputs, columns), device).map_err(|e| failed(&e))
        };
        let float = rows(origin.unwrap_or(given))?;
        let rounded = origin.map(|_| rows(given)).transpose()?;
        let bias = match layer.bias {
            Some(bias) => host.weights(bias)?.to_vec(),
            None => vec![0.0; layer.outputs],
        };
        let p: Vec<f32> = host.exponents(layer.weights, bits)?.into_iter().map(centre).collect();
        let count = p.len();
        let origin = rounded.map(|rounded| Origin { rounded, p: p.clone(), counts: true });
        Ok(Weights {
            float,
            bias: Tensor::from_vec(bias, layer.outputs, device).map_err(|e| failed(&e))?,
            p: variable(p, &[count])?,
            shift: variable(vec![0.0; layer.outputs], &[layer.outputs])?,
            biased: layer.bias.is_some(),
            rounding: None,
            origin,
        })
    }

    /// From here on weights that came rounded compute with their float weights.
    pub(crate) fn leave_origin(&mut self) {
        if let Some(origin) = &mut self.origin {
            origin.counts = false;
        }
    }

    pub(crate) fn came_rounded(&self) -> bool {
        self.origin.is_some()
    }

    /// As the chip has them, `[outputs, values]`.
    pub(crate) fn quantized(&self, anneal: Option<Anneal>, range: Range) -> Result<Tensor> {
        if let (None, Some(Origin { rounded, counts: true, .. })) = (&self.rounding, &self.origin) {
            return Ok(rounded.clone());
        }
        match (&self.rounding, anneal) {
            (Some((v, grid)), anneal) => ops::learned_rounding(
                v.as_tensor(),
                grid,
                anneal.unwrap_or(Anneal { lambda: 0.0, beta: 2.0 }),
            ),
            (None, _) => {
                let zeros = Tensor::zeros_like(&self.bias)?;
                ops::quantize(&self.float, &zeros, self.p.as_tensor(), range)
            }
        }
    }

    /// Begins to train the rounding, from the float weights, or near the rounding with which they came as long as
    /// their steps are the same.
    pub(crate) fn begin_rounding(&mut self, bits: u32) -> Result<Var> {
        let rows = self.float.dims2()?.0;
        let p = flat(&self.p)?;
        let steps: Vec<f32> =
            (0..rows).map(|row| p.get(row).or(p.first()).map_or(1.0, |&p| ops::step_of(p))).collect();
        let columns = self.float.elem_count() / rows.max(1);
        let scaled = flat(&self.float)?;
        let scaled = scaled.iter().enumerate().map(|(i, w)| w / steps[i / columns.max(1)]).collect();
        let high = if bits == 8 { 127.0 } else { 32767.0 };
        let grid = Arc::new(Grid { scaled, steps, range: [-high - 1.0, high] });
        let origin = self.origin.as_ref().filter(|origin| origin.has_steps_of(&p));
        let start = match origin {
            Some(origin) => grid.start_near(&flat(&origin.rounded)?),
            None => grid.start(),
        };
        let v = Var::from_vec(start, (rows, columns), &Device::Cpu)?;
        self.rounding = Some((v.clone(), grid));
        Ok(v)
    }
}

/// Weights with an output channel's values side by side.
pub(crate) fn by_rows(layer: &Layer, values: &[f32]) -> Vec<f32> {
    match layer.form {
        Form::Full { inputs_first: true } => transposed(values, layer.outputs),
        _ => values.to_vec(),
    }
}

pub(crate) fn in_file_order(layer: &Layer, values: Vec<f32>) -> Vec<f32> {
    match layer.form {
        Form::Full { inputs_first: true } => transposed(&values, values.len() / layer.outputs.max(1)),
        _ => values,
    }
}

/// The transpose of a matrix with so many columns.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns.max(1)).copied()).collect()
}
