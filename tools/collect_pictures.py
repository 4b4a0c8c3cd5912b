#!/usr/bin/env python3
"""Makes app/assets/demo/pictures/*.jpg and pictures.csv: photographs for calibrating and trying the embedded model.

    pip install pillow
    apt-get download gcompris-qt-data                  # 3.1-2
    pip download --no-deps scikit-image==0.26.0
    python tools/collect_pictures.py gcompris-qt-data_3.1-2_all.deb scikit_image-0.26.0-*.whl app/assets/demo

Only photographs that their package declares CC0 or public domain are taken: they are embedded in the program. For GCompris the author,
licence and origin are read from the README that lies beside each picture inside the package, and a picture without one is refused;
scikit-image states them in the documentation of its data functions. Each picture is scaled (never enlarged) to a shorter side of 256
pixels and saved as JPEG. Eight pictures are held out (`use` in pictures.csv), so that a demo never judges a quantization by the
pictures that it was calibrated with.
"""

import argparse
import csv
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from PIL import Image

SHORTER_SIDE = 256
QUALITY = 88
FREE = {"CC0-1.0", "Public domain"}

# name of ours: (GCompris activity, picture inside it, whether it is held out)
FARM, WORLD, ERASE = "explore_farm_animals/resource/animals", "explore_world_animals/resource/animals", "erase/resource"
MUSIC, PLACES, THINGS = "explore_world_music/resource/music", "explore_monuments/resource", "categorization/resource/images/others"
GCOMPRIS = {
    "bison": (WORLD, "bison", False),
    "castle_neuschwanstein": (PLACES, "germany/neuschwansteinCastle", False),
    "cat_kitten_wool": (FARM, "cat", True),
    "chameleon": (WORLD, "chameleon", False),
    "chickens": (FARM, "chicken", False),
    "cliff_canyon_de_chelly": (PLACES, "usa/canyondeChelly", False),
    "cow": (FARM, "cow", False),
    "crab": (ERASE, "crab", False),
    "crocodile": (WORLD, "crocodile", False),
    "cup_and_saucer": (THINGS, "buffetset", False),
    "dog_german_shepherd": (FARM, "dog", True),
    "duck": (FARM, "duck", True),
    "giraffes": (WORLD, "giraffe", False),
    "great_wall": (PLACES, "wonders/greatWallofChina", True),
    "hedgehog": (WORLD, "hedgehog", False),
    "horses": (FARM, "horse", False),
    "jaguars": (WORLD, "jaguar", False),
    "kangaroos": (WORLD, "kangaroo", False),
    "kingfisher": (ERASE, "kingfisher", False),
    "koala": (WORLD, "koala", True),
    "komodo_dragon": (WORLD, "dragon", False),
    "lemurs": (WORLD, "lemur", False),
    "machu_picchu": (PLACES, "wonders/machuPicchu", False),
    "moose": (WORLD, "moose", False),
    "mont_saint_michel": (PLACES, "france/montStMichel", False),
    "musicians_mariachi": (MUSIC, "mexico", False),
    "opera_singers": (MUSIC, "italy", False),
    "owl": (FARM, "owl", False),
    "pan": (THINGS, "pan", False),
    "panda": (WORLD, "panda", False),
    "parrot_scarlet_macaw": (WORLD, "scarlet_macaw", True),
    "pig": (FARM, "pig", False),
    "pika": (ERASE, "pika", False),
    "polar_bear": (WORLD, "polar_bear", False),
    "red_panda": (ERASE, "red_panda", True),
    "sheep": (FARM, "sheep", False),
}
# name of ours: (file, author, licence, what the package's documentation says, whether it is held out)
SKIMAGE = {
    "astronaut": ("astronaut.png", "NASA", "Public domain", "released into the public domain", False),
    "cat_chelsea": ("chelsea.png", "Stefan van der Walt", "CC0-1.0", "CC0 by the photographer (Stefan van der Walt)", False),
    "coffee": ("coffee.png", "Rachel Michetti", "CC0-1.0", "CC0 by the photographer (Rachel Michetti)", True),
    "rocket": ("rocket.jpg", "SpaceX", "Public domain", "released in the public domain", False),
}


def deb_files(deb):
    """The files of a Debian package whose path ends in .rcc: an `ar` archive that holds a tar archive."""
    data, at = deb.read_bytes(), 8
    while at < len(data):
        name, size = data[at : at + 16].decode().strip().rstrip("/"), int(data[at + 48 : at + 58])
        if name == "data.tar.xz":
            tar = tarfile.open(fileobj=io.BytesIO(lzma.decompress(data[at + 60 : at + 60 + size])))
            return {Path(m.name).stem: tar.extractfile(m).read() for m in tar if m.name.endswith(".rcc")}
        at += 60 + size + size % 2
    raise ValueError(f"no data.tar.xz in {deb}")


