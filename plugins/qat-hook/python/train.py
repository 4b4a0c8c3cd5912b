#!/usr/bin/env python3
"""Quantization-aware training of a network that Octet handed over.

This script lies in the hand-over folder and works on the files beside it; README.md there describes each of them. It
is meant to be read and changed. It needs `torch`, `numpy` and `safetensors`:

    python3 -m pip install torch numpy safetensors
    python3 train.py --steps 500

The network is simulated as the chip computes it: every stored value is an integer times a power of two. Rounding has
no useful gradient, so it is passed straight through; exponents are learned as thresholds (TQT: Jain et al., "Trained
Quantization Thresholds for Accurate and Efficient Fixed-Point Inference of Deep Neural Networks", MLSys 2020, section
3). The teacher is the float network: the loss is the divergence of the scores from the float network's, plus the
cross entropy where labels are known. What did best on held-out pictures is written back.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file, save_file
    from torch import Tensor
except ImportError as missing:
    sys.exit(f"{missing}: this script needs PyTorch; python3 -m pip install torch numpy safetensors")

SCHEMA = 1
EXPONENT_RANGE = (-40, 30)
UNKNOWN = -100  # A label that the loss ignores.
MOVING = ("MaxPool", "Flatten", "Reshape", "Transpose")  # They leave integers as they are.


def parse_arguments() -> argparse.Namespace:
    """The command line; Octet hands its settings over in the environment."""
    setting = os.environ.get
    parser = argparse.ArgumentParser(description="Quantization-aware training of an Octet hand-over folder")
    parser.add_argument("--folder", type=Path, default=Path(setting("OCTET_QAT_FOLDER", ".")))
    parser.add_argument("--steps", type=int, default=int(setting("OCTET_QAT_STEPS", "200")))
    parser.add_argument("--batch-size", type=int, default=int(setting("OCTET_QAT_BATCH_SIZE", "16")))
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=float(setting("OCTET_QAT_LEARNING_RATE", "1e-5")),
        help="step width of Adam for weights and biases",
    )
    parser.add_argument(
        "--threshold-rate",
        type=float,
        default=0.01,
        help="step width of Adam for log2 of the thresholds; 0 keeps all exponents",
    )
    parser.add_argument(
        "--label-weight",
        type=float,
        default=0.5,
        help="weight of the cross entropy with labels beside the teacher's divergence",
    )
    parser.add_argument(
        "--held-out",
        type=float,
        default=float(setting("OCTET_QAT_HELD_OUT", "0.2")),
        help="fraction of the pictures that only chooses the best step",
    )
    parser.add_argument("--evaluations", type=int, default=20, help="how often the held-out pictures are looked at")
    parser.add_argument("--seed", type=int, default=int(setting("OCTET_QAT_SEED", "0")))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scores-out", type=Path, help="write the quantized scores of all pictures as .npy")
    return parser.parse_args()


# ---------------------------------------------------------------------------------------------------- quantization


def power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent, exact: exp2 of float32 may be off by one unit in the last place."""
    return torch.exp2(exponent.double()).float()


def to_integers(scaled: Tensor, half_up: bool) -> Tensor:
    """Rounds in place as the chip does: ties go up, or to the even neighbour."""
    return scaled.add_(0.5).floor_() if half_up else scaled.round_()


