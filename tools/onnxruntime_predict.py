#!/usr/bin/env python3
"""Runs a model with ONNX Runtime on many inputs, one by one: checks an exported QDQ model against Octet's own results.

    python tools/onnxruntime_predict.py MODEL.onnx --inputs INPUTS.npy --out LOGITS.npy [--optimize]

INPUTS.npy is f32, N pictures in the model's layout (N x channels x height x width for NCHW). LOGITS.npy is N x classes. By default graph
optimizations are off: QuantizeLinear and DequantizeLinear are then executed as written, in float, and not fused into ONNX Runtime's own
integer kernels, which round differently.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--optimize", action="store_true", help="ONNX Runtime's fused integer kernels")
    arguments = parser.parse_args()

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if arguments.optimize else levels.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(arguments.model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    pictures = np.load(arguments.inputs).astype(np.float32)
    logits = np.concatenate([session.run(None, {name: picture[None]})[0] for picture in pictures])
    np.save(arguments.out, logits)
    print(f"{len(pictures)} pictures, {logits.shape[1]} outputs each")


if __name__ == "__main__":
    main()
