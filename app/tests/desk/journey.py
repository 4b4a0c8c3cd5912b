"""A person's first session with the window, from the empty window to a saved project, and what a crash leaves.
python3 journey.py OCTET MODEL PICTURES FOLDER

What happened is read from the run folders and from the project's files, never from inside the program. Screenshots are
left in FOLDER."""

import glob
import json
import os
import sys
import time

from desk import Atspi, Program, allow_readers, wait

octet, model, pictures, folder = (os.path.abspath(a) for a in sys.argv[1:5])
data = os.path.join(folder, "data")
environment = dict(os.environ, OCTET_DATA_DIR=data, LIBGL_ALWAYS_SOFTWARE="1", LANG="C.UTF-8", NO_AT_BRIDGE="0")
shots = iter(range(1, 100))


def shot(program, name):
    program.picture(os.path.join(folder, f"{next(shots):02}-{name}.png"))


def start(*arguments):
    return Program([octet, *arguments], environment, os.path.join(folder, "octet.log"))


def reports():
    """Finished runs and scores, oldest first."""
    found = [f for kind in ("runs", "scores") for f in glob.glob(os.path.join(data, kind, "*", "report.json"))]
    found.sort(key=os.path.getmtime)
    return [os.path.dirname(f) for f in found]


def report(run):
    with open(os.path.join(run, "report.json"), encoding="utf-8") as file:
        return json.load(file)


def layer(run, name):
    return next(l for l in report(run)["layers"] if l["name"] == name)


def journal():
    """The project as of the last change."""
    found = glob.glob(os.path.join(data, "sessions", "*.journal.octet"))
    if not found:
        return {}
    try:
        with open(max(found, key=os.path.getmtime), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def content(path):
    with open(path, "rb") as file:
        return file.read()


def export(program, run, path):
    """Has the page of runs write a run's model to a path; the run is on display, so that its card has the buttons."""
    program.click("Show all runs")
    program.click(f"Export model…: {os.path.basename(run)}", "push button")
    program.see("Path of the new .espdl file")
    program.type(path)
    program.key("Return")


def step(words):
    print(f"- {words}", flush=True)


allow_readers()
step("the empty window says what to do")
window = start()
window.see("Drop a MobileNetV2 .onnx here")
shot(window, "empty")

step("a dropped model is drawn")
window.drop(model)
window.see("block 1")
wait("the journal to know the model", lambda: journal().get("model") == model)

step("a dropped folder becomes calibration pictures")
window.drop(pictures)
wait("the journal to know the pictures", lambda: journal().get("images") == [pictures])
shot(window, "pictures")

step("int8 is chosen and run")
window.click("Strategy", "combo box")
window.click("int8")
wait("the journal to know the strategy", lambda: journal().get("strategies"))
window.click("Quantize", "push button")
wait("the first report", lambda: len(reports()) == 1, 300)
first = reports()[0]
worst = max((l for l in report(first)["layers"] if l["layerwise_nsr"] is not None), key=lambda l: l["layerwise_nsr"])
shot(window, "errors")

step("the worst layer is found in the table and selected")
window.click("Layerwise %")
window.click(worst["name"], "table row")
wait("the selection", lambda: journal().get("selection") == worst["name"])
shot(window, "worst")

step("int16 is set by a click, and scored by itself")
window.click("Set int16")
wait("the journal to know the change", lambda: journal().get("edits", {}).get("widths") == {worst["name"]: 16})
wait("the score", lambda: len(reports()) == 2, 120)
second = reports()[1]
assert layer(first, worst["name"])["bits"] == 8
assert layer(second, worst["name"])["bits"] == 16, layer(second, worst["name"])
# Its own error: that of the scores is so small here that one layer more or less may move it either way.
before, after = (layer(run, worst["name"])["graphwise_nsr"] for run in (first, second))
assert after < before, (before, after)
models = [content(os.path.join(run, "model.espdl")) for run in (first, second)]
assert models[0] != models[1]
time.sleep(1)
shot(window, "int16")

step("the better network is exported by a click")
exported = os.path.join(folder, "exported.espdl")
export(window, second, exported)
wait("the exported file", lambda: os.path.isfile(exported))
assert content(exported) == models[1]
shot(window, "exported")

step("undo takes it back and shows the first run again")
window.key("ctrl+z")
wait("the change to be gone", lambda: not journal().get("edits", {}).get("widths"))
shown = [r for r in journal()["runs"] if r.get("shown")]
assert [os.path.realpath(r["path"]) for r in shown] == [os.path.realpath(first)], shown

step("an exported file is replaced only after a yes")
export(window, first, exported)
window.see("Replace this file?")
assert content(exported) == models[1]
window.click("Keep it", "push button")
time.sleep(0.5)
assert content(exported) == models[1]
export(window, first, exported)
window.click("Replace", "push button")
wait("the file to be the first run's", lambda: content(exported) == models[0])

step("redo brings it back without another score")
window.key("ctrl+shift+z")
wait("the change to be back", lambda: journal().get("edits", {}).get("widths") == {worst["name"]: 16})
time.sleep(2)
assert len(reports()) == 2

step("the command palette runs a command by a few letters")
window.key("ctrl+shift+p")
window.see("Command")
window.type("undo")
window.key("Return")
wait("the palette's undo", lambda: not journal().get("edits", {}).get("widths"))

step("two runs are compared")
window.click("Show all runs")
for run in (first, second):
    box = window.find(f"Compare {os.path.basename(run)}", "check box")
    if box is not None and not box.get_state_set().contains(Atspi.StateType.CHECKED):
        window.click(f"Compare {os.path.basename(run)}", "check box")
window.click("Compare 2 runs", "push button")
window.see("Comparison of runs")
window.see("Close the comparison (Esc)", "push button")
time.sleep(1.5)
shot(window, "compared")
window.click("Close the comparison (Esc)", "push button")

step("the project is saved where the field says")
project = os.path.join(folder, "journey.octet")
window.key("ctrl+s")
window.see("Path of the new .octet file")
window.type(project)
window.key("Return")
wait("the project file", lambda: os.path.isfile(project))
with open(project, encoding="utf-8") as file:
    saved = json.load(file)
assert saved["schema"] == 1 and not os.path.isabs(saved["runs"][0]["path"]), saved

step("a crash right after a change loses nothing")
window.key("ctrl+shift+z")
wait("the change in the journal", lambda: journal().get("edits", {}).get("widths") == {worst["name"]: 16})
window.kill()
again = start()
again.click("Restore", "push button")
again.see("block 1")
wait("the change after the crash", lambda: journal().get("edits", {}).get("widths") == {worst["name"]: 16})
assert len(journal()["runs"]) == 1, "scores are not kept"
assert journal()["images"] == [pictures]
shot(again, "restored")
again.close()
print("done", flush=True)