class Quantize(torch.autograd.Function):
    """Rounds to integers times 2^exponent, with exponent = ceil(log2_threshold) - (bits - 1).

    Inside the range the gradient passes straight through to x; the threshold gets the rounding error there and the
    limit of the range outside (TQT, section 3).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, log2_threshold: Tensor, bits: int, half_up: bool) -> Tensor:
        step = power_of_two(torch.ceil(log2_threshold) - (bits - 1))
        rounded = to_integers(x / step, half_up)
        limit = 2 ** (bits - 1)
        integers = rounded.clamp(-limit, limit - 1)
        inside = rounded == integers
        result = integers.mul_(step)
        ctx.save_for_backward(x, result, inside)
        ctx.threshold_shape = log2_threshold.shape
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        x, result, inside = ctx.saved_tensors
        of_threshold = None
        if ctx.needs_input_grad[1]:
            slope = math.log(2) * torch.where(inside, result - x, result)
            of_threshold = (gradient * slope).sum_to_size(ctx.threshold_shape)
        return gradient * inside, of_threshold, None, None


class Slot:
    """A format of plan.json: the exponents of an activation or of weights, learned as thresholds."""

    def __init__(self, entry: dict[str, Any], weights_rank: int, half_up: bool, device: str) -> None:
        self.tensor: str = entry["tensor"]
        self.bits: int = entry["bits"]
        self.half_up = half_up
        exponents = torch.tensor(entry["exponents"], dtype=torch.float32, device=device)
        shape = [1] * weights_rank
        if len(exponents) > 1:
            shape[entry["axis"]] = len(exponents)
        # In the middle between two exponents, so that none is nearer than the other.
        self.log2_threshold = (exponents + (self.bits - 1) - 0.5).reshape(shape).requires_grad_()

    def __call__(self, x: Tensor) -> Tensor:
        return Quantize.apply(x, self.log2_threshold, self.bits, self.half_up)

    def exponents(self) -> Tensor:
        """The exponents as float32: one, or one per output channel."""
        exponents = torch.ceil(self.log2_threshold.detach()) - (self.bits - 1)
        return exponents.flatten().clamp(*EXPONENT_RANGE)


# --------------------------------------------------------------------------------------------------------- network


class Network:
    """The network of plan.json. Its parameters are weights and biases by name, and the slots' thresholds."""

    def __init__(self, plan: dict[str, Any], tensors: dict[str, Tensor], device: str) -> None:
        self.nodes: list[dict[str, Any]] = plan["nodes"]
        self.input: dict[str, Any] = plan["input"]
        self.scores: str = plan["scores"]["tensor"]
        self.half_up: bool = plan["target"]["rounding"] == "half_up"
        self.tensors = {name: tensor.to(device).requires_grad_() for name, tensor in tensors.items()}
        self.slots = []
        for entry in plan["slots"]:
            rank = tensors[entry["tensor"]].dim() if entry["role"] == "weights" else 0
            self.slots.append(Slot(entry, rank, self.half_up, device))

    def run(self, pictures: Tensor, quantized: bool = True) -> Tensor:
        """Scores [n, classes] of pictures [n, channels, height, width]; else only the weights are quantized."""
        values: dict[str, Tensor] = {}
        stored: dict[str, int | None] = {}

        def rounded(value: Tensor, slot: int | None, before: int | None = None) -> Tensor:
            """The value in the format `slot`, unless it has that format already."""
            return self.slots[slot](value) if quantized and slot is not None and slot != before else value

        def store(at: dict[str, Any], value: Tensor) -> None:
            values[at["tensor"]], stored[at["tensor"]] = value, at["slot"]

        store(self.input, rounded(pictures, self.input["slot"]))
        for node in self.nodes:
            operands = [
                rounded(values[operand["tensor"]], operand["slot"], stored[operand["tensor"]])
                for operand in node["inputs"]
            ]
            result = self.compute(node, operands, quantized)
            output = node["output"]
            store(output, result if node["op"] in MOVING else rounded(result, output["slot"]))
            if output["tensor"] == self.scores:
                break
        return values[self.scores].flatten(1)

    def compute(self, node: dict[str, Any], operands: list[Tensor], quantized: bool) -> Tensor:
        """One operation, before its result is rounded."""
        op, attributes, x = node["op"], node["attributes"], operands[0]
        if op in ("Conv", "Gemm"):
            weights, bias = self.constants(node, quantized)
            return conv(x, weights, bias, attributes) if op == "Conv" else gemm(x, weights, bias, attributes)
        if op == "Add":
            return x + operands[1]
        if op == "Relu":
            return F.relu(x)
        if op == "Clip":
            bounds = [attributes["min"], attributes["max"]]
            return x.clamp(*bounds) if bounds != [None, None] else x
        if op == "GlobalAveragePool":
            return x.sum(dim=(2, 3), keepdim=True) * (1.0 / (x.shape[2] * x.shape[3]))
        if op == "AveragePool":
            return average_pool(x, attributes)
        if op == "MaxPool":
            x = F.pad(x, sides(attributes["pads"]), value=-math.inf)
            return F.max_pool2d(x, attributes["kernel_shape"], attributes["strides"], 0, attributes["dilations"])
        if op in ("Flatten", "Reshape"):
            return x.reshape(x.shape[0], *node["output"]["shape"][1:])
        if op == "Transpose":
            return x.permute(attributes["perm"])
        if op == "Concat":
            return torch.cat(operands, dim=attributes["axis"])
        if op == "Pad":
            return F.pad(x, sides(attributes["pads"]), value=attributes["value"])
        if op == "Softmax":
            return F.softmax(x, dim=attributes["axis"])
        raise SystemExit(f"{node['name']}: this script does not know the operation {op}; add it to Network.compute")

    def constants(self, node: dict[str, Any], quantized: bool) -> tuple[Tensor, Tensor | None]:
        """Weights and bias of a Conv or Gemm. A bias has the exponent of the products that it is added to."""
        slot = self.slots[node["weights"]["slot"]]
        weights = slot(self.tensors[node["weights"]["tensor"]])
        bias = self.tensors[node["bias"]["tensor"]] if "bias" in node else None
        if quantized and bias is not None:
            of_input = self.slots[node["inputs"][0]["slot"]].exponents()
            step = power_of_two(of_input + slot.exponents())
            rounded = to_integers(bias.detach() / step, self.half_up)
            limit = 2.0 ** (node["bias"]["bits"] - 1)
            # The difference is zero and carries the gradient.
            bias = rounded.clamp(-limit, limit - 1) * step + (bias - bias.detach())
        return weights, bias

    def parameters(self) -> tuple[list[Tensor], list[Tensor]]:
        """Weights and biases; thresholds."""
        return list(self.tensors.values()), [slot.log2_threshold for slot in self.slots]

    def write_back(self, folder: Path) -> None:
        """Writes trained.safetensors and trained.json, each whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        save_file(tensors, folder / "trained.safetensors.part")
        exponents = [
            {"tensor": slot.tensor, "bits": slot.bits, "exponents": slot.exponents().int().tolist()}
            for slot in self.slots
        ]
        answer = {"schema": SCHEMA, "exponents": exponents}
        (folder / "trained.json.part").write_text(json.dumps(answer, indent=1), encoding="utf-8")
        for name in ("trained.safetensors", "trained.json"):
            os.replace(folder / f"{name}.part", folder / name)


def sides(pads: list[int]) -> list[int]:
    """From plan.json's (top, left, bottom, right) to F.pad's (left, right, top, bottom)."""
    top, left, bottom, right = pads
    return [left, right, top, bottom]


def conv(x: Tensor, weights: Tensor, bias: Tensor | None, attributes: dict[str, Any]) -> Tensor:
    """Convolution; pads may differ from side to side."""
    top, left, bottom, right = attributes["pads"]
    padding = [top, left]
    if (top, left) != (bottom, right):
        x, padding = F.pad(x, sides(attributes["pads"])), [0, 0]
    strides, dilations, group = attributes["strides"], attributes["dilations"], attributes["group"]
    return F.conv2d(x, weights, bias, strides, padding, dilations, group)


def gemm(x: Tensor, weights: Tensor, bias: Tensor | None, attributes: dict[str, Any]) -> Tensor:
    """Fully connected layer; weights are [out, in] with transB, else [in, out]."""
    return F.linear(x, weights if attributes["transB"] else weights.t(), bias)


def average_pool(x: Tensor, attributes: dict[str, Any]) -> Tensor:
    """Average over windows; the padding counts only when count_include_pad says so."""
    padding = sides(attributes["pads"])

    def sums(values: Tensor, fill: float) -> Tensor:
        values = F.pad(values, padding, value=fill)
        return F.avg_pool2d(values, attributes["kernel_shape"], attributes["strides"], divisor_override=1)

    counts = sums(torch.ones_like(x[:1, :1]), float(attributes["count_include_pad"]))
    return sums(x, 0.0) * (1.0 / counts)


# -------------------------------------------------------------------------------------------------------- pictures


class Pictures:
    """Inputs as the network takes them, the float network's scores, and labels where they are known."""

    def __init__(self, folder: Path, device: str) -> None:
        self.inputs = np.load(folder / "pictures.npy", mmap_mode="r")
        self.teacher = torch.from_numpy(np.load(folder / "scores.npy")).to(device)
        entries = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
        labels = [UNKNOWN if entry["label"] is None else entry["label"] for entry in entries]
        self.labels = torch.tensor(labels, device=device)
        self.device = device

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, indices: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, the teacher's scores and labels. A place to augment, if the teacher is asked again."""
        inputs = torch.from_numpy(self.inputs[indices]).to(self.device)
        return inputs, self.teacher[indices], self.labels[indices]


