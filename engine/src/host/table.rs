//! The functions of the host table: each checks what it is given, asks the engine, and keeps what it hands out.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread::ThreadId;

use octet_plugin_api::abi::*;

use super::answers::{fill, items, put, read, text};
use super::codes::{flag, picture_set, statistics_view, weights_use};
use super::context::{Answer, Context, bits, invalid};
use crate::draft::SlotRole;
use crate::network::TensorId;
use crate::strategy::{LogLevel, PictureSet, ScoreKind, StatisticsRequest, StrategyError};
use crate::target::{Granularity, Rounding, WeightLayout};

/// Most tensors of one request.
const MAX_TENSORS: usize = 1 << 16;
/// Most bins of one histogram; ESP-PPQ's largest has 1,048,576.
const MAX_BINS: u64 = 1 << 24;

/// What `OctetHost::context` leads to. Never freed, so that a plugin's stray thread that calls after the run finds
/// a closed door instead of freed memory.
struct Door {
    thread: ThreadId,
    context: AtomicPtr<c_void>,
}

/// The table of one run; closes when it is dropped.
pub(super) struct Table {
    raw: &'static OctetHost,
    door: &'static Door,
}

impl Table {
    pub(super) fn new(context: &mut Context<'_>) -> Table {
        let address = (&raw mut *context).cast::<c_void>();
        let door = Box::leak(Box::new(Door {
            thread: std::thread::current().id(),
            context: AtomicPtr::new(address),
        }));
        let raw = Box::leak(Box::new(functions((&raw const *door).cast_mut().cast())));
        Table { raw, door }
    }

    pub(super) fn raw(&self) -> *const OctetHost {
        self.raw
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.door.context.store(null_mut(), Ordering::Release);
    }
}

fn functions(context: *mut c_void) -> OctetHost {
    OctetHost {
        struct_size: size_of::<OctetHost>() as u64,
        abi_major: OCTET_ABI_MAJOR,
        abi_minor: OCTET_ABI_MINOR,
        context,
        last_error: Some(last_error),
        fail: Some(fail),
        log: Some(log),
        progress: Some(progress),
        cancelled: Some(cancelled),
        target: Some(target),
        network: Some(network),
        metadata: Some(metadata),
        node: Some(node),
        tensor: Some(tensor),
        attribute_ints: Some(attribute_ints),
        attribute_float: Some(attribute_float),
        weights: Some(weights),
        exponents: Some(exponents),
        slot_count: Some(slot_count),
        slot: Some(slot),
        picture_count: Some(picture_count),
        statistics: Some(statistics),
        statistics_of: Some(statistics_of),
        run_float: Some(run_float),
        set_bits: Some(set_bits),
        set_exponents: Some(set_exponents),
        set_weights: Some(set_weights),
        set_relu_for_clip: Some(set_relu_for_clip),
        complete: Some(complete),
        score: Some(score),
        cost: Some(cost),
        snapshot: Some(snapshot),
        restore: Some(restore),
        picture_file: Some(picture_file),
        model_file: Some(model_file),
        job_folder: Some(job_folder),
        export_model: Some(export_model),
        point: Some(point),
        finish_early: Some(finish_early),
        correct_weights: Some(correct_weights),
        hold_out: Some(hold_out),
        run_quantized: Some(run_quantized),
    }
}

