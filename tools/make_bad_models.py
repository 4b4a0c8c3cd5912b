#!/usr/bin/env python3
"""Makes tests/fixtures/models/bad: tiny ONNX files that Octet must refuse, or report as unsupported, with a message that names the cause.

    pip install onnx==1.19.1 numpy
    python tools/make_bad_models.py tests/fixtures/models/bad

Every model but the broken files is a 3x8x8 picture -> Conv -> Clip -> GlobalAveragePool -> Flatten -> Gemm with 4 classes, changed in one place.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
random = np.random.default_rng(11)


def array(name, shape, dtype=np.float32):
    return numpy_helper.from_array(random.normal(0, 0.5, shape).astype(dtype), name)


def base(middle=(), extra=(), conv=None, picture=(1, 3, 8, 8), opset=13, after_conv="conv", weights=None, head=True):
    """The model; `middle` nodes stand behind the Conv and end in the tensor `after_conv`."""
    nodes = [
        helper.make_node("Conv", ["input", "conv.weight", "conv.bias"], ["conv"], name="/conv/Conv", **(conv or {"pads": [1, 1, 1, 1]})),
        *middle,
        helper.make_node("Clip", [after_conv, "clip_min", "clip_max"], ["clip"], name="/act/Clip"),
        helper.make_node("GlobalAveragePool", ["clip"], ["pool"], name="/GlobalAveragePool"),
        helper.make_node("Flatten", ["pool"], ["flat"], name="/Flatten"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["output"], name="/fc/Gemm", transB=1),
    ]
    if weights is None:
        weights = [array("conv.weight", (8, 3, 3, 3)), array("conv.bias", 8)]
    initializers = [
        *weights,
        numpy_helper.from_array(np.float32(0), "clip_min"),
        numpy_helper.from_array(np.float32(6), "clip_max"),
        array("fc.weight", (4, 8)),
        array("fc.bias", 4),
        *extra,
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", FLOAT, picture)],
        [helper.make_tensor_value_info("output", FLOAT, [1, 4])],
        initializers,
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def inserted(op, extra=(), inputs=(), opset=14, domain="", outputs=(), **attributes):
    """The model with one more node /odd/`op` behind the Conv."""
    node = helper.make_node(op, ["conv", *inputs], ["odd", *outputs], name=f"/odd/{op}", domain=domain, **attributes)
    model = base([node], extra, opset=opset, after_conv="odd")
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def lstm():
    model = base(opset=14)
    nodes = model.graph.node
    nodes.pop()  # the Gemm
    axes = numpy_helper.from_array(np.array([0], np.int64), "axes")
    nodes.extend(
        [
            helper.make_node("Unsqueeze", ["flat", "axes"], ["sequence"], name="/Unsqueeze"),
            helper.make_node("LSTM", ["sequence", "W", "R"], ["lstm", "hidden"], name="/rnn/LSTM", hidden_size=4),
            helper.make_node("Squeeze", ["hidden", "axes"], ["output"], name="/Squeeze"),
        ]
    )
    model.graph.initializer.extend([axes, array("W", (1, 16, 8)), array("R", (1, 16, 4))])
    return model


def weight(model, name):
    return next(i for i in model.graph.initializer if i.name == name)


def short_weights():
    model = base()
    tensor = weight(model, "conv.weight")
    tensor.raw_data = tensor.raw_data[:100]
    return model


def huge_dims():
    model = base()
    tensor = weight(model, "conv.weight")
    del tensor.dims[:]
    tensor.dims.extend([2**31, 2**31, 2**31, 2**31])
    return model


def negative_dims():
    model = base()
    weight(model, "conv.weight").dims[0] = -8
    return model


def external_data(location):
    model = base()
    tensor = weight(model, "conv.weight")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "864")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


def cycle():
    """Two Adds that read each other."""
    return base(
        [
            helper.make_node("Add", ["conv", "second"], ["first"], name="/loop/Add_0"),
            helper.make_node("Add", ["first", "first"], ["second"], name="/loop/Add_1"),
        ],
        after_conv="second",
    )


def duplicate_tensor():
    """Two nodes that write the tensor "odd"."""
    relu = [helper.make_node("Relu", ["conv"], ["odd"], name=f"/odd/Relu_{i}") for i in range(2)]
    return base(relu, after_conv="odd")


def duplicate_initializer():
    return base(extra=[array("conv.weight", (8, 3, 3, 3))])


def missing_tensor():
    model = base()
    model.graph.node[0].input[1] = "nowhere.weight"
    return model


def unnamed_nodes():
    model = base()
    for node in model.graph.node:
        node.name = ""
    return model


def same_node_names():
    model = base()
    for node in model.graph.node:
        node.name = "node"
    return model


def not_a_number():
    model = base()
    values = numpy_helper.to_array(weight(model, "conv.weight")).copy()
    values[3, 1, 1, 1], values[5, 0, 0, 0] = np.nan, np.inf
    weight(model, "conv.weight").raw_data = values.tobytes()
    return model


def dynamic_weight():
    """The Conv's weight is an input of the graph."""
    model = base()
    graph = model.graph
    graph.initializer.remove(weight(model, "conv.weight"))
    graph.input.append(helper.make_tensor_value_info("conv.weight", FLOAT, [8, 3, 3, 3]))
    return model


