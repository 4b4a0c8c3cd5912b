#!/usr/bin/env python3
"""Makes the torchvision models of tests/fixtures/models: small MobileNetV2, random weights, realistic activations.

    pip install -r tools/requirements-samples.txt
    python tools/make_samples_torchvision.py tests/fixtures/models
    python tools/make_samples_torchvision.py tests/fixtures/models --dynamo     # torch 2.15.0, torchvision 0.29.2: today's exporter
"""

import argparse
import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torchvision.models.mobilenetv2 import MobileNetV2

from samples import picture_batch, save_with_reference, set_metadata


def settle(model, height, width, channels, classes, last):
    """Gives random weights the activations of a trained network: BatchNormalization's statistics come from photographs, its factors
    differ from channel to channel, and the logits of `last` have mean 0 and deviation 2 over the photographs."""
    generator = torch.Generator().manual_seed(7)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
            module.weight.data = torch.rand(module.weight.shape, generator=generator) * 1.2 + 0.4
            module.bias.data = torch.randn(module.bias.shape, generator=generator) * 0.4
        elif isinstance(module, torch.nn.Conv2d) and module.groups > 1:
            module.weight.data *= torch.rand((module.out_channels, 1, 1, 1), generator=generator) * 3 + 0.2
    model.train()
    with torch.no_grad():
        for seed in range(4):
            model(torch.from_numpy(picture_batch(32, height, width, channels, seed)))
        model.eval()
        last.weight.data = torch.randn(last.weight.shape, generator=generator)
        last.bias.data.zero_()
        logits = model(torch.from_numpy(picture_batch(40, height, width, channels, 99)))
        last.weight.data *= (2 / logits.std(dim=0))[:, None]
        last.bias.data = -logits.mean(dim=0) * 2 / logits.std(dim=0)
    return model


def mobilenet(width, classes, height=96, breadth=96, channels=3, seed=1):
    torch.manual_seed(seed)
    model = MobileNetV2(num_classes=classes, width_mult=width)
    if channels != 3:
        first = model.features[0][0]
        model.features[0][0] = torch.nn.Conv2d(channels, first.out_channels, 3, 2, 1, bias=False)
        torch.nn.init.kaiming_normal_(model.features[0][0].weight, mode="fan_out")
    return settle(model, height, breadth, channels, classes, model.classifier[1])


def export(model, height, breadth, channels=3, **options):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, channels, height, breadth),), buffer,
            input_names=["input"], output_names=["output"], dynamo=False, **options,
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def dynamo_samples(out):
    """What torch.onnx.export makes since PyTorch 2.9, whose default is to put the weights into NAME.onnx.data."""
    model = mobilenet(0.1, 5, seed=6)
    program = torch.onnx.export(
        model, (torch.zeros(1, 3, 96, 96),), input_names=["input"], output_names=["output"], dynamo=True, opset_version=18,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )  # fmt: skip
    sample = program.model_proto
    for node in sample.graph.node:  # stack traces hold paths of the machine that exported
        kept = [p for p in node.metadata_props if "stack_trace" not in p.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    save_with_reference(sample, out, "torchvision_dynamo")
    name = "torchvision_dynamo_external.onnx"
    (out / f"{name}.data").unlink(missing_ok=True)
    onnx.save(sample, out / name, save_as_external_data=True, all_tensors_to_one_file=True, location=f"{name}.data", size_threshold=1024)


def constants_to_initializers(model):
    """Constant nodes (the bounds of Clip) become initializers."""
    graph = model.graph
    for node in [n for n in graph.node if n.op_type == "Constant"]:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def add_dropout_and_identity(model):
    """A Dropout in front of the Gemm, as PyTorch 1.x exported it, with its unused mask; an Identity after the pooling's Flatten."""
    nodes = model.graph.node
    gemm = next(i for i, n in enumerate(nodes) if n.op_type == "Gemm")
    before = nodes[gemm].input[0]
    nodes.insert(gemm, helper.make_node("Identity", [before], ["/Identity_output_0"], name="/Identity"))
    model.graph.initializer.append(helper.make_tensor("dropout_ratio", TensorProto.FLOAT, [], [0.2]))
    nodes.insert(
        gemm + 1,
        helper.make_node(
            "Dropout", ["/Identity_output_0", "dropout_ratio"], ["/classifier/classifier.0/Dropout_output_0", "/Dropout_mask"],
            name="/classifier/classifier.0/Dropout",
        ),
    )  # fmt: skip
    nodes[gemm + 2].input[0] = "/classifier/classifier.0/Dropout_output_0"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--dynamo", action="store_true", help="make only the models of the exporter that needs a newer torch")
    arguments = parser.parse_args()
    out = arguments.out
    torch.set_num_threads(1)
    if arguments.dynamo:
        return dynamo_samples(out)
    imagenet = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225", "resize": 110, "crop": 96}

    model = mobilenet(0.35, 5)
    sample = export(model, 96, 96, opset_version=11)
    save_with_reference(sample, out, "torchvision_opset11")  # no metadata, as the exporter leaves it

    sample = export(model, 96, 96, opset_version=17, dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    set_metadata(sample, **imagenet)
    save_with_reference(sample, out, "torchvision_opset17_batch")

    small = mobilenet(0.2, 5, seed=2)
    sample = export(small, 96, 96, opset_version=17, dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    sample = onnx.version_converter.convert_version(sample, 21)
    sample.ir_version = 10
    constants_to_initializers(sample)
    set_metadata(sample, preprocess="x/127.5-1", resize="96x96")
    save_with_reference(sample, out, "torchvision_opset21_initializers")

    sample = export(
        small, 96, 96, opset_version=13, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )  # fmt: skip
    add_dropout_and_identity(sample)
    save_with_reference(sample, out, "torchvision_unfolded")

    sample = export(mobilenet(0.2, 3, 80, 112, channels=1, seed=3), 80, 112, channels=1, opset_version=17)
    set_metadata(sample, mean=0.45, std=0.225, resize="80x112")
    save_with_reference(sample, out, "torchvision_grey_80x112")


if __name__ == "__main__":
    main()
