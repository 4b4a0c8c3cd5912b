//! The host table in safe Rust.

use std::marker::PhantomData;

use super::Error;
use super::types::{
    Cost, ExportKind, Log, Network, Node, NodeId, Pictures, Role, Rounding, Score, ScoreKind, Slot,
    SnapshotId, Statistics, StatisticsRequest, Target, Tensor, TensorId, Weights,
};
use crate::abi::*;

/// The engine, during one run. Not `Send`: its functions belong to the thread of the run.
pub struct Host<'a> {
    raw: *const OctetHost,
    table: OctetHost,
    run: PhantomData<&'a mut OctetHost>,
}

/// Calls a function of the table and turns its status into a `Result`.
macro_rules! call {
    ($host:expr, $function:ident $(, $argument:expr)*) => {{
        let host: &Host<'_> = $host;
        match host.table.$function {
            // SAFETY: `raw` is the host's table, valid during the run on this thread; the arguments are live
            // references or slices of this frame, which the host reads or fills during the call only.
            Some(function) => host.check(stringify!($function), unsafe { function(host.raw $(, $argument)*) }),
            None => Err(Error::Failed(format!("this host has no `{}`", stringify!($function)))),
        }
    }};
}

/// Views memory of the host as a slice.
///
/// # Safety
/// `data` and `len` come from the host, which keeps them valid for `'b`.
unsafe fn view<'b, T>(data: *const T, len: u64) -> &'b [T] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: the caller's promise; null was sorted out above.
    unsafe { std::slice::from_raw_parts(data, len as usize) }
}

fn text(raw: OctetString) -> String {
    // SAFETY: a string that the host just returned stays valid until the next call, and is copied here.
    String::from_utf8_lossy(unsafe { view(raw.data, raw.len) }).into_owned()
}

fn ids(raw: OctetIds) -> Vec<u64> {
    // SAFETY: ids that the host just returned stay valid until the next call, and are copied here.
    unsafe { view(raw.data, raw.len) }.to_vec()
}