def two_outputs():
    model = base()
    model.graph.output.append(helper.make_tensor_value_info("pool", FLOAT, [1, 8, 1, 1]))
    return model


def wrong_channels():
    return base(weights=[array("conv.weight", (8, 5, 3, 3)), array("conv.bias", 8)])


def clip_attributes():
    """Opset 9, where Clip's bounds are attributes."""
    model = base(opset=9)
    clip = next(n for n in model.graph.node if n.op_type == "Clip")
    del clip.input[1:]
    clip.attribute.extend([helper.make_attribute("min", 0.0), helper.make_attribute("max", 6.0)])
    return model


def no_graph():
    model = base()
    model.ClearField("graph")
    return model


def subgraph():
    """An If whose branches pass the Conv's output on."""
    def branch(name):
        node = helper.make_node("Identity", ["conv"], [f"{name}_out"], name=f"/odd/{name}/Identity")
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(f"{name}_out", FLOAT, [1, 8, 8, 8])])

    node = helper.make_node("If", ["condition"], ["odd"], name="/odd/If", then_branch=branch("then"), else_branch=branch("else"))
    return base([node], [numpy_helper.from_array(np.array(True), "condition")], after_conv="odd")


def reshape_and_hard_swish():
    """A channel shuffle, as in ShuffleNet, and another operation that no target has."""
    shapes = [numpy_helper.from_array(np.array(s, np.int64), f"shape{len(s)}") for s in ([1, 2, 4, 8, 8], [1, 8, 8, 8])]
    middle = [
        helper.make_node("Reshape", ["conv", "shape5"], ["split"], name="/odd/Reshape"),
        helper.make_node("Reshape", ["split", "shape4"], ["joined"], name="/odd/Reshape_1"),
        helper.make_node("HardSwish", ["joined"], ["odd"], name="/odd/HardSwish"),
    ]
    return base(middle, shapes, opset=14, after_conv="odd")


def behind_softmax():
    model = base()
    model.graph.node[-1].output[0] = "scores"
    model.graph.initializer.append(numpy_helper.from_array(np.array([4], np.int64), "shape"))
    model.graph.node.extend(
        [
            helper.make_node("Softmax", ["scores"], ["soft"], name="/Softmax", axis=1),
            helper.make_node("Reshape", ["soft", "shape"], ["output"], name="/Reshape"),
        ]
    )
    return model


def pad_value():
    """A Pad whose fill value is not 0: valid, and its value counts."""
    pads = numpy_helper.from_array(np.array([0, 0, 2, 2, 0, 0, 2, 2], np.int64), "pads")
    value = numpy_helper.from_array(np.float32(1.5), "value")
    model = base(extra=[pads, value], conv={"pads": [0, 0, 0, 0]})
    model.graph.node[0].input[0] = "padded"
    model.graph.node.insert(0, helper.make_node("Pad", ["input", "pads", "value"], ["padded"], name="/Pad"))
    return model


def models():
    half = np.float16
    return {
        # operations that no target has
        "hard_swish": inserted("HardSwish"),
        "conv_transpose": inserted("ConvTranspose", [array("up.weight", (8, 8, 2, 2))], ["up.weight"], strides=[2, 2]),
        "lstm": lstm(),
        "custom_domain": inserted("FancyNorm", domain="com.example"),
        "leaky_relu": inserted("LeakyRelu", alpha=0.1),
        "if_subgraph": subgraph(),
        # shapes that quantization needs and the file does not say
        "dynamic_size": base(picture=["batch", 3, "height", "width"]),
        "no_input_shape": base(picture=None),
        "wrong_channels": wrong_channels(),
        "dynamic_weight": dynamic_weight(),
        "two_outputs": two_outputs(),
        "conv_1d": base(
            picture=[1, 3, 64], conv={"pads": [1, 1]}, weights=[array("conv.weight", (8, 3, 3)), array("conv.bias", 8)]
        ),
        "conv_auto_pad": base(conv={"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        "conv_dilated": base(conv={"pads": [2, 2, 2, 2], "dilations": [2, 2]}),
        # weights
        "float16_weights": base(weights=[array("conv.weight", (8, 3, 3, 3), half), array("conv.bias", 8, half)]),
        "nan_weights": not_a_number(),
        "external_data": external_data("weights.bin"),
        "external_data_escape": external_data("../../../../../etc/passwd"),
        "short_weights": short_weights(),
        "huge_dims": huge_dims(),
        "negative_dims": negative_dims(),
        # structure
        "cycle": cycle(),
        "duplicate_tensor": duplicate_tensor(),
        "duplicate_initializer": duplicate_initializer(),
        "missing_tensor": missing_tensor(),
        "unnamed_nodes": unnamed_nodes(),
        "same_node_names": same_node_names(),
        "no_graph": no_graph(),
        "opset_9": clip_attributes(),
        "opset_99": base(opset=99),
        "reshape_and_hard_swish": reshape_and_hard_swish(),
        "behind_softmax": behind_softmax(),
        "pad_value": pad_value(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, model in models().items():
        (out / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (out / "truncated.onnx").write_bytes(base().SerializeToString()[:900])
    (out / "empty.onnx").write_bytes(b"")
    (out / "text.onnx").write_text("This is a text file, whatever its name says.\n")
    print(f"{len(list(out.glob('*.onnx')))} files, {sum(p.stat().st_size for p in out.glob('*.onnx'))} bytes")


if __name__ == "__main__":
    main()
