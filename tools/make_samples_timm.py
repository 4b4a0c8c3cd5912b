#!/usr/bin/env python3
"""Makes the timm models of tests/fixtures/models: mobilenetv2_035 at 96x96, random weights, realistic activations.

    pip install -r tools/requirements-samples.txt
    python tools/make_samples_timm.py tests/fixtures/models
"""

import argparse
from pathlib import Path

import timm
import torch

from make_samples_torchvision import export, settle
from samples import save_with_reference, set_metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    torch.manual_seed(5)
    model = timm.create_model("mobilenetv2_035", pretrained=False, num_classes=5)
    settle(model, 96, 96, 3, 5, model.classifier)
    sample = export(model, 96, 96, opset_version=16)
    set_metadata(sample, mean="0.485,0.456,0.406", std="0.229,0.224,0.225", resize=110, crop=96)
    save_with_reference(sample, out, "timm_mobilenetv2_035")


if __name__ == "__main__":
    main()