def split(count: int, held_out: float, generator: np.random.Generator) -> tuple[list[int], list[int]]:
    """Pictures to train on and pictures to choose the best step by; the same ones where there are too few."""
    order = generator.permutation(count).tolist()
    few = round(count * held_out)
    return (order[few:], order[:few]) if 0 < few < count else (order, order)


def batches(pictures: list[int], size: int, generator: np.random.Generator) -> Iterator[list[int]]:
    """Batches without end, every picture once before any comes again."""
    queue: list[int] = []
    while True:
        while len(queue) < min(size, len(pictures)):
            queue += generator.permutation(pictures).tolist()
        yield queue[:size]
        queue = queue[size:]


# -------------------------------------------------------------------------------------------------------- training


def loss_of(scores: Tensor, teacher: Tensor, labels: Tensor, label_weight: float) -> Tensor:
    """Kullback-Leibler divergence from the teacher's classes, and cross entropy where labels are known."""
    logarithms = F.log_softmax(scores, dim=1)
    loss = F.kl_div(logarithms, F.log_softmax(teacher, dim=1), reduction="batchmean", log_target=True)
    if label_weight > 0 and bool((labels != UNKNOWN).any()):
        loss = loss + label_weight * F.nll_loss(logarithms, labels, ignore_index=UNKNOWN)
    return loss


