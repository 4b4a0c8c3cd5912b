#!/usr/bin/env python3
"""ONNX Runtime's own int8 as a speed mark: static quantization (QDQ, int8 per-channel weights), median time of one picture on one thread.

    pip install onnxruntime==1.32.0 onnx==1.19.1 sympy pillow
    python tools/ort_int8_bench.py MODEL.onnx --images CALIBRATION [--repeat 200] [--keep QUANTIZED.onnx]

Prints one JSON object. Run it on an otherwise idle machine.
"""

import argparse
import json
import logging
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from onnxruntime_reference import picture_input

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class Pictures(CalibrationDataReader):
    def __init__(self, name, batches):
        self.name, self.batches = name, iter(batches)

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}


def measured(model, value, threads, repeat):
    """Median wall time, least wall time and, with one thread, the median CPU time, which other programs disturb less; in ms."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: value}
    walls, cpus = [], []
    for _ in range(repeat + 20):
        wall, cpu = time.perf_counter(), time.thread_time()
        session.run(None, given)
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.thread_time() - cpu) * 1000)
    result = {"ms_median": round(statistics.median(walls[20:]), 3), "ms_min": round(min(walls[20:]), 3)}
    if threads == 1:
        result["cpu_ms_median"] = round(statistics.median(cpus[20:]), 3)
    return result


def predictions(model, name, batches, optimize):
    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches]).argmax(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="folder of calibration pictures")
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--activations", choices=["uint8", "int8"], default="uint8", help="uint8 is ONNX Runtime's faster and more exact choice on x86"
    )
    parser.add_argument(
        "--reduce-range", action="store_true",
        help="7-bit weights: without VNNI instructions ONNX Runtime's kernels saturate 16-bit sums, which costs accuracy",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, help="where to keep the quantized model")
    arguments = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)

    model = onnx.load(arguments.model)
    given = model.graph.input[0]
    shape = [d.dim_value or 1 for d in given.type.tensor_type.shape.dim]
    properties = {p.key: p.value for p in model.metadata_props}
    files = sorted(f for f in arguments.images.iterdir() if f.suffix.lower() in PICTURES)[:32]
    batches = [picture_input(f, properties, shape) for f in files]

    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = Path(folder) / "prepared.onnx", arguments.keep or Path(folder) / "int8.onnx"
        quant_pre_process(str(arguments.model), str(prepared))
        start = time.perf_counter()
        quantize_static(
            str(prepared), str(quantized), Pictures(given.name, batches), quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8 if arguments.activations == "uint8" else QuantType.QInt8, weight_type=QuantType.QInt8, per_channel=True,
            reduce_range=arguments.reduce_range,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        result = {
            "model": arguments.model.name,
            "onnxruntime": onnxruntime.__version__,
            "activations": arguments.activations,
            "reduce_range": arguments.reduce_range,
            "threads": arguments.threads,
            "calibration_pictures": len(files),
            "quantize_secs": round(seconds, 2),
        }
        for kind, path in (("float", arguments.model), ("int8", quantized)):
            result[kind] = measured(str(path), batches[0], arguments.threads, arguments.repeat)
        exact = predictions(arguments.model, given.name, batches, optimize=True)
        # Without VNNI instructions the integer kernels saturate: the same file executed as written shows how much of the loss is theirs.
        for name, optimize in (("agreement", True), ("agreement_as_written", False)):
            result[name] = float(np.mean(predictions(quantized, given.name, batches, optimize) == exact))
        print(json.dumps(result))


if __name__ == "__main__":
    main()
