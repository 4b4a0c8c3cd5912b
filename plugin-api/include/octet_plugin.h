/* Octet: the interface of quantization strategies. Made by cbindgen from plugin-api/src/abi; do not edit.
 *
 * A strategy is a dynamic library that exports one symbol, octet_plugin_entry. It decides widths, exponents and
 * weights of a quantized network (value = integer * 2^exponent) with the help of the host.
 *
 * Versions   The host refuses a plugin whose abi_major differs from its own or whose abi_minor is above its own.
 *            Structs begin with struct_size (the descriptor has it after its version); minor versions append.
 * Enums      Integers named OCTET_...; reject what you do not know.
 * Strings    UTF-8 with a length, no terminating zero.
 * Ownership  Buffers belong to who made them. The host copies what it is given during the call. What the host gives
 *            lives until run returns, or shorter where a function says so. Nothing is freed by the other side.
 * Threads    The host calls create, run and destroy on one thread, and its functions may be called on that thread
 *            only, during create and run only. A plugin may use threads of its own meanwhile. describe may be called
 *            at any time.
 * Unwinding  No exception and no panic may leave a function of either side.
 * Errors     Functions return OCTET_OK or another status; last_error has the host's reason in words.
 * Process    A strategy runs in a process of its own and is never unloaded. The host may end that process at any
 *            time (cancel, memory limit): keep nothing that must be cleaned up.
 */
#ifndef OCTET_PLUGIN_H
#define OCTET_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define OCTET_EXPORT __declspec(dllexport)
#else
#define OCTET_EXPORT __attribute__((visibility("default")))
#endif

// Version of this interface. A plugin fits when its major is equal and its minor is not above the host's.
#define OCTET_ABI_MAJOR 1

// Minor versions only append: fields to structs, functions to the host table.
#define OCTET_ABI_MINOR 1

// Status: done.
#define OCTET_OK 0

// Status: the user cancelled; return this from `run` at once.
#define OCTET_CANCELLED 1

// Status: the arguments make no sense; `last_error` says which.
#define OCTET_INVALID 2

// Status: it could not be done; `last_error` says why.
#define OCTET_FAILED 3

// Stands for "no node" or "no tensor".
#define OCTET_NONE 18446744073709551615ull

// Ties go to the even neighbour.
#define OCTET_ROUND_HALF_EVEN 0

// Ties go up: floor(x + 0.5).
#define OCTET_ROUND_HALF_UP 1

// Weights are stored in blocks of 16 (int8) or 8 (int16) output channels.
#define OCTET_LAYOUT_BLOCKED 0

// Weights are stored plainly.
#define OCTET_LAYOUT_PLAIN 1

// Node flag: has multiply-accumulates and weights (Conv, Gemm).
#define OCTET_NODE_COMPUTING 1

// Node flag: moves or chooses values, so that it keeps its input's exponent.
#define OCTET_NODE_PASSIVE 2

// Node flag: a convolution in which every channel is a group of its own.
#define OCTET_NODE_DEPTHWISE 4

// Node flag: a Clip that the draft replaced by a Relu.
#define OCTET_NODE_RELU_FOR_CLIP 8

// Tensor flag: a constant with values (weights, bias, bounds).
#define OCTET_TENSOR_CONSTANT 1

// Tensor flag: the draft holds other values than the file.
#define OCTET_TENSOR_CHANGED 2

// Tensor flag: the quantized network holds other values than the float network (`correct_weights`). Since 1.1.
#define OCTET_TENSOR_CORRECTED 4

// Slot role: an activation, one exponent.
#define OCTET_ROLE_ACTIVATION 0

// Slot role: weights, `channels` exponents.
#define OCTET_ROLE_WEIGHTS 1

// The float network computes with the draft's float weights.
#define OCTET_WEIGHTS_FLOAT 0

// The float network computes with the draft's weights quantized by the draft's weight exponents; biases float.
#define OCTET_WEIGHTS_QUANTIZED 1

// The calibration pictures that statistics are taken from.
#define OCTET_PICTURES_CALIBRATION 0

// Calibration pictures that `hold_out` set aside: none before it is called, and a score on no pictures is refused.
#define OCTET_PICTURES_HELD_OUT 1

// Score with everything quantized.
#define OCTET_SCORE_GRAPHWISE 0

// Score with one operation at a time quantized.
#define OCTET_SCORE_LAYERWISE 1

// Score the network's output alone with everything quantized: the fastest; no figures per node. Since 1.1.
#define OCTET_SCORE_OUTPUT 2

// Export the draft's float network: its weights and replaced activations.
#define OCTET_EXPORT_FLOAT 0

