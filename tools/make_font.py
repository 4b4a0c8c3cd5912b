"""Makes app/assets/fonts/chinese.otf: the glyphs of app/locales/zh.json out of Debian's fonts-noto-cjk (SIL OFL 1.1).
python3 tools/make_font.py       needs fonttools from PyPI"""

import pathlib

from fontTools import subset

ROOT = pathlib.Path(__file__).resolve().parent.parent / "app"
SOURCE = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
# The face of simplified Chinese in the collection.
FACE = 2

text = (ROOT / "locales/zh.json").read_text(encoding="utf-8")
characters = {c for c in text if ord(c) > 0x2E7F} | set("，。：；、（）「」《》？！")
options = subset.Options(font_number=FACE, layout_features=[], name_IDs=[0, 1, 2, 13, 14], notdef_outline=True, hinting=False)
font = subset.load_font(SOURCE, options)
subsetter = subset.Subsetter(options)
subsetter.populate(text="".join(sorted(characters)))
subsetter.subset(font)
target = ROOT / "assets/fonts/chinese.otf"
target.parent.mkdir(parents=True, exist_ok=True)
subset.save_font(font, str(target), options)
print(target, target.stat().st_size, "bytes,", len(characters), "glyphs")
