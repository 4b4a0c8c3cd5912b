"""Lists the window's texts, and which of them have no translation yet.
python3 tools/texts.py           prints English texts that app/locales/zh.json lacks, as JSON
python3 tools/texts.py --stale   prints translations of texts that are gone"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "app"
LITERAL = r'"((?:[^"\\]|\\.)*)"'
# Helpers that translate what they are given.
HELPERS = r"(?:primary_button|quiet_button|heading|section|caption|fact|notice)\((?:&mut )?\w+, (?:[\w.]+, )?"
# Functions of the state whose words are translated where they are drawn.
WORDS = r"fn (?:title|words|explanation|promise|hint|obstacle)\b"


def texts():
    found = set()
    for path in sorted(ROOT.glob("src/window/**/*.rs")):
        body = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
        found.update(re.findall(r"tr!\(\s*" + LITERAL, body))
        found.update(re.findall(HELPERS + r"\s*" + LITERAL, body))
        found.update(re.findall(r"command\(\s*Menu::\w+,\s*" + LITERAL, body))
        for match in re.finditer(WORDS, body):
            end = body.find("\n    }\n", match.end())
            found.update(re.findall(r"=>\s*\{?\s*" + LITERAL, body[match.end():end]))
            found.update(re.findall(r"Some\(" + LITERAL, body[match.end():end]))
    plain = {text.replace('\\"', '"') for text in found}
    return sorted(text for text in plain if any(c.isalpha() for c in text))


known = json.loads((ROOT / "locales/zh.json").read_text(encoding="utf-8"))
if "--stale" in sys.argv:
    print(json.dumps(sorted(set(known) - set(texts())), ensure_ascii=False, indent=0))
else:
    print(json.dumps([text for text in texts() if text not in known], ensure_ascii=False, indent=0))