// Export the completed draft with QuantizeLinear and DequantizeLinear pairs.
#define OCTET_EXPORT_QDQ 1

// Log level: for plugin authors.
#define OCTET_LOG_DEBUG 0

// Log level: for everybody.
#define OCTET_LOG_INFO 1

// Log level: something to look at.
#define OCTET_LOG_WARNING 2

// UTF-8 text; not terminated by a zero. `data` may be null when `len` is 0.
typedef struct OctetString {
  // First byte.
  const uint8_t *data;
  // Number of bytes.
  uint64_t len;
} OctetString;

// Several texts.
typedef struct OctetStrings {
  // First text.
  const struct OctetString *data;
  // Number of texts.
  uint64_t len;
} OctetStrings;

// The chip that is quantized for.
typedef struct OctetTargetInfo {
  // sizeof(OctetTargetInfo), set by the caller.
  uint64_t struct_size;
  // "esp32p4", "esp32s3", ...
  struct OctetString name;
  // OCTET_ROUND_...
  int32_t rounding;
  // 1 when Conv and Gemm weights have one exponent per output channel, 0 when one per tensor.
  uint32_t per_channel;
  // Bits of the biases of int8 layers; sums must stay inside.
  uint32_t bias_bits_int8;
  // Bits of the biases of int16 layers.
  uint32_t bias_bits_int16;
  // Bits of one accumulator lane for int8 layers.
  uint32_t accumulator_bits_int8;
  // OCTET_LAYOUT_...
  int32_t layout;
} OctetTargetInfo;

// The network as a whole. Its ids are 0..node_count and 0..tensor_count.
typedef struct OctetNetworkInfo {
  // sizeof(OctetNetworkInfo), set by the caller.
  uint64_t struct_size;
  // The file's stem, or the graph's name.
  struct OctetString name;
  // Number of nodes, in topological order.
  uint64_t node_count;
  // Number of tensors: activations and constants.
  uint64_t tensor_count;
  // The picture: batch 1, channels, height, width.
  uint64_t input;
  // The class scores.
  uint64_t output;
} OctetNetworkInfo;

// Ids of nodes or tensors, or extents.
typedef struct OctetIds {
  // First id.
  const uint64_t *data;
  // Number of ids.
  uint64_t len;
} OctetIds;

// An operation.
typedef struct OctetNodeInfo {
  // sizeof(OctetNodeInfo), set by the caller.
  uint64_t struct_size;
  // Unique, never empty.
  struct OctetString name;
  // ONNX's name of the operation: "Conv", "Gemm", "Add", "Clip", ...
  struct OctetString op;
  // Tensors in ONNX's order: data first, then weights and bias, or the bounds of a Clip.
  struct OctetIds inputs;
  // Tensors that it computes.
  struct OctetIds outputs;
  // Names of the original nodes that were merged into this one.
  struct OctetStrings absorbed;
  // Multiply-accumulates for one picture.
  uint64_t macs;
  // Width under the draft: 8 or 16.
  uint32_t bits;
  // OCTET_NODE_... added up.
  uint32_t flags;
} OctetNodeInfo;

// A value: an activation, or a constant with data.
typedef struct OctetTensorInfo {
  // sizeof(OctetTensorInfo), set by the caller.
  uint64_t struct_size;
  // Unique, never empty.
  struct OctetString name;
  // Extents with the batch axis, which is 1. Activations with four axes are NCHW.
  struct OctetIds shape;
  // Number of elements.
  uint64_t len;
  // The node that computes it, or OCTET_NONE.
  uint64_t producer;
  // The nodes that read it, in topological order.
  struct OctetIds consumers;
  // OCTET_TENSOR_... added up.
  uint32_t flags;
  // Zero.
  uint32_t reserved;
} OctetTensorInfo;

// 64-bit integers: an attribute of a node.
typedef struct OctetInts {
  // First integer.
  const int64_t *data;
  // Number of integers.
  uint64_t len;
} OctetInts;

// Values of a tensor in C order.
typedef struct OctetFloats {
  // First value.
  const float *data;
  // Number of values.
  uint64_t len;
} OctetFloats;

// Exponents.
typedef struct OctetExponents {
  // First exponent.
  const int32_t *data;
  // Number of exponents.
  uint64_t len;
} OctetExponents;

// Something whose exponent a strategy has to choose.
typedef struct OctetSlot {
  // sizeof(OctetSlot), set by the caller.
  uint64_t struct_size;
  // The tensor.
  uint64_t tensor;
  // The node that asks for it: an activation's producer, the owner of weights, or the first reader of another
  // width. OCTET_NONE for the network's input.
  uint64_t node;
  // Width: 8 or 16.
  uint32_t bits;
  // OCTET_ROLE_...
  int32_t role;
  // Number of exponents: 1, or the number of output channels.
  uint64_t channels;
  // The tensor's axis of the output channels; 0 for activations.
  uint64_t axis;
} OctetSlot;

