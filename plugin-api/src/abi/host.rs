//! What the host offers to a running strategy.

use std::ffi::c_void;

use super::graph::{OctetNetworkInfo, OctetNodeInfo, OctetSlot, OctetTargetInfo, OctetTensorInfo};
use super::numbers::{OctetCost, OctetScore, OctetStatistics, OctetStatisticsRequest};
use super::value::{OctetExponents, OctetFloats, OctetInts, OctetString};

/// The engine. Valid during `create` and `run`, on the thread that called them.
///
/// Every function returns OCTET_OK or another status and writes its result through the last pointers. What those
/// results point to belongs to the host and lives until `run` returns, unless a shorter life is stated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetHost {
    /// sizeof(OctetHost) of the host; fields beyond it do not exist.
    pub struct_size: u64,
    /// OCTET_ABI_MAJOR of the host.
    pub abi_major: u32,
    /// OCTET_ABI_MINOR of the host.
    pub abi_minor: u32,
    /// The host's own.
    pub context: *mut c_void,

    /// Text of the last call that did not return OCTET_OK. Valid until the next call.
    pub last_error: Option<unsafe extern "C" fn(host: *const OctetHost, text: *mut OctetString) -> i32>,
    /// Tells the user why the strategy gives up; return OCTET_FAILED afterwards.
    pub fail: Option<unsafe extern "C" fn(host: *const OctetHost, message: OctetString) -> i32>,
    /// Writes a line to the job's log; `level` is OCTET_LOG_...
    pub log: Option<unsafe extern "C" fn(host: *const OctetHost, level: i32, message: OctetString) -> i32>,
    /// Reports progress, 0 to 1, with a few words. Returns OCTET_CANCELLED once the user cancelled.
    pub progress:
        Option<unsafe extern "C" fn(host: *const OctetHost, fraction: f32, message: OctetString) -> i32>,
    /// OCTET_CANCELLED once the user cancelled, else OCTET_OK. Ask often.
    pub cancelled: Option<unsafe extern "C" fn(host: *const OctetHost) -> i32>,

    /// The chip.
    pub target: Option<unsafe extern "C" fn(host: *const OctetHost, info: *mut OctetTargetInfo) -> i32>,
    /// The network.
    pub network: Option<unsafe extern "C" fn(host: *const OctetHost, info: *mut OctetNetworkInfo) -> i32>,
    /// A value of the ONNX file's metadata; OCTET_INVALID when it has none under this key.
    pub metadata: Option<
        unsafe extern "C" fn(host: *const OctetHost, key: OctetString, value: *mut OctetString) -> i32,
    >,
    /// A node.
    pub node:
        Option<unsafe extern "C" fn(host: *const OctetHost, node: u64, info: *mut OctetNodeInfo) -> i32>,
    /// A tensor.
    pub tensor:
        Option<unsafe extern "C" fn(host: *const OctetHost, tensor: u64, info: *mut OctetTensorInfo) -> i32>,
    /// An attribute of a node under ONNX's name: kernel_shape, strides, dilations, pads (top, left, bottom, right),
    /// group, transB, axis, perm, count_include_pad. OCTET_INVALID when the node has none of that name. Valid until
    /// the next call of this function.
    pub attribute_ints: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            node: u64,
            name: OctetString,
            values: *mut OctetInts,
        ) -> i32,
    >,
    /// The same for numbers: `value` of a Pad.
    pub attribute_float: Option<
        unsafe extern "C" fn(host: *const OctetHost, node: u64, name: OctetString, value: *mut f64) -> i32,
    >,
    /// A constant's values under the draft, in the file's layout (OIHW, [out, in] or [in, out]). Valid until
    /// the next call of this function or of `set_weights` for this tensor.
    pub weights:
        Option<unsafe extern "C" fn(host: *const OctetHost, tensor: u64, values: *mut OctetFloats) -> i32>,
    /// The exponents that the draft has for a tensor at a width (8 or 16); none when nothing is decided. Valid until
    /// the next call of this function.
    pub exponents: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            tensor: u64,
            bits: u32,
            exponents: *mut OctetExponents,
        ) -> i32,
    >,
    /// Counts what may be decided under the draft's widths and activations, weights first, then activations in graph
    /// order, and makes the list anew that `slot` reads from.
    pub slot_count: Option<unsafe extern "C" fn(host: *const OctetHost, count: *mut u64) -> i32>,
    /// An entry of the list that `slot_count` made.
    pub slot: Option<unsafe extern "C" fn(host: *const OctetHost, index: u64, slot: *mut OctetSlot) -> i32>,

    /// Number of pictures of OCTET_PICTURES_...
    pub picture_count:
        Option<unsafe extern "C" fn(host: *const OctetHost, pictures: i32, count: *mut u64) -> i32>,
    /// Runs the float network over the calibration pictures. Read the results with `statistics_of`.
    pub statistics:
        Option<unsafe extern "C" fn(host: *const OctetHost, request: *const OctetStatisticsRequest) -> i32>,
    /// The numbers of the tensor at `index` of the last request. Valid until the next `statistics`.
    pub statistics_of: Option<
        unsafe extern "C" fn(host: *const OctetHost, index: u64, numbers: *mut OctetStatistics) -> i32,
    >,
    /// Runs the float network on one picture of OCTET_PICTURES_... with OCTET_WEIGHTS_... and writes the values of
    /// `count` activations to `values[0]` ... `values[count - 1]`. Valid until the next call of this function or of
    /// `run_quantized`.
    pub run_float: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            pictures: i32,
            picture: u64,
            weights: i32,
            tensors: *const u64,
            count: u64,
            values: *mut OctetFloats,
        ) -> i32,
    >,

    /// Sets the width of a node, 8 or 16. Slots change with it.
    pub set_bits: Option<unsafe extern "C" fn(host: *const OctetHost, node: u64, bits: u32) -> i32>,
    /// Sets the exponents of a slot; `count` must be the slot's `channels`.
    pub set_exponents: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            tensor: u64,
            bits: u32,
            exponents: *const i32,
            count: u64,
        ) -> i32,
    >,
    /// Replaces a constant's values in the float and in the quantized network: as many as it has, all finite. For changes
    /// that leave the float network's answers as they are, such as equalization; see `correct_weights` for others.
    pub set_weights: Option<
        unsafe extern "C" fn(host: *const OctetHost, tensor: u64, values: *const f32, count: u64) -> i32,
    >,
    /// Replaces a Clip by a Relu (1), or takes that back (0).
    pub set_relu_for_clip: Option<unsafe extern "C" fn(host: *const OctetHost, node: u64, relu: u32) -> i32>,
    /// Applies the rules that all strategies share and checks the draft. `findings` has one line each, naming a layer
    /// and a remedy; with `repair` 1 the remedies are applied, and what they mended ends in
    /// "(done)". Valid until the next call of this function.
    pub complete:
        Option<unsafe extern "C" fn(host: *const OctetHost, repair: u32, findings: *mut OctetString) -> i32>,
    /// Scores the draft on at most `max_pictures` of OCTET_PICTURES_..., OCTET_SCORE_... . Valid until the next call
    /// of this function.
    pub score: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            pictures: i32,
            kind: i32,
            max_pictures: u64,
            score: *mut OctetScore,
        ) -> i32,
    >,

    // Since 1.1; a plugin that needs them says so by its abi_minor.
    /// Estimates what the draft costs on the chip; every slot must be decided.
    pub cost: Option<unsafe extern "C" fn(host: *const OctetHost, cost: *mut OctetCost) -> i32>,
    /// Remembers the draft as it is and returns a number for it.
    pub snapshot: Option<unsafe extern "C" fn(host: *const OctetHost, snapshot: *mut u64) -> i32>,
    /// Puts the draft back to what `snapshot` remembered; any number of times.
    pub restore: Option<unsafe extern "C" fn(host: *const OctetHost, snapshot: u64) -> i32>,
    /// The file of a picture of OCTET_PICTURES_..., from the root. Valid until the next call of this function.
    pub picture_file: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            pictures: i32,
            picture: u64,
            path: *mut OctetString,
        ) -> i32,
    >,
    /// The ONNX file, from the root.
    pub model_file: Option<unsafe extern "C" fn(host: *const OctetHost, path: *mut OctetString) -> i32>,
    /// A folder inside the run folder for this strategy's own files, from the root. It exists, and is empty when it is
    /// first asked for.
    pub job_folder: Option<unsafe extern "C" fn(host: *const OctetHost, path: *mut OctetString) -> i32>,
    /// Writes the draft as an ONNX file, OCTET_EXPORT_..., into `job_folder`. `name` is a file name without folders.
    pub export_model:
        Option<unsafe extern "C" fn(host: *const OctetHost, kind: i32, name: OctetString) -> i32>,
    /// Adds a point to a curve of this name, which the app draws while the strategy runs and keeps in the report.
    pub point:
        Option<unsafe extern "C" fn(host: *const OctetHost, curve: OctetString, x: f64, y: f64) -> i32>,
    /// Whether the user asked to stop here and keep the best so far: 1 or 0. A strategy that asks is shown with a
    /// control for it; ask often.
    pub finish_early: Option<unsafe extern "C" fn(host: *const OctetHost, asked: *mut u32) -> i32>,
    /// Replaces a constant's values in the quantized network alone, to make up for its errors: errors go on being
    /// measured against the float network without them. `weights` returns them; `set_weights`, or null and 0 here, take
    /// them back.
    pub correct_weights: Option<
        unsafe extern "C" fn(host: *const OctetHost, tensor: u64, values: *const f32, count: u64) -> i32,
    >,
    /// Sets every n-th picture aside as OCTET_PICTURES_HELD_OUT, away from statistics, until `run` returns: 2 or more,
    /// or 0 to put all back.
    pub hold_out: Option<unsafe extern "C" fn(host: *const OctetHost, every: u64) -> i32>,
    /// Runs the draft in the chip's own arithmetic on one picture of OCTET_PICTURES_... and writes the values of `count`
    /// activations, dequantized, to `values[0]` ... `values[count - 1]`. Every slot must be decided. An activation that is
    /// fused with the operation behind it is refused. Valid until the next call of this function or of `run_float`.
    pub run_quantized: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            pictures: i32,
            picture: u64,
            tensors: *const u64,
            count: u64,
            values: *mut OctetFloats,
        ) -> i32,
    >,
}
