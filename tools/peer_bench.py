#!/usr/bin/env python3
"""Runs ESP-PPQ, Espressif's own quantizer, with its default settings and prints seconds per phase as one JSON object.

    python3.11 -m venv venv-ppq
    venv-ppq/bin/pip install torch==2.6.0 esp-ppq==1.3.12 onnx==1.19.1 pillow     # 5 GB, since torch comes with CUDA; no GPU is used
    venv-ppq/bin/python tools/peer_bench.py MODEL.onnx --calibration DIR --evaluation DIR [--labels CSV] [--target esp32p4] [--out DIR]

The phases are those of `octet quantize`: import and load, quantize (calibration on 32 pictures in batches of 8 included), graphwise
analysis on 32 pictures, layerwise analysis on 16, export, and evaluation of the quantized and of the float network. Wall and CPU seconds;
run it, and what it is compared with, one after the other on an otherwise idle machine. Pre-processing follows the model's metadata.
Pictures are taken in the order of their names, those of the evaluation in the order of the CSV when there is one.
"""

import argparse
import contextlib
import csv
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
timings = {}


@contextlib.contextmanager
def phase(name):
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    timings[name] = {"wall_secs": round(time.perf_counter() - wall, 2), "cpu_secs": round(time.process_time() - cpu, 2)}


def read_labels(path):
    with open(path, newline="") as rows:
        return {row["file"]: int(row["class_index"]) for row in csv.DictReader(rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--calibration-pictures", type=int, default=32)
    parser.add_argument("--evaluation", type=Path)
    parser.add_argument("--evaluation-pictures", type=int, default=256)
    parser.add_argument("--labels", type=Path, help="CSV file,class_index for the evaluation pictures")
    parser.add_argument("--layerwise-pictures", type=int, default=16)
    parser.add_argument("--target", default="esp32p4")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="where to keep model.espdl and what else it writes")
    arguments = parser.parse_args()
    report = sys.stdout
    sys.stdout = sys.stderr  # ESP-PPQ prints its tables and progress

    with phase("import"):
        import numpy as np
        import onnx
        import torch

        torch.set_num_threads(arguments.threads)
        import esp_ppq.lib as PFL
        from esp_ppq.api import espdl_quantize_onnx
        from esp_ppq.api.espdl_interface import get_target_platform
        from esp_ppq.executor import TorchExecutor
        from esp_ppq.quantization.analyse import graphwise_error_analyse
        from esp_ppq.quantization.analyse.layerwise import layerwise_error_analyse

        from onnxruntime_reference import picture_input

        model = onnx.load(arguments.model)
    shape = [d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim]
    properties = {p.key: p.value for p in model.metadata_props}

    def pictures(folder, count):
        return sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)[:count]

    def batches(files):
        tensors = [torch.from_numpy(picture_input(f, properties, shape)) for f in files]
        return [torch.cat(tensors[i : i + 8]) for i in range(0, len(tensors), 8)]

    files = pictures(arguments.calibration, arguments.calibration_pictures)
    with tempfile.TemporaryDirectory() as folder:
        out = arguments.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        copy = Path(folder) / "model.onnx"  # ESP-PPQ simplifies the file in place
        shutil.copy(arguments.model, copy)
        with phase("quantize"):
            calibration = batches(files)
            graph = espdl_quantize_onnx(
                onnx_import_file=str(copy), espdl_export_file=str(out / "model.espdl"), calib_dataloader=calibration,
                calib_steps=len(calibration), input_shape=shape, target=arguments.target, num_of_bits=8, collate_fn=lambda b: b,
                device="cpu", error_report=False, skip_export=True, export_test_values=False, verbose=0,
            )  # fmt: skip
        with phase("graphwise"):
            graphwise = graphwise_error_analyse(
                graph=graph, running_device="cpu", dataloader=calibration, collate_fn=lambda b: b, steps=len(calibration), verbose=False
            )
        with phase("layerwise"):
            some = calibration[: -(-arguments.layerwise_pictures // 8)]
            layerwise = layerwise_error_analyse(
                graph=graph, running_device="cpu", dataloader=some, collate_fn=lambda b: b, steps=len(some), verbose=False
            )
        with phase("export"):
            PFL.Exporter(platform=get_target_platform(arguments.target, "w8a8")).export(
                file_path=str(out / "model.espdl"), graph=graph, values_for_test=None, export_config=True
            )

        result = {
            "tool": "esp-ppq",
            "torch": torch.__version__,
            "threads": arguments.threads,
            "model": arguments.model.name,
            "target": arguments.target,
            "calibration_pictures": len(files),
            "final_graphwise_nsr": float(list(graphwise.values())[-1]),
            "worst_graphwise_nsr": max(map(float, graphwise.values())),
            "worst_layerwise_nsr": max(map(float, layerwise.values())),
        }

        if arguments.evaluation:
            labels = read_labels(arguments.labels) if arguments.labels else None
            names = [arguments.evaluation / f for f in labels] if labels else pictures(arguments.evaluation, None)
            names = names[: arguments.evaluation_pictures]

            # Quantized again, outside the timing: exporting turns the graph's variables into integers.
            copy_float = Path(folder) / "float.onnx"
            shutil.copy(arguments.model, copy_float)
            again = espdl_quantize_onnx(
                onnx_import_file=str(copy_float), espdl_export_file=str(Path(folder) / "again.espdl"), calib_dataloader=calibration,
                calib_steps=len(calibration), input_shape=shape, target=arguments.target, num_of_bits=8, collate_fn=lambda b: b,
                device="cpu", error_report=False, skip_export=True, verbose=0,
            )  # fmt: skip
            logits = {}
            for kind in ("quantized", "float"):
                executor = TorchExecutor(graph=again, device="cpu")
                if kind == "float":
                    for operation in again.operations.values():
                        if hasattr(operation, "dequantize"):
                            operation.dequantize()
                with phase(f"evaluate_{kind}"), torch.no_grad():
                    logits[kind] = np.concatenate([executor.forward(b)[0].numpy() for b in batches(names)])
            quantized, exact = logits["quantized"], logits["float"]
            result["evaluation_pictures"] = len(names)
            result["agreement"] = float(np.mean(quantized.argmax(1) == exact.argmax(1)))
            result["output_nsr"] = float(np.mean(((quantized - exact) ** 2).sum(1) / ((exact**2).sum(1) + 1e-7)))
            if labels:
                truth = np.array(list(labels.values())[: len(names)])
                for kind, values in logits.items():
                    order = np.argsort(-values, axis=1, kind="stable")[:, :5]
                    result[f"{kind}_top1"] = float(np.mean(order[:, 0] == truth))
                    result[f"{kind}_top5"] = float(np.mean((order == truth[:, None]).any(1)))

    result["timings"] = timings
    result["total_wall_secs"] = round(sum(t["wall_secs"] for t in timings.values()), 2)
    result["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result, indent=1), file=report)


if __name__ == "__main__":
    main()