// Counts of a histogram.
typedef struct OctetCounts {
  // First count.
  const uint64_t *data;
  // Number of counts.
  uint64_t len;
} OctetCounts;

// Which numbers of which activations are wanted.
typedef struct OctetStatisticsRequest {
  // sizeof(OctetStatisticsRequest).
  uint64_t struct_size;
  // Activations; each at most once.
  struct OctetIds tensors;
  // Number of histogram bins, parallel to `tensors`; 0 for none.
  struct OctetCounts bins;
  // OCTET_WEIGHTS_...
  int32_t weights;
  // 1 to also take the percentiles.
  uint32_t want_percentiles;
  // A quantile above 0.5 and at most 1, e.g. 0.9999.
  double percentile;
} OctetStatisticsRequest;

// The numbers of one activation over all calibration pictures.
typedef struct OctetStatistics {
  // sizeof(OctetStatistics), set by the caller.
  uint64_t struct_size;
  // Counts of |x|; bin i holds [i, i + 1) * bin_width, the last one its upper bound too.
  struct OctetCounts histogram;
  // max(|min|, |max|) / bins.
  double bin_width;
  // Number of values seen.
  uint64_t count;
  // Smallest value.
  float min;
  // Largest value.
  float max;
  // Mean over batches of the lowest value at the quantile; valid with `has_percentiles`.
  float low;
  // Mean over batches of the highest value at the quantile; valid with `has_percentiles`.
  float high;
  // 1 when `low` and `high` are valid.
  uint32_t has_percentiles;
  // Zero.
  uint32_t reserved;
} OctetStatistics;

// Figures, one per id of a list next to it.
typedef struct OctetDoubles {
  // First figure.
  const double *data;
  // Number of figures.
  uint64_t len;
} OctetDoubles;

// How the draft fares when the chip's own arithmetic executes it.
typedef struct OctetScore {
  // sizeof(OctetScore), set by the caller.
  uint64_t struct_size;
  // Noise:signal of the network's output, a fraction.
  double output_nsr;
  // Fraction of pictures with the float network's top-1 class.
  double agreement;
  // Pictures scored.
  uint64_t pictures;
  // Computing nodes.
  struct OctetIds nodes;
  // Noise:signal of each of them: of its output (graphwise), or of the network's output (layerwise).
  struct OctetDoubles node_nsr;
} OctetScore;

// What the draft costs on the chip. Since 1.1.
typedef struct OctetCost {
  // sizeof(OctetCost), set by the caller.
  uint64_t struct_size;
  // Estimated milliseconds of one inference.
  double latency_ms;
  // Bytes of the model file.
  uint64_t flash_bytes;
  // Bytes of the activation arena.
  uint64_t arena_bytes;
} OctetCost;

