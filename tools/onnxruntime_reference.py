#!/usr/bin/env python3
"""Writes every tensor that ONNX Runtime computes for one input: the reference for Octet's float executor.

    python tools/onnxruntime_reference.py MODEL.onnx (--input INPUT.npy | --seed | --picture FILE) --out DIR

The input is an f32 .npy in the model's own layout (the batch axis may be missing), or the deterministic one of tests/fixtures/models
(`--seed`: element i in C order is ((i * 2654435761 mod 2^32) / 2^32) * 4 - 2), or a picture, pre-processed by the model's metadata
(Pillow's bilinear; needs Pillow).

DIR gets one .npy per tensor, the input among them, and tensors.json: {name: {"file", "shape"}}. Graph optimizations are off, so that
every named tensor exists and none is fused away. A symbolic batch becomes 1.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def deterministic_input(shape):
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    scrambled = (index * np.uint64(2654435761)) % np.uint64(1 << 32)
    return (scrambled.astype(np.float64) / float(1 << 32) * 4 - 2).astype(np.float32).reshape(shape)


def picture_input(file, properties, shape):
    from PIL import Image, ImageOps

    def triple(text):
        return np.array([float(v) for v in text.split(",")], np.float32)

    if properties.get("preprocess") == "x/127.5-1":
        properties = {"mean": "0.5", "std": "0.5", **properties}
    mean, std = triple(properties.get("mean", "0.485,0.456,0.406")), triple(properties.get("std", "0.229,0.224,0.225"))
    channels_last = shape[-1] in (1, 3) and shape[1] not in (1, 3)
    height, width, channels = shape[1:] if channels_last else (*shape[2:], shape[1])
    picture = ImageOps.exif_transpose(Image.open(file)).convert("L" if channels == 1 else "RGB")
    resize = properties.get("resize", "256")
    if "x" in resize:
        picture = picture.resize([int(side) for side in resize.split("x")][::-1], Image.Resampling.BILINEAR)
    else:  # as torchvision: the longer side is truncated
        short, long = min(picture.size), max(picture.size)
        sides = {short: int(resize), long: int(int(resize) * long / short)}
        picture = picture.resize([sides[side] for side in picture.size], Image.Resampling.BILINEAR)
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    pixels = np.asarray(picture.crop((left, top, left + width, top + height)), np.float32).reshape(height, width, channels)
    pixels = (pixels / 255 - mean) / std
    return (pixels if channels_last else pixels.transpose(2, 0, 1))[None].astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--input", type=Path, help="an f32 .npy in the model's layout")
    source.add_argument("--seed", action="store_true", help="the deterministic input")
    source.add_argument("--picture", type=Path, help="a picture")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    model = onnx.load(arguments.model)
    graph = model.graph
    constants = {i.name for i in graph.initializer}
    made = [name for node in graph.node if node.op_type != "Constant" for name in node.output if name]
    outputs = [o.name for o in graph.output]
    # Shapes that the file states may contradict a fixed batch; a bare name as an output lets ONNX Runtime find them.
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in outputs)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    (given,) = [i for i in session.get_inputs() if i.name not in constants]
    shape = [side if isinstance(side, int) else 1 for side in given.shape]
    if arguments.seed:
        value = deterministic_input(shape)
    elif arguments.picture:
        value = picture_input(arguments.picture, {p.key: p.value for p in model.metadata_props}, shape)
    else:
        value = np.load(arguments.input).astype(np.float32)
        value = value[None] if value.ndim == len(shape) - 1 else value

    names = [o.name for o in session.get_outputs()]
    tensors = {given.name: value, **dict(zip(names, session.run(names, {given.name: value})))}
    arguments.out.mkdir(parents=True, exist_ok=True)
    index = {}
    for number, (name, array) in enumerate(tensors.items()):
        file = f"{number:04}.npy"
        np.save(arguments.out / file, array)
        index[name] = {"file": file, "shape": list(array.shape)}
    (arguments.out / "tensors.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(index)} tensors in {arguments.out}")


if __name__ == "__main__":
    main()
