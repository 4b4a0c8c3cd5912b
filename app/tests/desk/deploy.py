"""A person puts a run onto a board with the Deploy sheet.
python3 deploy.py OCTET RUN FOLDER BOOT_LOADER RIGHT WRONG

The last three are ports: of a board in its boot loader, of one that runs the model, and of one that computes something
else. Screenshots are left in FOLDER; what arrived on the boards is looked at by the test that starts this."""

import glob
import json
import os
import sys
import time

from desk import Program, allow_readers, wait

octet, run, folder = (os.path.abspath(a) for a in sys.argv[1:4])
boot_loader, right, wrong = sys.argv[4:7]
data = os.environ["OCTET_DATA_DIR"]
environment = dict(os.environ, LIBGL_ALWAYS_SOFTWARE="1", LANG="C.UTF-8", NO_AT_BRIDGE="0")
shots = iter(range(1, 100))


def shot(name):
    window.picture(os.path.join(folder, f"deploy-{next(shots):02}-{name}.png"))


def step(words):
    print(f"- {words}", flush=True)


def selection():
    found = glob.glob(os.path.join(data, "sessions", "*.journal.octet"))
    if not found:
        return None
    try:
        with open(max(found, key=os.path.getmtime), encoding="utf-8") as file:
            return json.load(file).get("selection")
    except (OSError, ValueError):
        return None


def choose(port):
    window.click("Port")
    window.key("ctrl+a")
    window.type(port)


def ended():
    window.see("Deploy again", "push button", secs=120)


allow_readers()
step("the sheet says that it needs a board")
window = Program([octet, run], environment, os.path.join(folder, "octet.log"))
window.see("Run " + os.path.basename(run))
window.click("Deploy", "push button")
window.see("Port")
window.see("ESP-IDF", secs=120)
shot("opened")

step("a port is typed, and the reset left to the person")
choose(boot_loader)
window.click("Options")
window.click("Leave the reset to me", "check box")
window.click("Compare with the desktop in the end", "check box")
shot("options")

step("one click generates, builds and flashes")
window.click("Deploy now", "push button")
ended()
shot("flashed")
window.see("Deployed")
assert os.path.isfile(os.path.join(run, "firmware", "build", "flasher_args.json"))

step("the board that runs the model computes what the desktop computes")
choose(right)
window.click("Verify now", "push button")
window.see("tensors are equal", exact=False, secs=120)
ended()
shot("equal")
with open(os.path.join(run, "measured.json"), encoding="utf-8") as file:
    assert json.load(file)["layers"]

step("what the board said can be searched")
window.click("Show the log of Monitor", "push button")
window.click("Search the console")
window.type("layer")
window.see(" of ", exact=False)
shot("console")
window.click("Hide the log of Monitor", "push button")

step("a board that computes something else is led back to its layer")
choose(wrong)
window.click("Verify again", "push button")
window.see("The first tensor that differs is number 7", exact=False, secs=120)
ended()
shot("differs")
window.click("Show it in the graph", "push button")
wait("the selection in the journal", selection)
time.sleep(1)
shot("layer")
window.see("on the board", exact=False)
window.close()
print("done", flush=True)