// The engine. Valid during `create` and `run`, on the thread that called them.
//
// Every function returns OCTET_OK or another status and writes its result through the last pointers. What those
// results point to belongs to the host and lives until `run` returns, unless a shorter life is stated.
typedef struct OctetHost {
  // sizeof(OctetHost) of the host; fields beyond it do not exist.
  uint64_t struct_size;
  // OCTET_ABI_MAJOR of the host.
  uint32_t abi_major;
  // OCTET_ABI_MINOR of the host.
  uint32_t abi_minor;
  // The host's own.
  void *context;
  // Text of the last call that did not return OCTET_OK. Valid until the next call.
  int32_t (*last_error)(const struct OctetHost *host, struct OctetString *text);
  // Tells the user why the strategy gives up; return OCTET_FAILED afterwards.
  int32_t (*fail)(const struct OctetHost *host, struct OctetString message);
  // Writes a line to the job's log; `level` is OCTET_LOG_...
  int32_t (*log)(const struct OctetHost *host, int32_t level, struct OctetString message);
  // Reports progress, 0 to 1, with a few words. Returns OCTET_CANCELLED once the user cancelled.
  int32_t (*progress)(const struct OctetHost *host, float fraction, struct OctetString message);
  // OCTET_CANCELLED once the user cancelled, else OCTET_OK. Ask often.
  int32_t (*cancelled)(const struct OctetHost *host);
  // The chip.
  int32_t (*target)(const struct OctetHost *host, struct OctetTargetInfo *info);
  // The network.
  int32_t (*network)(const struct OctetHost *host, struct OctetNetworkInfo *info);
  // A value of the ONNX file's metadata; OCTET_INVALID when it has none under this key.
  int32_t (*metadata)(const struct OctetHost *host, struct OctetString key, struct OctetString *value);
  // A node.
  int32_t (*node)(const struct OctetHost *host, uint64_t node, struct OctetNodeInfo *info);
  // A tensor.
  int32_t (*tensor)(const struct OctetHost *host, uint64_t tensor, struct OctetTensorInfo *info);
  // An attribute of a node under ONNX's name: kernel_shape, strides, dilations, pads (top, left, bottom, right),
  // group, transB, axis, perm, count_include_pad. OCTET_INVALID when the node has none of that name. Valid until
  // the next call of this function.
  int32_t (*attribute_ints)(const struct OctetHost *host,
                            uint64_t node,
                            struct OctetString name,
                            struct OctetInts *values);
  // The same for numbers: `value` of a Pad.
  int32_t (*attribute_float)(const struct OctetHost *host,
                             uint64_t node,
                             struct OctetString name,
                             double *value);
  // A constant's values under the draft, in the file's layout (OIHW, [out, in] or [in, out]). Valid until
  // the next call of this function or of `set_weights` for this tensor.
  int32_t (*weights)(const struct OctetHost *host, uint64_t tensor, struct OctetFloats *values);
  // The exponents that the draft has for a tensor at a width (8 or 16); none when nothing is decided. Valid until
  // the next call of this function.
  int32_t (*exponents)(const struct OctetHost *host,
                       uint64_t tensor,
                       uint32_t bits,
                       struct OctetExponents *exponents);
  // Counts what may be decided under the draft's widths and activations, weights first, then activations in graph
  // order, and makes the list anew that `slot` reads from.
  int32_t (*slot_count)(const struct OctetHost *host, uint64_t *count);
  // An entry of the list that `slot_count` made.
  int32_t (*slot)(const struct OctetHost *host, uint64_t index, struct OctetSlot *slot);
  // Number of pictures of OCTET_PICTURES_...
  int32_t (*picture_count)(const struct OctetHost *host, int32_t pictures, uint64_t *count);
  // Runs the float network over the calibration pictures. Read the results with `statistics_of`.
  int32_t (*statistics)(const struct OctetHost *host, const struct OctetStatisticsRequest *request);
  // The numbers of the tensor at `index` of the last request. Valid until the next `statistics`.
  int32_t (*statistics_of)(const struct OctetHost *host, uint64_t index, struct OctetStatistics *numbers);
  // Runs the float network on one picture of OCTET_PICTURES_... with OCTET_WEIGHTS_... and writes the values of
  // `count` activations to `values[0]` ... `values[count - 1]`. Valid until the next call of this function or of
  // `run_quantized`.
  int32_t (*run_float)(const struct OctetHost *host,
                       int32_t pictures,
                       uint64_t picture,
                       int32_t weights,
                       const uint64_t *tensors,
                       uint64_t count,
                       struct OctetFloats *values);
  // Sets the width of a node, 8 or 16. Slots change with it.
  int32_t (*set_bits)(const struct OctetHost *host, uint64_t node, uint32_t bits);
  // Sets the exponents of a slot; `count` must be the slot's `channels`.
  int32_t (*set_exponents)(const struct OctetHost *host,
                           uint64_t tensor,
                           uint32_t bits,
                           const int32_t *exponents,
                           uint64_t count);
  // Replaces a constant's values in the float and in the quantized network: as many as it has, all finite. For changes
  // that leave the float network's answers as they are, such as equalization; see `correct_weights` for others.
  int32_t (*set_weights)(const struct OctetHost *host, uint64_t tensor, const float *values, uint64_t count);
  // Replaces a Clip by a Relu (1), or takes that back (0).
  int32_t (*set_relu_for_clip)(const struct OctetHost *host, uint64_t node, uint32_t relu);
  // Applies the rules that all strategies share and checks the draft. `findings` has one line each, naming a layer
  // and a remedy; with `repair` 1 the remedies are applied, and what they mended ends in
  // "(done)". Valid until the next call of this function.
  int32_t (*complete)(const struct OctetHost *host, uint32_t repair, struct OctetString *findings);
  // Scores the draft on at most `max_pictures` of OCTET_PICTURES_..., OCTET_SCORE_... . Valid until the next call
  // of this function.
  int32_t (*score)(const struct OctetHost *host,
                   int32_t pictures,
                   int32_t kind,
                   uint64_t max_pictures,
                   struct OctetScore *score);
  // Estimates what the draft costs on the chip; every slot must be decided.
  int32_t (*cost)(const struct OctetHost *host, struct OctetCost *cost);
  // Remembers the draft as it is and returns a number for it.
  int32_t (*snapshot)(const struct OctetHost *host, uint64_t *snapshot);
  // Puts the draft back to what `snapshot` remembered; any number of times.
  int32_t (*restore)(const struct OctetHost *host, uint64_t snapshot);
  // The file of a picture of OCTET_PICTURES_..., from the root. Valid until the next call of this function.
  int32_t (*picture_file)(const struct OctetHost *host,
                          int32_t pictures,
                          uint64_t picture,
                          struct OctetString *path);
  // The ONNX file, from the root.
  int32_t (*model_file)(const struct OctetHost *host, struct OctetString *path);
  // A folder inside the run folder for this strategy's own files, from the root. It exists, and is empty when it is
  // first asked for.
  int32_t (*job_folder)(const struct OctetHost *host, struct OctetString *path);
  // Writes the draft as an ONNX file, OCTET_EXPORT_..., into `job_folder`. `name` is a file name without folders.
  int32_t (*export_model)(const struct OctetHost *host, int32_t kind, struct OctetString name);
  // Adds a point to a curve of this name, which the app draws while the strategy runs and keeps in the report.
  int32_t (*point)(const struct OctetHost *host, struct OctetString curve, double x, double y);
  // Whether the user asked to stop here and keep the best so far: 1 or 0. A strategy that asks is shown with a
  // control for it; ask often.
  int32_t (*finish_early)(const struct OctetHost *host, uint32_t *asked);
  // Replaces a constant's values in the quantized network alone, to make up for its errors: errors go on being
  // measured against the float network without them. `weights` returns them; `set_weights`, or null and 0 here, take
  // them back.
  int32_t (*correct_weights)(const struct OctetHost *host,
                             uint64_t tensor,
                             const float *values,
                             uint64_t count);
  // Sets every n-th picture aside as OCTET_PICTURES_HELD_OUT, away from statistics, until `run` returns: 2 or more,
  // or 0 to put all back.
  int32_t (*hold_out)(const struct OctetHost *host, uint64_t every);
  // Runs the draft in the chip's own arithmetic on one picture of OCTET_PICTURES_... and writes the values of `count`
  // activations, dequantized, to `values[0]` ... `values[count - 1]`. Every slot must be decided. An activation that is
  // fused with the operation behind it is refused. Valid until the next call of this function or of `run_float`.
  int32_t (*run_quantized)(const struct OctetHost *host,
                           int32_t pictures,
                           uint64_t picture,
                           const uint64_t *tensors,
                           uint64_t count,
                           struct OctetFloats *values);
} OctetHost;