impl<'a> Host<'a> {
    /// Wraps a host table; `None` when it is null or older than this SDK.
    ///
    /// # Safety
    /// `raw` is null or the table that the host passed to `create` or `run`, and outlives `'a`.
    pub(super) unsafe fn new(raw: *const OctetHost) -> Option<Host<'a>> {
        if raw.is_null() {
            return None;
        }
        // SAFETY: not null, and `struct_size` is the first field of every version.
        let size = unsafe { (*raw).struct_size };
        if size < size_of::<OctetHost>() as u64 {
            return None;
        }
        // SAFETY: the host says that it has at least this many bytes.
        let table = unsafe { *raw };
        Some(Host { raw, table, run: PhantomData })
    }

    fn check(&self, function: &str, status: i32) -> Result<(), Error> {
        match status {
            OCTET_OK => Ok(()),
            OCTET_CANCELLED => Err(Error::Cancelled),
            OCTET_INVALID => Err(Error::Invalid(self.last_error(function, status))),
            _ => Err(Error::Failed(self.last_error(function, status))),
        }
    }

    fn last_error(&self, function: &str, status: i32) -> String {
        let mut raw = OctetString::default();
        if let Some(last_error) = self.table.last_error {
            // SAFETY: as in `call!`.
            if unsafe { last_error(self.raw, &mut raw) } == OCTET_OK && raw.len > 0 {
                return text(raw);
            }
        }
        format!("`{function}` returned status {status}")
    }

    /// The chip.
    pub fn target(&self) -> Result<Target, Error> {
        let mut info = OctetTargetInfo::empty();
        call!(self, target, &mut info)?;
        Ok(Target {
            name: text(info.name),
            rounding: match info.rounding {
                OCTET_ROUND_HALF_EVEN => Rounding::HalfEven,
                OCTET_ROUND_HALF_UP => Rounding::HalfUp,
                other => return Err(Error::Failed(format!("unknown rounding {other}"))),
            },
            per_channel: info.per_channel != 0,
            bias_bits_int8: info.bias_bits_int8,
            bias_bits_int16: info.bias_bits_int16,
            accumulator_bits_int8: info.accumulator_bits_int8,
            blocked_layout: info.layout == OCTET_LAYOUT_BLOCKED,
        })
    }

    /// The network as a whole.
    pub fn network(&self) -> Result<Network, Error> {
        let mut info = OctetNetworkInfo::empty();
        call!(self, network, &mut info)?;
        Ok(Network {
            name: text(info.name),
            nodes: info.node_count,
            tensors: info.tensor_count,
            input: info.input,
            output: info.output,
        })
    }

    /// A value of the ONNX file's metadata.
    pub fn metadata(&self, key: &str) -> Option<String> {
        let mut value = OctetString::default();
        call!(self, metadata, OctetString::new(key), &mut value).ok().map(|()| text(value))
    }

    /// A node.
    pub fn node(&self, node: NodeId) -> Result<Node, Error> {
        let mut info = OctetNodeInfo::empty();
        call!(self, node, node, &mut info)?;
        let flag = |flag: u32| info.flags & flag != 0;
        // SAFETY: just returned by the host, and copied.
        let absorbed = unsafe { view(info.absorbed.data, info.absorbed.len) };
        Ok(Node {
            id: node,
            name: text(info.name),
            op: text(info.op),
            inputs: ids(info.inputs),
            outputs: ids(info.outputs),
            absorbed: absorbed.iter().map(|&name| text(name)).collect(),
            macs: info.macs,
            bits: info.bits,
            computing: flag(OCTET_NODE_COMPUTING),
            passive: flag(OCTET_NODE_PASSIVE),
            depthwise: flag(OCTET_NODE_DEPTHWISE),
            relu_for_clip: flag(OCTET_NODE_RELU_FOR_CLIP),
        })
    }

    /// All nodes in topological order.
    pub fn nodes(&self) -> Result<Vec<Node>, Error> {
        (0..self.network()?.nodes).map(|node| self.node(node)).collect()
    }

    /// A tensor.
    pub fn tensor(&self, tensor: TensorId) -> Result<Tensor, Error> {
        let mut info = OctetTensorInfo::empty();
        call!(self, tensor, tensor, &mut info)?;
        Ok(Tensor {
            id: tensor,
            name: text(info.name),
            shape: ids(info.shape).into_iter().map(|extent| extent as usize).collect(),
            producer: (info.producer != OCTET_NONE).then_some(info.producer),
            consumers: ids(info.consumers),
            constant: info.flags & OCTET_TENSOR_CONSTANT != 0,
            changed: info.flags & OCTET_TENSOR_CHANGED != 0,
            corrected: info.flags & OCTET_TENSOR_CORRECTED != 0,
        })
    }

    /// An attribute of a node under ONNX's name; `None` when it has none of that name.
    pub fn attribute_ints(&self, node: NodeId, name: &str) -> Option<Vec<i64>> {
        let mut values = OctetInts::EMPTY;
        call!(self, attribute_ints, node, OctetString::new(name), &mut values).ok()?;
        // SAFETY: just returned by the host, and copied.
        Some(unsafe { view(values.data, values.len) }.to_vec())
    }

    /// An attribute that is a number.
    pub fn attribute_float(&self, node: NodeId, name: &str) -> Option<f64> {
        let mut value = 0.0;
        call!(self, attribute_float, node, OctetString::new(name), &mut value).ok().map(|()| value)
    }

    /// A constant's values under the draft, in the file's layout.
    pub fn weights(&self, tensor: TensorId) -> Result<&[f32], Error> {
        let mut values = OctetFloats::EMPTY;
        call!(self, weights, tensor, &mut values)?;
        // SAFETY: valid until `set_weights`, which takes `&mut self` and so ends this borrow.
        Ok(unsafe { view(values.data, values.len) })
    }

    /// The exponents that the draft has for a tensor at a width; empty when nothing is decided.
    pub fn exponents(&self, tensor: TensorId, bits: u32) -> Result<Vec<i32>, Error> {
        let mut exponents = OctetExponents::EMPTY;
        call!(self, exponents, tensor, bits, &mut exponents)?;
        // SAFETY: just returned by the host, and copied.
        Ok(unsafe { view(exponents.data, exponents.len) }.to_vec())
    }

    /// What may be decided under the draft's widths and activations: weights first, then activations in graph order.
    pub fn slots(&self) -> Result<Vec<Slot>, Error> {
        let mut count = 0;
        call!(self, slot_count, &mut count)?;
        (0..count).map(|index| self.slot(index)).collect()
    }

    fn slot(&self, index: u64) -> Result<Slot, Error> {
        let mut slot = OctetSlot::empty();
        call!(self, slot, index, &mut slot)?;
        Ok(Slot {
            tensor: slot.tensor,
            bits: slot.bits,
            role: match slot.role {
                OCTET_ROLE_ACTIVATION => Role::Activation,
                OCTET_ROLE_WEIGHTS => {
                    Role::Weights { channels: slot.channels as usize, axis: slot.axis as usize }
                }
                other => return Err(Error::Failed(format!("unknown slot role {other}"))),
            },
            node: (slot.node != OCTET_NONE).then_some(slot.node),
        })
    }

    /// Number of pictures.
    pub fn pictures(&self, pictures: Pictures) -> Result<u64, Error> {
        let mut count = 0;
        call!(self, picture_count, pictures_code(pictures), &mut count)?;
        Ok(count)
    }

    /// Runs the float network over the calibration pictures; one result per tensor of the request.
    pub fn statistics(&mut self, request: &StatisticsRequest) -> Result<Vec<Statistics>, Error> {
        let tensors: Vec<u64> = request.tensors.iter().map(|&(tensor, _)| tensor).collect();
        let bins: Vec<u64> = request.tensors.iter().map(|&(_, bins)| bins as u64).collect();
        let raw = OctetStatisticsRequest {
            tensors: OctetIds::new(&tensors),
            bins: OctetCounts::new(&bins),
            weights: weights_code(request.weights),
            want_percentiles: request.percentile.is_some().into(),
            percentile: request.percentile.unwrap_or(1.0),
            ..OctetStatisticsRequest::empty()
        };
        call!(self, statistics, &raw)?;
        (0..tensors.len() as u64).map(|index| self.statistics_of(index)).collect()
    }

    fn statistics_of(&self, index: u64) -> Result<Statistics, Error> {
        let mut numbers = OctetStatistics::empty();
        call!(self, statistics_of, index, &mut numbers)?;
        Ok(Statistics {
            min: numbers.min,
            max: numbers.max,
            // SAFETY: just returned by the host, and copied.
            histogram: unsafe { view(numbers.histogram.data, numbers.histogram.len) }.to_vec(),
            bin_width: numbers.bin_width,
            percentiles: (numbers.has_percentiles != 0).then_some((numbers.low, numbers.high)),
            count: numbers.count,
        })
    }

    /// Runs the float network on one picture and returns these activations (NCHW, C order).
    pub fn run_float(
        &mut self,
        pictures: Pictures,
        picture: u64,
        weights: Weights,
        tensors: &[TensorId],
    ) -> Result<Vec<&[f32]>, Error> {
        let mut values = vec![OctetFloats::EMPTY; tensors.len()];
        let (set, weights, count) = (pictures_code(pictures), weights_code(weights), tensors.len() as u64);
        call!(self, run_float, set, picture, weights, tensors.as_ptr(), count, values.as_mut_ptr())?;
        // SAFETY: valid until the next `run_float`, which takes `&mut self` and so ends this borrow.
        Ok(values.iter().map(|v| unsafe { view(v.data, v.len) }).collect())
    }

    /// Sets every n-th picture aside as [`Pictures::HeldOut`], away from statistics, until the strategy returns: 2 or more,
    /// or 0 to put all back.
    pub fn hold_out(&mut self, every: u64) -> Result<(), Error> {
        call!(self, hold_out, every)
    }

    /// Runs the draft in the chip's own arithmetic on one picture and returns these activations, dequantized (NCHW, C
    /// order). Every slot must be decided. An activation that is fused with the operation behind it is refused.
    pub fn run_quantized(
        &mut self,
        pictures: Pictures,
        picture: u64,
        tensors: &[TensorId],
    ) -> Result<Vec<&[f32]>, Error> {
        let mut values = vec![OctetFloats::EMPTY; tensors.len()];
        let (set, count) = (pictures_code(pictures), tensors.len() as u64);
        call!(self, run_quantized, set, picture, tensors.as_ptr(), count, values.as_mut_ptr())?;
        // SAFETY: valid until the next run, which takes `&mut self` and so ends this borrow.
        Ok(values.iter().map(|v| unsafe { view(v.data, v.len) }).collect())
    }

    /// Sets the width of a node, 8 or 16. Slots change with it.
    pub fn set_bits(&mut self, node: NodeId, bits: u32) -> Result<(), Error> {
        call!(self, set_bits, node, bits)
    }

    /// Sets the exponents of a slot.
    pub fn set_exponents(&mut self, tensor: TensorId, bits: u32, exponents: &[i32]) -> Result<(), Error> {
        call!(self, set_exponents, tensor, bits, exponents.as_ptr(), exponents.len() as u64)
    }

    /// Replaces a constant in the float and in the quantized network: same length, finite values. For changes that leave
    /// the float network's answers as they are, such as equalization; see [`Host::correct_weights`] for others.
    pub fn set_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), Error> {
        call!(self, set_weights, tensor, values.as_ptr(), values.len() as u64)
    }

    /// Replaces a constant in the quantized network alone, to make up for its errors (bias correction, trained
    /// rounding): errors go on being measured against the float network without them. [`Host::weights`] returns them;
    /// [`Host::set_weights`] takes them back.
    pub fn correct_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), Error> {
        call!(self, correct_weights, tensor, values.as_ptr(), values.len() as u64)
    }

    /// Takes back what [`Host::correct_weights`] put in place of a constant; nothing where nothing was.
    pub fn drop_correction(&mut self, tensor: TensorId) -> Result<(), Error> {
        call!(self, correct_weights, tensor, std::ptr::null(), 0)
    }

    /// Replaces a Clip by a Relu, or takes that back.
    pub fn set_relu_for_clip(&mut self, node: NodeId, relu: bool) -> Result<(), Error> {
        call!(self, set_relu_for_clip, node, relu.into())
    }

    /// Applies the rules that all strategies share and checks the draft. Returns the findings, each naming a layer
    /// and a remedy; `repair` applies the remedies; findings that it mended end in "(done)".
    pub fn complete(&mut self, repair: bool) -> Result<Vec<String>, Error> {
        let mut findings = OctetString::default();
        call!(self, complete, repair.into(), &mut findings)?;
        Ok(text(findings).lines().map(str::to_owned).collect())
    }

    /// Scores the draft with the chip's own arithmetic on at most `max_pictures`.
    pub fn score(&mut self, pictures: Pictures, kind: ScoreKind, max_pictures: u64) -> Result<Score, Error> {
        let kind = match kind {
            ScoreKind::Graphwise => OCTET_SCORE_GRAPHWISE,
            ScoreKind::Layerwise => OCTET_SCORE_LAYERWISE,
            ScoreKind::Output => OCTET_SCORE_OUTPUT,
        };
        let mut score = OctetScore::empty();
        call!(self, score, pictures_code(pictures), kind, max_pictures, &mut score)?;
        // SAFETY: just returned by the host, and copied.
        let figures = unsafe { view(score.node_nsr.data, score.node_nsr.len) };
        Ok(Score {
            output_nsr: score.output_nsr,
            agreement: score.agreement,
            pictures: score.pictures,
            nodes: ids(score.nodes).into_iter().zip(figures.iter().copied()).collect(),
        })
    }

    /// Estimates what the draft costs on the chip; every slot must be decided.
    pub fn cost(&mut self) -> Result<Cost, Error> {
        let mut cost = OctetCost::empty();
        call!(self, cost, &mut cost)?;
        Ok(Cost { latency_ms: cost.latency_ms, flash_bytes: cost.flash_bytes, arena_bytes: cost.arena_bytes })
    }

    /// Remembers the draft as it is.
    pub fn snapshot(&mut self) -> Result<SnapshotId, Error> {
        let mut snapshot = 0;
        call!(self, snapshot, &mut snapshot)?;
        Ok(SnapshotId(snapshot))
    }

    /// Puts the draft back to what was remembered; any number of times.
    pub fn restore(&mut self, snapshot: SnapshotId) -> Result<(), Error> {
        call!(self, restore, snapshot.0)
    }

    /// The file of a picture, from the root.
    pub fn picture_file(&self, pictures: Pictures, picture: u64) -> Result<String, Error> {
        let mut path = OctetString::default();
        call!(self, picture_file, pictures_code(pictures), picture, &mut path)?;
        Ok(text(path))
    }

    /// The ONNX file, from the root.
    pub fn model_file(&self) -> Result<String, Error> {
        let mut path = OctetString::default();
        call!(self, model_file, &mut path)?;
        Ok(text(path))
    }

    /// A folder inside the run folder for this strategy's own files, from the root. It exists, and is empty when it
    /// is first asked for.
    pub fn job_folder(&mut self) -> Result<String, Error> {
        let mut path = OctetString::default();
        call!(self, job_folder, &mut path)?;
        Ok(text(path))
    }

    /// Writes the draft as an ONNX file into [`Host::job_folder`]. `name` is a file name without folders.
    pub fn export_model(&mut self, kind: ExportKind, name: &str) -> Result<(), Error> {
        let kind = match kind {
            ExportKind::Float => OCTET_EXPORT_FLOAT,
            ExportKind::Qdq => OCTET_EXPORT_QDQ,
        };
        call!(self, export_model, kind, OctetString::new(name))
    }

    /// Adds a point to a curve of this name, which the app draws and keeps in the report.
    pub fn point(&mut self, curve: &str, x: f64, y: f64) -> Result<(), Error> {
        call!(self, point, OctetString::new(curve), x, y)
    }

    /// True once the user asked to stop here and keep the best so far. A strategy that asks is shown with a control
    /// for it; ask often.
    pub fn finish_early(&mut self) -> Result<bool, Error> {
        let mut asked = 0;
        call!(self, finish_early, &mut asked)?;
        Ok(asked != 0)
    }

    /// Reports progress, 0..=1, with a few words; `Err(Cancelled)` once the user cancelled.
    pub fn progress(&mut self, fraction: f32, message: &str) -> Result<(), Error> {
        call!(self, progress, fraction, OctetString::new(message))
    }

    /// `Err(Cancelled)` once the user cancelled; for `host.cancelled()?` in loops.
    pub fn cancelled(&self) -> Result<(), Error> {
        call!(self, cancelled)
    }

    /// Writes a line to the job's log.
    pub fn log(&mut self, level: Log, message: &str) {
        let level = match level {
            Log::Debug => OCTET_LOG_DEBUG,
            Log::Info => OCTET_LOG_INFO,
            Log::Warning => OCTET_LOG_WARNING,
        };
        // A line that the host cannot take is no reason to end a run.
        let _ = call!(self, log, level, OctetString::new(message));
    }

    pub(super) fn fail(&mut self, message: &str) {
        // There is nobody else to tell.
        let _ = call!(self, fail, OctetString::new(message));
    }
}

fn weights_code(weights: Weights) -> i32 {
    match weights {
        Weights::Float => OCTET_WEIGHTS_FLOAT,
        Weights::Quantized => OCTET_WEIGHTS_QUANTIZED,
    }
}

fn pictures_code(pictures: Pictures) -> i32 {
    match pictures {
        Pictures::Calibration => OCTET_PICTURES_CALIBRATION,
        Pictures::HeldOut => OCTET_PICTURES_HELD_OUT,
    }
}
