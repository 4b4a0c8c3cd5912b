"""Lists the window's texts and the engine's sentences, and which of them have no translation yet. The test
`app/tests/texts.rs` reads the sources in the same way.
python3 tools/texts.py           prints English texts that app/locales/zh.json lacks, as JSON
python3 tools/texts.py --stale   prints translations of texts that are gone
python3 tools/texts.py --others  prints texts with a space that are no keys, with the place they are at"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "app"
# Macros whose text is a key, and helpers that translate what they are given.
CALLS = {
    "tr!", "trn!", "key!", "primary_button", "quiet_button", "icon_button", "heading", "section", "caption", "fact",
    "notice", "command", "row_ui",
}
# Functions of the state whose words are translated where they are drawn.
WORDS = {"title", "words", "explanation", "promise", "hint", "obstacle"}
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r\#"(?P<raw>.*?)"\#|b?r"(?P<raw2>[^"]*)"|b?"(?P<text>(?:[^"\\]|\\.)*)"|'(?:[^'\\\n]|\\.[^']*)'|(?P<word>[A-Za-z_]\w*!?)|(?P<other>\S)""",
    re.S,
)
# A sentence in a table of rules.
FIELD = re.compile(r' (?:text|button): "((?:[^"\\]|\\.)*)"', re.S)
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "'": "'", "0": "\0", "r": "\r"}


def unescaped(text):
    text = re.sub(r"\\\n\s*", "", text)
    text = re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda m: chr(int(m[1], 16)), text)
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text)


def literals(body):
    """Each text with the innermost call it stands in, the function, and its place."""
    stack, function, word, waiting = [], None, "", None
    for match in TOKEN.finditer(body):
        kind = match.lastgroup
        if kind in ("raw", "raw2", "text"):
            text = match[kind] if kind != "text" else unescaped(match[kind])
            calls = [name for bracket, name in stack if bracket == "("]
            inside = next((name for bracket, name in reversed(stack) if bracket == "fn"), None)
            yield text, calls[-1] if calls else "", inside, body.count("\n", 0, match.start()) + 1
            word = ""
        elif kind == "word":
            if word == "fn":
                waiting = match[kind]
            word = match[kind]
        elif kind == "other":
            sign = match[kind]
            if sign in "([":
                stack.append((sign, word if sign == "(" else ""))
            elif sign == "{":
                stack.append(("fn", waiting) if waiting and not any(b == "(" for b, _ in stack) else ("{", ""))
                if stack[-1][0] == "fn":
                    waiting = None
            elif sign in ")]}" and stack:
                stack.pop()
            word = ""


def sources():
    for path in sorted(ROOT.glob("src/**/*.rs")):
        yield path, path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]


def is_key(call, function):
    return call in CALLS or (function in WORDS and call in ("", "Some"))


def texts():
    found = set()
    for path, body in sources():
        if "window" in path.parts:
            found.update(text for text, call, function, _ in literals(body) if is_key(call, function))
    return sorted(text for text in found if any(c.isalpha() for c in text))


def sentences():
    """The engine's sentences: texts and buttons of its tables of rules, and the parts that are filled in."""
    found = set()
    for room in ("advise", "compare", "pictures/lint"):
        for path in sorted((ROOT / "../engine/src" / room).glob("**/*.rs")):
            if path.name == "tests.rs":
                continue
            body = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
            found.update(unescaped(match[1]) for match in FIELD.finditer(body))
            found.update(text for text, call, _, _ in literals(body) if call == "phrase")
    return found


def texts_of_others():
    """The texts of the engine and of plugins that come along which the window translates, in one line."""
    engine = [f"../engine/src/{room}" for room in ("advise", "compare", "doctor", "pictures/lint")]
    rooms = [*engine, "../plugins"]
    files = (path for room in rooms for path in sorted((ROOT / room).glob("**/*.rs")))
    body = " ".join(path.read_text(encoding="utf-8") for path in files)
    return " ".join(body.replace("///", "").replace("\\\n", "").replace('\\"', '"').split())


def main():
    known = json.loads((ROOT / "locales/zh.json").read_text(encoding="utf-8"))
    if "--stale" in sys.argv:
        others = texts_of_others()
        stale = [text for text in sorted(set(known) - set(texts())) if " ".join(text.split()) not in others]
        print(json.dumps(stale, ensure_ascii=False, indent=0))
    elif "--others" in sys.argv:
        for path, body in sources():
            for text, call, function, line in literals(body):
                if "window" in path.parts and not is_key(call, function) and re.search(r"[A-Za-z]{2}", text):
                    print(f"{path.relative_to(ROOT)}:{line} {call}/{function}: {text!r}")
    else:
        print(json.dumps([text for text in sorted({*texts(), *sentences()}) if text not in known], ensure_ascii=False, indent=0))


main()