// A strategy. Lives as long as the library is loaded, which is until the process ends.
//
// The first three fields never change place, so that any host can read any plugin's version.
typedef struct OctetPluginDescriptor {
  // OCTET_ABI_MAJOR that the plugin was compiled with.
  uint32_t abi_major;
  // OCTET_ABI_MINOR that the plugin was compiled with.
  uint32_t abi_minor;
  // sizeof(OctetPluginDescriptor).
  uint64_t struct_size;
  // Reverse-DNS, e.g. "org.example.my-strategy": letters, digits, '.', '-', '_'.
  struct OctetString id;
  // What menus show.
  struct OctetString name;
  // The plugin's own version.
  struct OctetString version;
  // Who made it.
  struct OctetString vendor;
  // One or two sentences.
  struct OctetString description;
  // Chips that it is meant for; empty for all.
  struct OctetStrings targets;
  // Writes a JSON Schema (an object whose properties are booleans, integers, numbers, strings and choices, each
  // with a default) to `schema`. The text stays the plugin's and valid as long as the library is loaded.
  int32_t (*describe)(struct OctetString *schema);
  // Makes an instance for one run. `settings` is a JSON object with every property of the schema; it is valid
  // during this call only. On failure call the host's `fail`, and return other than OCTET_OK.
  int32_t (*create)(const struct OctetHost *host, struct OctetString settings, void **instance);
  // Improves the draft. Return OCTET_OK, OCTET_CANCELLED, or, after the host's `fail`, OCTET_FAILED.
  int32_t (*run)(void *instance, const struct OctetHost *host);
  // Frees an instance; called once for each that `create` made.
  void (*destroy)(void *instance);
} OctetPluginDescriptor;

#ifdef __cplusplus
extern "C" {
#endif

/* The one symbol of a plugin. Called on any thread; returns the same static descriptor every time. */
OCTET_EXPORT const OctetPluginDescriptor *octet_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* OCTET_PLUGIN_H */
