"""What the make_samples_*.py scripts share: input pictures, the deterministic input and the reference outputs."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

PICTURES = Path(__file__).parent.parent / "app/assets/demo/pictures"


def picture_batch(count, height, width, channels, seed):
    """`count` random crops of the demo photographs as float32 NCHW in about -2..2, for setting BatchNormalization's statistics."""
    random = np.random.default_rng(seed)
    files = sorted(PICTURES.glob("*.jpg"))
    batch = []
    for file in (files[i % len(files)] for i in random.permutation(max(count, len(files)))[:count]):
        picture = Image.open(file).convert("L" if channels == 1 else "RGB")
        side = random.uniform(0.6, 1.0) * min(picture.size)
        left, top = random.uniform(0, picture.width - side), random.uniform(0, picture.height - side)
        crop = picture.resize((width, height), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        pixels = np.asarray(crop, np.float32).reshape(height, width, channels) / 255
        batch.append((pixels.transpose(2, 0, 1) - 0.45) / 0.225)
    return np.stack(batch)


def deterministic_input(shape):
    """float32 in -2..2: element i in C order is ((i * 2654435761 mod 2^32) / 2^32) * 4 - 2, rounded once from float64."""
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    scrambled = (index * np.uint64(2654435761)) % np.uint64(1 << 32)
    return (scrambled.astype(np.float64) / float(1 << 32) * 4 - 2).astype(np.float32).reshape(shape)


def set_metadata(model, **properties):
    """Replaces the metadata_props; every value becomes a string."""
    onnx.helper.set_model_props(model, {key: str(value) for key, value in properties.items()})


def save_with_reference(model, folder, name):
    """Writes name.onnx and name.output.json: ONNX Runtime's output for the deterministic input (batch 1)."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.checker.check_model(model, full_check=True)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, = session.get_inputs()
    made, = session.get_outputs()
    shape = [side if isinstance(side, int) else 1 for side in given.shape]
    values, = session.run([made.name], {given.name: deterministic_input(shape)})
    reference = {
        "input": {"name": given.name, "shape": shape},
        "output": {"name": made.name, "shape": list(values.shape), "values": [float(v) for v in values.ravel()]},
        "made_by": f"onnxruntime {onnxruntime.__version__}",
    }
    (folder / f"{name}.output.json").write_text(json.dumps(reference, indent=1) + "\n")
    operations = {}
    for node in model.graph.node:
        operations[node.op_type] = operations.get(node.op_type, 0) + 1
    opset = next(o.version for o in model.opset_import if o.domain == "")
    print(f"{name}: {path.stat().st_size} bytes, ir {model.ir_version}, opset {opset}, {operations}, {np.round(values.ravel(), 3)}")
