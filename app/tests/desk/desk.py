"""A desk for one program: finds what it shows by the names that a screen reader hears, and uses mouse, keys and
drag-and-drop as a person does. Needs a session bus, an X display, xdotool, python3-gi with Atspi, and python3-xlib."""

import os
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402


def allow_readers():
    """Tells programs that somebody listens, as a screen reader does when it starts."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    for name in ("IsEnabled", "ScreenReaderEnabled"):
        bus.call_sync(
            "org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set",
            GLib.Variant("(ssv)", ("org.a11y.Status", name, GLib.Variant("b", True))),
            None, Gio.DBusCallFlags.NONE, 5000, None,
        )


def xdotool(*arguments):
    return subprocess.run(["xdotool", *map(str, arguments)], check=True, capture_output=True, text=True).stdout.strip()


def wait(what, holds, secs=60):
    """Waits until something holds, and gives what it came to."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        try:
            found = holds()
        except GLib.Error:
            # The tree changed while it was read.
            found = None
        if found:
            return found
        time.sleep(0.15)
    raise AssertionError(f"in vain waited for: {what}")


class Program:
    """The running program."""

    def __init__(self, arguments, environment, log):
        self.log = open(log, "ab")
        self.process = subprocess.Popen(arguments, env=environment, stdout=self.log, stderr=self.log)
        self.window = wait("the window", self._window)
        self.root = wait("the window's contents", self._root)

    def _window(self):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid)], capture_output=True, text=True
        ).stdout.split()
        return found[-1] if found else None

    def _root(self):
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            program = desktop.get_child_at_index(i)
            if program is not None and program.get_process_id() == self.process.pid:
                return program
        return None

    def walk(self):
        """Everything that is shown, depth first."""
        stack = [self.root]
        while stack:
            at = stack.pop()
            yield at
            for i in reversed(range(at.get_child_count())):
                child = at.get_child_at_index(i)
                if child is not None:
                    stack.append(child)

    def find(self, name, role=None, exact=True):
        """The first thing with a name."""
        for at in self.walk():
            try:
                own = at.get_name() or ""
                fits = own == name if exact else name in own
                if fits and (role is None or at.get_role_name() == role):
                    return at
            except GLib.Error:
                continue
        return None

    def see(self, name, role=None, exact=True, secs=60):
        return wait(f"`{name}`", lambda: self.find(name, role, exact), secs)

    def names(self):
        found = []
        for at in self.walk():
            try:
                found.append((at.get_role_name(), at.get_name()))
            except GLib.Error:
                continue
        return found

    def centre(self, thing):
        box = thing.get_component_iface().get_extents(Atspi.CoordType.WINDOW)
        return box.x + box.width // 2, box.y + box.height // 2

    def click(self, name, role=None, exact=True, button=1, secs=60):
        thing = self.see(name, role, exact, secs)
        x, y = self.centre(thing)
        xdotool("mousemove", "--window", self.window, x, y)
        time.sleep(0.15)
        xdotool("click", button)
        time.sleep(0.35)

    def key(self, keys):
        xdotool("key", "--window", self.window, "--clearmodifiers", keys)
        time.sleep(0.35)

    def type(self, text):
        xdotool("type", "--delay", "12", text)
        time.sleep(0.3)

    def drop(self, path, at=None):
        """Drops a file or a folder on the window, as a file manager does."""
        here = os.path.dirname(os.path.abspath(__file__))
        x, y = at or (700, 400)
        arguments = ["/usr/bin/python3", os.path.join(here, "xdnd.py"), str(self.window), path, str(x), str(y)]
        subprocess.run(arguments, check=True, timeout=30)
        time.sleep(0.3)

    def picture(self, path):
        subprocess.run(["import", "-window", "root", path], check=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        xdotool("windowclose", self.window)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