@torch.no_grad()
def evaluate(
    network: Network, pictures: Pictures, indices: list[int], arguments: argparse.Namespace
) -> tuple[float, float]:
    """Loss, and the fraction of pictures with the teacher's first class."""
    loss, agreeing = 0.0, 0
    for start in range(0, len(indices), arguments.batch_size):
        part = indices[start : start + arguments.batch_size]
        inputs, teacher, labels = pictures.batch(part)
        scores = network.run(inputs)
        loss += loss_of(scores, teacher, labels, arguments.label_weight).item() * len(part)
        agreeing += int((scores.argmax(dim=1) == teacher.argmax(dim=1)).sum())
    return loss / len(indices), agreeing / len(indices)


@torch.no_grad()
def check(network: Network, pictures: Pictures, folder: Path) -> None:
    """Stops when an operation computes something else here than in Octet."""
    expected = torch.from_numpy(np.load(folder / "check.npy")).to(pictures.device)
    inputs, _, _ = pictures.batch([0])
    difference = (network.run(inputs, quantized=False) - expected).abs().max().item()
    if not difference <= 1e-3 * max(1.0, expected.abs().max().item()):
        raise SystemExit(f"the scores differ from check.npy by {difference:.3g}: an operation is wrong here")


def train(network: Network, pictures: Pictures, arguments: argparse.Namespace) -> None:
    """Trains, and writes back whatever does best on the held-out pictures, beginning with the plan as it came."""
    generator = np.random.default_rng(arguments.seed)
    training, held_out = split(len(pictures), arguments.held_out, generator)
    print(f"{len(training)} pictures to train on, {len(held_out)} to choose by, on {arguments.device}")
    first = best = evaluate(network, pictures, held_out, arguments)
    network.write_back(arguments.folder)
    print(f"octet-point held-out 0 {best[0]:.6g}")

    weights, thresholds = network.parameters()
    optimizer = torch.optim.Adam(
        [{"params": weights, "lr": arguments.learning_rate}, {"params": thresholds, "lr": arguments.threshold_rate}]
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(arguments.steps, 1))
    interval = max(1, arguments.steps // max(1, arguments.evaluations))
    feed = batches(training, arguments.batch_size, generator)
    for step in range(1, arguments.steps + 1):
        inputs, teacher, labels = pictures.batch(next(feed))
        loss = loss_of(network.run(inputs), teacher, labels, arguments.label_weight)
        if not math.isfinite(loss.item()):
            print(f"step {step}: the loss is {loss.item()}; the best so far is kept, a lower learning rate helps")
            break
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % max(1, arguments.steps // 1000) == 0:
            print(f"octet-point train {step} {loss.item():.6g}")

        stopping = (arguments.folder / "stop").exists()
        if step % interval == 0 or step == arguments.steps or stopping:
            now = evaluate(network, pictures, held_out, arguments)
            print(f"octet-point held-out {step} {now[0]:.6g}")
            if now[0] < best[0]:
                best = now
                network.write_back(arguments.folder)
        print(f"octet-progress {step / arguments.steps:.4f} step {step} of {arguments.steps}, loss {loss.item():.4g}")
        if stopping:
            print(f"stopped at step {step}, as asked")
            break
    print(f"held-out loss {first[0]:.5g} -> {best[0]:.5g}")
    print(f"agreement with the float network on held-out pictures {first[1]:.1%} -> {best[1]:.1%}")


def write_scores(network: Network, pictures: Pictures, arguments: argparse.Namespace) -> None:
    """The quantized scores of all pictures, in the order of pictures.json."""
    every = list(range(len(pictures)))
    parts = [every[i : i + arguments.batch_size] for i in range(0, len(every), arguments.batch_size)]
    with torch.no_grad():
        scores = [network.run(pictures.batch(part)[0]).cpu().numpy() for part in parts]
    np.save(arguments.scores_out, np.concatenate(scores))


def main() -> None:
    """Loads the folder, trains, writes back."""
    arguments = parse_arguments()
    torch.manual_seed(arguments.seed)
    # Sums of integers must stay exact.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    plan = json.loads((arguments.folder / "plan.json").read_text(encoding="utf-8"))
    if plan["schema"] != SCHEMA:
        raise SystemExit(f"plan.json has schema {plan['schema']}, and this script reads {SCHEMA}")
    network = Network(plan, load_file(arguments.folder / "weights.safetensors"), arguments.device)
    pictures = Pictures(arguments.folder, arguments.device)
    check(network, pictures, arguments.folder)
    if arguments.scores_out:
        write_scores(network, pictures, arguments)
    train(network, pictures, arguments)


if __name__ == "__main__":
    main()