def rcc_files(data):
    """The files of a Qt resource archive by path."""
    magic, version, tree, content, names = struct.unpack(">4siiii", data[:20])
    assert magic == b"qres"
    entry = 14 if version == 1 else 22
    files = {}

    def name(offset):
        at = names + offset
        length = struct.unpack_from(">H", data, at)[0]
        return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")

    def visit(index, path):
        at = tree + index * entry
        offset, flags = struct.unpack_from(">IH", data, at)
        path = f"{path}/{name(offset)}" if index else ""
        if flags & 2:
            count, first = struct.unpack_from(">II", data, at + 6)
            for child in range(first, first + count):
                visit(child, path)
        else:
            start = content + struct.unpack_from(">I", data, at + 10)[0]
            body = data[start + 4 : start + 4 + struct.unpack_from(">I", data, start)[0]]
            assert not flags & 4, f"{path} is packed with zstd, which this script does not read"
            files[path] = zlib.decompress(body[4:]) if flags & 1 else body

    visit(0, "")
    return files


def credits(readme):
    """Author, licence and origin by file from GCompris' README: paragraphs of Copyright, License, Source, Files."""
    found = {}
    for paragraph in readme.decode().split("\n\n"):
        fields, key = {}, None
        for line in paragraph.splitlines():
            head, colon, rest = line.partition(": ") if ": " in line else line.partition(":")
            if colon and head in ("Copyright", "License", "Source", "Comments", "Files"):
                key = head
                fields[key] = [rest.strip()] if rest.strip() else []
            elif key:
                fields[key].append(line.strip())
        licence = " ".join(fields.get("License", [])).replace("Public Domain", "Public domain")
        for file in fields.get("Files", []):
            found[file] = (" ".join(fields.get("Copyright", [])), licence, " ".join(fields.get("Source", [])))
    return found


def from_gcompris(deb):
    version = deb.name.split("_")[1]
    archives = deb_files(deb)
    for ours, (folder, picture, held_out) in GCOMPRIS.items():
        activity = folder.split("/")[0]
        files = rcc_files(archives[activity])
        root = f"/gcompris/src/activities/{folder}"
        author, licence, origin = credits(files[f"{root}/README"])[f"{picture}.webp"]
        path = f"usr/share/gcompris-qt/rcc/{activity}.rcc{root}/{picture}.webp"
        yield ours, held_out, files[f"{root}/{picture}.webp"], "Debian gcompris-qt-data", version, path, author, licence, origin


def from_skimage(wheel):
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as files:
        documentation = " ".join(files.read("skimage/data/_fetchers.py").decode().split())
        for ours, (file, author, licence, statement, held_out) in SKIMAGE.items():
            assert statement in documentation, f"scikit-image no longer says: {statement}"
            path = f"skimage/data/{file}"
            yield ours, held_out, files.read(path), "PyPI scikit-image", version, path, author, licence, ""


def shrink(data):
    picture = Image.open(io.BytesIO(data))
    assert picture.mode in ("RGB", "RGBA"), picture.mode
    picture = picture.convert("RGB")
    factor = SHORTER_SIDE / min(picture.size)
    if factor < 1:
        picture = picture.resize([round(side * factor) for side in picture.size], Image.Resampling.LANCZOS)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gcompris", type=Path, help="gcompris-qt-data_*.deb")
    parser.add_argument("skimage", type=Path, help="scikit_image-*.whl")
    parser.add_argument("out", type=Path, help="folder for pictures/ and pictures.csv")
    arguments = parser.parse_args()

    folder = arguments.out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for ours, held_out, data, package, version, path, author, licence, origin in [
        *from_gcompris(arguments.gcompris),
        *from_skimage(arguments.skimage),
    ]:
        assert licence in FREE, f"{ours}: {licence} is not among {FREE}"
        shrink(data).save(folder / f"{ours}.jpg", quality=QUALITY, optimize=True, progressive=False)
        use = "held-out" if held_out else "calibration"
        rows.append([f"{ours}.jpg", use, package, version, path, author, licence, origin])
    with open(arguments.out / "pictures.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["file", "use", "package", "version", "path", "author", "licence", "origin"])
        writer.writerows(sorted(rows))
    total = sum(p.stat().st_size for p in folder.iterdir())
    print(f"{len(rows)} pictures, {sum(r[1] == 'calibration' for r in rows)} for calibration, {total} bytes")


if __name__ == "__main__":
    main()