/// Finds the run behind a table and does `work` on it. Nothing unwinds out of here; an error becomes a status, and
/// its text the last error.
///
/// # Safety
/// `host` is null or a table that [`Table::new`] made.
unsafe fn enter(host: *const OctetHost, work: impl FnOnce(&mut Context<'_>) -> Answer) -> i32 {
    let guarded = AssertUnwindSafe(|| {
        if host.is_null() {
            return OCTET_INVALID;
        }
        // SAFETY: the caller's promise: tables and doors are never freed.
        let door = unsafe { &*(*host).context.cast::<Door>() };
        let context = door.context.load(Ordering::Acquire).cast::<Context<'_>>();
        if door.thread != std::thread::current().id() || context.is_null() {
            return OCTET_INVALID;
        }
        // SAFETY: not null, so the run is not over and its context lives; this is its thread, and no function of
        // the table calls the plugin, so nobody else holds the context now.
        let context = unsafe { &mut *context };
        let answer = catch_unwind(AssertUnwindSafe(|| work(context))).unwrap_or_else(|payload| {
            std::mem::forget(payload);
            Err(StrategyError::Failed("the engine panicked; its log has the reason".to_owned()))
        });
        match answer {
            Ok(()) => OCTET_OK,
            Err(error) => {
                context.set_last_error(error.to_string());
                match error {
                    StrategyError::Cancelled => OCTET_CANCELLED,
                    StrategyError::Invalid(_) => OCTET_INVALID,
                    StrategyError::Failed(_) => OCTET_FAILED,
                }
            }
        }
    });
    catch_unwind(guarded).unwrap_or(OCTET_FAILED)
}

/// Defines functions of the table. Their bodies run inside [`enter`].
macro_rules! functions {
    ($(fn $name:ident($context:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block)*) => {$(
        pub(super) unsafe extern "C" fn $name(host: *const OctetHost $(, $argument: $type)*) -> i32 {
            let work = |$context: &mut Context<'_>| -> Answer { $body };
            // SAFETY: the header's promise for `host`.
            unsafe { enter(host, work) }
        }
    )*};
}

mod since_1_1;
use since_1_1::{
    correct_weights, cost, export_model, finish_early, hold_out, job_folder, model_file, picture_file, point,
    restore, run_quantized, snapshot,
};

// The SAFETY of every block below: the header's promise for the pointers that a plugin passes (readable or writable
// for the length that goes with them, during the call); null and misaligned ones are refused.
functions! {
    fn last_error(context, out: *mut OctetString) {
        // SAFETY: see above.
        unsafe { put(out, OctetString::new(context.last_error())) }
    }

    fn fail(context, message: OctetString) {
        // SAFETY: see above.
        let message = unsafe { text(message) }?;
        context.fail(message);
        Ok(())
    }

    fn log(context, level: i32, message: OctetString) {
        let level = match level {
            OCTET_LOG_DEBUG => LogLevel::Debug,
            OCTET_LOG_INFO => LogLevel::Info,
            OCTET_LOG_WARNING => LogLevel::Warning,
            other => return invalid(format!("there is no log level {other}")),
        };
        // SAFETY: see above.
        context.engine.log(level, &unsafe { text(message) }?);
        Ok(())
    }

    fn progress(context, fraction: f32, message: OctetString) {
        // SAFETY: see above.
        let message = unsafe { text(message) }?;
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        context.engine.progress(fraction, &message);
        unless_cancelled(context)
    }

    fn cancelled(context) {
        unless_cancelled(context)
    }

    fn target(context, out: *mut OctetTargetInfo) {
        let spec = context.engine.target();
        let info = OctetTargetInfo {
            name: OctetString::new(spec.name),
            rounding: match spec.rounding {
                Rounding::HalfEven => OCTET_ROUND_HALF_EVEN,
                Rounding::HalfUp => OCTET_ROUND_HALF_UP,
            },
            per_channel: (spec.weights == Granularity::PerChannel).into(),
            bias_bits_int8: spec.bias_bits_int8,
            bias_bits_int16: spec.bias_bits_int16,
            accumulator_bits_int8: spec.accumulator_bits_int8,
            layout: match spec.layout {
                WeightLayout::Blocked => OCTET_LAYOUT_BLOCKED,
                WeightLayout::Plain => OCTET_LAYOUT_PLAIN,
            },
            ..OctetTargetInfo::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn network(context, out: *mut OctetNetworkInfo) {
        let graph = &context.graph;
        let info = OctetNetworkInfo {
            name: OctetString::new(&graph.name),
            node_count: graph.nodes.len() as u64,
            tensor_count: graph.tensors.len() as u64,
            input: graph.input,
            output: graph.output,
            ..OctetNetworkInfo::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn metadata(context, key: OctetString, out: *mut OctetString) {
        // SAFETY: see above.
        let key = unsafe { text(key) }?;
        match context.metadata.get(&key) {
            // SAFETY: see above.
            Some(value) => unsafe { put(out, OctetString::new(value)) },
            None => invalid(format!("the file has no metadata `{key}`")),
        }
    }

    fn node(context, node: u64, out: *mut OctetNodeInfo) {
        let id = context.node_id(node)?;
        let draft = context.engine.draft();
        let node = &context.graph.nodes[id.0];
        let flags = [
            (OCTET_NODE_COMPUTING, node.op.is_computing()),
            (OCTET_NODE_PASSIVE, node.op.is_passive()),
            (OCTET_NODE_DEPTHWISE, node.depthwise),
            (OCTET_NODE_RELU_FOR_CLIP, draft.relu_for_clip.contains(&id)),
        ];
        let info = OctetNodeInfo {
            name: OctetString::new(&node.name),
            op: OctetString::new(node.op.onnx_name()),
            inputs: OctetIds::new(&node.inputs),
            outputs: OctetIds::new(&node.outputs),
            absorbed: OctetStrings::new(&node.absorbed),
            macs: node.macs,
            bits: draft.bits_of(id).into(),
            flags: flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag).sum(),
            ..OctetNodeInfo::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn tensor(context, tensor: u64, out: *mut OctetTensorInfo) {
        let id = context.tensor_id(tensor)?;
        let changed = context.engine.draft().replaced(id).is_some();
        let corrected = context.engine.draft().corrected_weights.contains_key(&id);
        let tensor = &context.graph.tensors[id.0];
        let flags = [
            (OCTET_TENSOR_CONSTANT, tensor.constant),
            (OCTET_TENSOR_CHANGED, changed),
            (OCTET_TENSOR_CORRECTED, corrected),
        ];
        let info = OctetTensorInfo {
            name: OctetString::new(&tensor.name),
            shape: OctetIds::new(&tensor.shape),
            len: tensor.len as u64,
            producer: tensor.producer,
            consumers: OctetIds::new(&tensor.consumers),
            flags: flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag).sum(),
            ..OctetTensorInfo::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn attribute_ints(context, node: u64, name: OctetString, out: *mut OctetInts) {
        let id = context.node_id(node)?;
        // SAFETY: see above.
        let name = unsafe { text(name) }?;
        let node = &context.graph.nodes[id.0];
        match node.attribute_ints(&name) {
            Some(values) => context.ints = values,
            None => return invalid(format!("`{}` has no attribute `{name}` of integers", node.name)),
        }
        // SAFETY: see above.
        unsafe { put(out, OctetInts::new(&context.ints)) }
    }

    fn attribute_float(context, node: u64, name: OctetString, out: *mut f64) {
        let id = context.node_id(node)?;
        // SAFETY: see above.
        let name = unsafe { text(name) }?;
        let node = &context.graph.nodes[id.0];
        match node.attribute_float(&name) {
            // SAFETY: see above.
            Some(value) => unsafe { put(out, value) },
            None => invalid(format!("`{}` has no attribute `{name}` that is a number", node.name)),
        }
    }

    fn weights(context, tensor: u64, out: *mut OctetFloats) {
        let id = context.tensor_id(tensor)?;
        let values = context.weights(id)?;
        // SAFETY: see above.
        unsafe { put(out, OctetFloats::new(values)) }
    }

    fn exponents(context, tensor: u64, width: u32, out: *mut OctetExponents) {
        let (id, width) = (context.tensor_id(tensor)?, bits(width)?);
        let draft = context.engine.draft();
        context.exponents = match context.graph.tensors[id.0].constant {
            true => draft.weight_exponents.get(&id).cloned().unwrap_or_default(),
            false => draft.activation_exponents.get(&(id, width)).copied().into_iter().collect(),
        };
        // SAFETY: see above.
        unsafe { put(out, OctetExponents::new(&context.exponents)) }
    }

    fn slot_count(context, out: *mut u64) {
        context.slots = context.engine.slots();
        // SAFETY: see above.
        unsafe { put(out, context.slots.len() as u64) }
    }

    fn slot(context, index: u64, out: *mut OctetSlot) {
        let Some(slot) = usize::try_from(index).ok().and_then(|i| context.slots.get(i)) else {
            return invalid(format!("there is no slot {index}; `slot_count` made {}", context.slots.len()));
        };
        let (role, channels, axis) = match slot.role {
            SlotRole::Activation => (OCTET_ROLE_ACTIVATION, 1, 0),
            SlotRole::Weights { channels, axis } => (OCTET_ROLE_WEIGHTS, channels as u64, axis as u64),
        };
        let info = OctetSlot {
            tensor: slot.tensor.0 as u64,
            node: slot.node.map_or(OCTET_NONE, |node| node.0 as u64),
            bits: slot.bits.into(),
            role,
            channels,
            axis,
            ..OctetSlot::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn picture_count(context, pictures: i32, out: *mut u64) {
        let count = context.engine.pictures(picture_set(pictures)?);
        // SAFETY: see above.
        unsafe { put(out, count as u64) }
    }

    fn statistics(context, request: *const OctetStatisticsRequest) {
        // SAFETY: see above.
        let raw = unsafe { read(request) }?;
        // SAFETY: see above.
        let tensors = unsafe { items(raw.tensors.data, raw.tensors.len, MAX_TENSORS, "tensors") }?;
        // SAFETY: see above.
        let bins = unsafe { items(raw.bins.data, raw.bins.len, MAX_TENSORS, "numbers of bins") }?;
        if bins.len() != tensors.len() {
            return invalid(format!("{} numbers of bins for {} tensors", bins.len(), tensors.len()));
        }
        if let Some(many) = bins.iter().find(|&&bins| bins > MAX_BINS) {
            return invalid(format!("{many} bins; at most {MAX_BINS} are possible"));
        }
        let percentile = match raw.want_percentiles {
            0 => None,
            1 if raw.percentile > 0.5 && raw.percentile <= 1.0 => Some(raw.percentile),
            1 => return invalid(format!("the percentile {} is not above 0.5 and at most 1", raw.percentile)),
            other => return invalid(format!("want_percentiles is {other} instead of 0 or 1")),
        };
        let request = StatisticsRequest {
            tensors: tensors.iter().map(|&t| context.activation_id(t)).collect::<Result<_, _>>()?,
            weights: weights_use(raw.weights)?,
            bins: bins.iter().map(|&bins| bins as usize).collect(),
            percentile,
        };
        context.statistics.clear();
        context.statistics = context.engine.statistics(&request)?;
        Ok(())
    }

    fn statistics_of(context, index: u64, out: *mut OctetStatistics) {
        let Some(numbers) = usize::try_from(index).ok().and_then(|i| context.statistics.get(i)) else {
            let known = context.statistics.len();
            return invalid(format!("there are no statistics {index}; the last request has {known}"));
        };
        // SAFETY: see above.
        unsafe { fill(out, statistics_view(numbers)) }
    }

    fn run_float(
        context,
        pictures: i32,
        picture: u64,
        weights: i32,
        tensors: *const u64,
        count: u64,
        out: *mut OctetFloats,
    ) {
        let (set, weights) = (picture_set(pictures)?, weights_use(weights)?);
        let picture = picture_of(context, set, picture)?;
        // SAFETY: see above.
        let ids = unsafe { activations(context, tensors, count) }?;
        context.floats.clear();
        context.floats = context.engine.run_float(set, picture, weights, &ids)?;
        // SAFETY: see above; `out` has `count` entries.
        unsafe { put_each(&context.floats, ids.len(), out) }
    }

    fn set_bits(context, node: u64, width: u32) {
        let id = context.node_id(node)?;
        context.engine.set_bits(id, bits(width)?)
    }

    fn set_exponents(context, tensor: u64, width: u32, exponents: *const i32, count: u64) {
        let (id, width) = (context.tensor_id(tensor)?, bits(width)?);
        let max = context.graph.tensors[id.0].len.max(1);
        // SAFETY: see above.
        let exponents = unsafe { items(exponents, count, max, "exponents") }?;
        // Powers of two beyond float32 mean nothing to any engine.
        if let Some(wrong) = exponents.iter().find(|e| !(-126..=127).contains(*e)) {
            let name = &context.graph.tensors[id.0].name;
            return invalid(format!("`{name}`: {wrong} is no exponent of a float32 power of two"));
        }
        context.engine.set_exponents(id, width, exponents)
    }

    fn set_weights(context, tensor: u64, values: *const f32, count: u64) {
        // SAFETY: see above.
        let (id, values) = unsafe { new_values(context, tensor, values, count) }?;
        context.engine.set_weights(id, values)?;
        context.forget_weights(id);
        Ok(())
    }

    fn set_relu_for_clip(context, node: u64, relu: u32) {
        let id = context.node_id(node)?;
        context.engine.set_relu_for_clip(id, flag(relu, "relu")?)
    }

    fn complete(context, repair: u32, out: *mut OctetString) {
        context.findings.clear();
        let findings = context.engine.complete(flag(repair, "repair")?)?;
        context.findings =
            findings.iter().map(|f| f.replace('\n', " ")).collect::<Vec<_>>().join("\n");
        // SAFETY: see above.
        unsafe { put(out, OctetString::new(&context.findings)) }
    }

    fn score(context, pictures: i32, kind: i32, max_pictures: u64, out: *mut OctetScore) {
        let kind = match kind {
            OCTET_SCORE_GRAPHWISE => ScoreKind::Graphwise,
            OCTET_SCORE_LAYERWISE => ScoreKind::Layerwise,
            OCTET_SCORE_OUTPUT => ScoreKind::Output,
            other => return invalid(format!("there is no kind {other} of score")),
        };
        let set = picture_set(pictures)?;
        let max_pictures = usize::try_from(max_pictures).unwrap_or(usize::MAX);
        let score = context.engine.score(set, kind, max_pictures)?;
        context.scored_nodes = score.nodes.iter().map(|(node, _)| node.0 as u64).collect();
        context.scored_nsr = score.nodes.iter().map(|(_, nsr)| *nsr).collect();
        let info = OctetScore {
            output_nsr: score.output_nsr,
            agreement: score.agreement,
            pictures: score.pictures as u64,
            nodes: OctetIds::new(&context.scored_nodes),
            node_nsr: OctetDoubles::new(&context.scored_nsr),
            ..OctetScore::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }
}

/// Checks the number of a picture.
fn picture_of(context: &Context<'_>, set: PictureSet, picture: u64) -> Result<usize, StrategyError> {
    let known = context.engine.pictures(set);
    match usize::try_from(picture) {
        Ok(picture) if picture < known => Ok(picture),
        _ => invalid(format!("there is no picture {picture}; the set has {known}")),
    }
}

/// Checks the activations that a run is asked for.
///
/// # Safety
/// `tensors` is null or leads to `count` ids that nobody writes during the call.
unsafe fn activations(
    context: &Context<'_>,
    tensors: *const u64,
    count: u64,
) -> Result<Vec<TensorId>, StrategyError> {
    // SAFETY: the caller's promise.
    let ids = unsafe { items(tensors, count, MAX_TENSORS, "tensors") }?;
    ids.iter().map(|&tensor| context.activation_id(tensor)).collect()
}

/// Hands out the activations of a run.
///
/// # Safety
/// `out` is null or leads to `count` places that nobody else uses during the call.
unsafe fn put_each(floats: &[Vec<f32>], count: usize, out: *mut OctetFloats) -> Answer {
    if floats.len() != count {
        return Err(StrategyError::Failed("the engine returned another number of tensors".to_owned()));
    }
    for (i, values) in floats.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { put(out.wrapping_add(i), OctetFloats::new(values)) }?;
    }
    Ok(())
}

/// Checks what a plugin wants to put in place of a constant.
///
/// # Safety
/// `values` is null or leads to `count` values that nobody writes during `'b`.
unsafe fn new_values<'b>(
    context: &Context<'_>,
    tensor: u64,
    values: *const f32,
    count: u64,
) -> Result<(TensorId, &'b [f32]), StrategyError> {
    let id = context.tensor_id(tensor)?;
    let tensor = &context.graph.tensors[id.0];
    if !tensor.constant || count != tensor.len as u64 {
        let what = if tensor.constant { "a constant" } else { "an activation" };
        let (name, len) = (&tensor.name, tensor.len);
        return invalid(format!("{count} values for `{name}`, which is {what} of {len} values"));
    }
    // SAFETY: the caller's promise.
    let values = unsafe { items(values, count, tensor.len, "values") }?;
    if values.iter().any(|v| !v.is_finite()) {
        return invalid(format!("a value for `{}` is infinite or not a number", tensor.name));
    }
    Ok((id, values))
}

fn unless_cancelled(context: &Context<'_>) -> Answer {
    if context.cancelled() { Err(StrategyError::Cancelled) } else { Ok(()) }
}
