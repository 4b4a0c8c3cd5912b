//! What version 1.1 of the interface appended: costs, snapshots, files, curves, coming to an end early, held-out
//! pictures, runs in the chip's arithmetic.

use std::path::PathBuf;

use super::*;
use crate::strategy::ExportKind;

// The SAFETY of every block below is that of the table's other functions.
functions! {
    fn cost(context, out: *mut OctetCost) {
        let cost = context.engine.cost()?;
        let info = OctetCost {
            latency_ms: cost.latency_ms,
            flash_bytes: cost.flash_bytes,
            arena_bytes: cost.arena_bytes,
            ..OctetCost::empty()
        };
        // SAFETY: see above.
        unsafe { fill(out, info) }
    }

    fn snapshot(context, out: *mut u64) {
        let snapshot = context.engine.snapshot()?;
        // SAFETY: see above.
        unsafe { put(out, snapshot as u64) }
    }

    fn restore(context, snapshot: u64) {
        context.engine.restore(usize::try_from(snapshot).unwrap_or(usize::MAX))
    }

    fn picture_file(context, pictures: i32, picture: u64, out: *mut OctetString) {
        let picture = usize::try_from(picture).unwrap_or(usize::MAX);
        context.picture_file = utf8(context.engine.picture_file(picture_set(pictures)?, picture)?)?;
        // SAFETY: see above.
        unsafe { put(out, OctetString::new(&context.picture_file)) }
    }

    fn model_file(context, out: *mut OctetString) {
        if context.model_file.is_empty() {
            context.model_file = utf8(context.engine.model_file()?)?;
        }
        // SAFETY: see above.
        unsafe { put(out, OctetString::new(&context.model_file)) }
    }

    fn job_folder(context, out: *mut OctetString) {
        if context.job_folder.is_empty() {
            context.job_folder = utf8(context.engine.job_folder()?)?;
        }
        // SAFETY: see above.
        unsafe { put(out, OctetString::new(&context.job_folder)) }
    }

    fn export_model(context, kind: i32, name: OctetString) {
        let kind = match kind {
            OCTET_EXPORT_FLOAT => ExportKind::Float,
            OCTET_EXPORT_QDQ => ExportKind::Qdq,
            other => return invalid(format!("there is no kind {other} of export")),
        };
        // SAFETY: see above.
        let name = unsafe { text(name) }?;
        context.engine.export_model(kind, &name)
    }

    fn point(context, curve: OctetString, x: f64, y: f64) {
        // SAFETY: see above.
        let curve = unsafe { text(curve) }?;
        context.engine.point(&curve, x, y)?;
        unless_cancelled(context)
    }

    fn correct_weights(context, tensor: u64, values: *const f32, count: u64) {
        let id = if values.is_null() && count == 0 {
            let id = context.tensor_id(tensor)?;
            context.engine.correct_weights(id, None)?;
            id
        } else {
            // SAFETY: see above.
            let (id, values) = unsafe { new_values(context, tensor, values, count) }?;
            context.engine.correct_weights(id, Some(values))?;
            id
        };
        context.forget_weights(id);
        Ok(())
    }

    fn hold_out(context, every: u64) {
        context.engine.hold_out(usize::try_from(every).unwrap_or(usize::MAX))
    }

    fn run_quantized(
        context,
        pictures: i32,
        picture: u64,
        tensors: *const u64,
        count: u64,
        out: *mut OctetFloats,
    ) {
        let set = picture_set(pictures)?;
        let picture = picture_of(context, set, picture)?;
        // SAFETY: see above.
        let ids = unsafe { activations(context, tensors, count) }?;
        context.floats.clear();
        context.floats = context.engine.run_quantized(set, picture, &ids)?;
        // SAFETY: see above; `out` has `count` entries.
        unsafe { put_each(&context.floats, ids.len(), out) }
    }

    fn finish_early(context, out: *mut u32) {
        let asked = context.engine.finish_early();
        // SAFETY: see above.
        unsafe { put(out, asked.into()) }?;
        unless_cancelled(context)
    }
}

fn utf8(path: PathBuf) -> Result<String, StrategyError> {
    path.into_os_string()
        .into_string()
        .map_err(|path| StrategyError::Invalid(format!("`{}` is not UTF-8; rename it", path.display())))
}
