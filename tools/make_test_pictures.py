#!/usr/bin/env python3
"""Makes tests/fixtures/pictures: small pictures in every encoding that people drop on the window, and broken ones.

    pip install numpy==2.4.6 pillow==13.0.0
    python tools/make_test_pictures.py tests/fixtures/pictures

All show one scene of 64x48 pixels whose corners differ (red, green, blue, yellow), so that a wrong orientation, channel order or
inverted colour is seen from four pixels. README.md in that folder says how each was made.
"""

import argparse
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 48
CORNERS = {"red": (220, 40, 30), "green": (40, 190, 60), "blue": (40, 70, 220), "yellow": (235, 215, 50)}


def scene():
    """A smooth grey gradient, a dark disc off the centre, and a 16x12 block of colour in each corner: red, green / blue, yellow."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    grey = 60 + 2.0 * x + 0.5 * y
    grey = np.where((x - 26) ** 2 + (y - 22) ** 2 < 100, 30, grey)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    for colour, (top, left) in zip(CORNERS.values(), [(0, 0), (0, WIDTH - 16), (HEIGHT - 12, 0), (HEIGHT - 12, WIDTH - 16)]):
        pixels[top : top + 12, left : left + 16] = colour
    return pixels.round().astype(np.uint8)


def png(width, height, bit_depth, colour_type, rows):
    """A PNG from raw scan lines; `rows` may be shorter than the header says."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def png16(pixels):
    """16 bits per channel: every value times 257, so that its high byte is the 8-bit value."""
    values = (pixels.astype(np.uint32) * 257).astype(">u2")
    return png(WIDTH, HEIGHT, 16, 2, b"".join(b"\0" + row.tobytes() for row in values))


def rotated_for(orientation, picture):
    """What a camera would store so that a viewer that honours `orientation` shows `picture`."""
    t = Image.Transpose
    inverse = {
        1: None, 2: t.FLIP_LEFT_RIGHT, 3: t.ROTATE_180, 4: t.FLIP_TOP_BOTTOM,
        5: t.TRANSPOSE, 6: t.ROTATE_90, 7: t.TRANSVERSE, 8: t.ROTATE_270,
    }[orientation]  # fmt: skip
    return picture if inverse is None else picture.transpose(inverse)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    pixels = scene()
    picture = Image.fromarray(pixels)
    jpeg = {"format": "JPEG", "quality": 95, "subsampling": 0}

    picture.save(out / "scene.png", optimize=True)
    picture.save(out / "scene.jpg", **jpeg)
    picture.save(out / "progressive.jpg", **jpeg, progressive=True)
    picture.convert("L").save(out / "grey.jpg", format="JPEG", quality=95)
    picture.convert("L").save(out / "grey.png", optimize=True)
    # Pillow writes an Adobe marker and stores CMYK inverted, as Photoshop does.
    picture.convert("CMYK").save(out / "cmyk_adobe.jpg", format="JPEG", quality=95)
    (out / "rgb16.png").write_bytes(png16(pixels))

    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, WIDTH // 2 :] = np.linspace(255, 0, WIDTH // 2).astype(np.uint8)
    hidden = pixels.copy()
    hidden[alpha == 0] = (255, 0, 255)  # a colour nobody must see
    Image.fromarray(np.dstack([hidden, alpha])).save(out / "alpha.png", optimize=True)
    picture.quantize(16, dither=Image.Dither.NONE).save(out / "palette.png", optimize=True)
    picture.save(out / "lossy.webp", quality=90)
    picture.save(out / "lossless.webp", lossless=True, exact=True)
    picture.save(out / "scene.bmp")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rotated_for(orientation, picture).save(out / f"exif_{orientation}.jpg", **jpeg, exif=exif)
    Image.fromarray(pixels[:1, :1]).save(out / "one_pixel.png")
    wide = np.repeat(np.linspace(0, 255, 2000).astype(np.uint8)[None, :, None], 3, axis=0)
    Image.fromarray(np.repeat(wide, 3, axis=2)).save(out / "very_wide.png", optimize=True)

    whole = io.BytesIO()
    picture.save(whole, **jpeg)
    (out / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) * 6 // 10])
    (out / "empty.jpg").write_bytes(b"")
    (out / "text.jpg").write_text("This is a text file, whatever its name says.\n")
    (out / "png_named.jpg").write_bytes((out / "scene.png").read_bytes())
    (out / "huge_header.png").write_bytes(png(60000, 60000, 8, 2, bytes(64)))
    print(f"{len(list(out.iterdir()))} files, {sum(p.stat().st_size for p in out.iterdir())} bytes")


if __name__ == "__main__":
    main()
