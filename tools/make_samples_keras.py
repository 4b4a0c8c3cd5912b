#!/usr/bin/env python3
"""Makes the Keras models of tests/fixtures/models: MobileNetV2 alpha 0.35 at 96x96 through tf2onnx, random weights.

    pip install -r tools/requirements-samples.txt     # TensorFlow and PyTorch want different virtual environments
    python tools/make_samples_keras.py tests/fixtures/models
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras.applications import MobileNetV2

from samples import picture_batch, save_with_reference, set_metadata


def settled(classes):
    """Random weights with the activations of a trained network, see make_samples_torchvision.py."""
    keras.utils.set_random_seed(4)
    model = MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, weights=None, classes=classes)
    random = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the statistics of the last batch
            layer.gamma.assign(random.uniform(0.4, 1.6, layer.gamma.shape))
            layer.beta.assign(random.normal(0, 0.4, layer.beta.shape))
    model(picture_batch(64, 96, 96, 3, 0).transpose(0, 2, 3, 1), training=True)
    head = model.layers[-1]
    features = keras.Model(model.input, head.input)
    values = features.predict(picture_batch(40, 96, 96, 3, 99).transpose(0, 2, 3, 1), verbose=0)
    kernel = random.normal(0, 1, head.kernel.shape)
    logits = values @ kernel
    head.kernel.assign(kernel * 2 / logits.std(axis=0))
    head.bias.assign(-logits.mean(axis=0) * 2 / logits.std(axis=0))
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    model = settled(5)
    for opset, batch in ((13, None), (18, 1)):
        signature = [tf.TensorSpec((batch, 96, 96, 3), tf.float32, name="input_1")]
        function = tf.function(lambda x: model(x, training=False), input_signature=signature)
        sample, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=opset)
        set_metadata(sample, preprocess="x/127.5-1", resize="96x96")
        save_with_reference(sample, out, f"keras_opset{opset}")


if __name__ == "__main__":
    main()
