#!/usr/bin/env python3
"""Prints {picture file: class} as ONNX Runtime computes it from an ONNX model and a folder of pictures.

  onnxruntime_classes.py MODEL.onnx FOLDER

Pre-processing is read from the model's metadata: mean, std, resize (256 or HEIGHTxWIDTH), crop. Graph optimisations are
off, since fused int8 kernels without VNNI saturate in 16 bits.
"""
import json
import os
import sys

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

model, folder = sys.argv[1:3]
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
height, width = given.shape[2:]
metadata = session.get_modelmeta().custom_metadata_map
mean = np.array([float(v) for v in metadata.get("mean", "0.485,0.456,0.406").split(",")], np.float32)
std = np.array([float(v) for v in metadata.get("std", "0.229,0.224,0.225").split(",")], np.float32)
resize = metadata.get("resize", str(round(min(height, width) * 256 / 224)))


def prepare(path):
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if "x" in resize:
        h, w = (int(v) for v in resize.split("x"))
        picture = picture.resize((w, h), Image.BILINEAR)
    else:
        short = int(resize)
        w, h = picture.size
        size = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
        picture = picture.resize(size, Image.BILINEAR)
    w, h = picture.size
    left, top = int(round((w - width) / 2.0)), int(round((h - height) / 2.0))
    picture = picture.crop((left, top, left + width, top + height))
    values = (np.asarray(picture, np.float32) / np.float32(255) - mean) / std
    return values.transpose(2, 0, 1)[None].astype(np.float32)


classes = {}
for name in sorted(os.listdir(folder)):
    if name.lower().endswith((".jpg", ".jpeg", ".png")):
        scores = session.run(None, {given.name: prepare(os.path.join(folder, name))})[0]
        classes[name] = int(scores.reshape(-1).argmax())
print(json.dumps(classes))
