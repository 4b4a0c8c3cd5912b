"""Drops one path on a window: the source's side of the X drag-and-drop protocol, version 5.
python3 xdnd.py WINDOW PATH X Y"""

import sys
import time
import urllib.parse

from Xlib import X, Xatom, display
from Xlib.protocol import event

window_id, path, x, y = int(sys.argv[1], 0), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
d = display.Display()
root = d.screen().root
target = d.create_resource_object("window", window_id)
source = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask)
atom = d.intern_atom
uri_list, selection = atom("text/uri-list"), atom("XdndSelection")
data = ("file://" + urllib.parse.quote(path) + "\r\n").encode()
source.set_selection_owner(selection, X.CurrentTime)
place = root.translate_coords(target, x, y)
at = (abs(place.x) << 16) | abs(place.y)


def tell(kind, *values):
    longs = [source.id, *values] + [0] * (4 - len(values))
    target.send_event(event.ClientMessage(window=target, client_type=atom(kind), data=(32, longs)))
    d.flush()


def serve(secs):
    """Answers requests for the data; True once the target says that it is done."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        while d.pending_events():
            e = d.next_event()
            if e.type == X.SelectionRequest:
                e.requestor.change_property(e.property, uri_list, 8, data)
                e.requestor.send_event(event.SelectionNotify(
                    time=e.time, requestor=e.requestor, selection=e.selection, target=e.target, property=e.property))
                d.flush()
            elif e.type == X.ClientMessage and e.client_type == atom("XdndFinished"):
                return True
        time.sleep(0.02)
    return False


tell("XdndEnter", 5 << 24, uri_list)
serve(0.3)
for _ in range(3):
    tell("XdndPosition", 0, at, X.CurrentTime, atom("XdndActionCopy"))
    serve(0.2)
tell("XdndDrop", 0, X.CurrentTime)
if not serve(10):
    sys.exit("the window did not take the drop")
