"""One bridge for each line in this process, however many ask for it at once."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable

from charging.bridge.bridge import Bridge, Opener, open_line
from charging.bridge.lines import NoSuchLine, load_line

_bridges: dict[uuid.UUID, Bridge] = {}
_lock = threading.Lock()


def bridge_of(
    line_id: uuid.UUID, *, clock: Callable[[], dt.datetime], open_: Opener = open_line
) -> Bridge:
    """Return the bridge of a line; the first who asks opens the port, the others wait for that.

    Raises:
        NoSuchLine
        PortHeld: another process has the port.
    """
    found = _bridges.get(line_id)
    if found is not None:
        return found
    with _lock:
        if line_id not in _bridges:
            line = load_line(line_id)
            if line is None:
                raise NoSuchLine(f"There is no line {line_id}.")
            made = Bridge(line, clock=clock, open_=open_)
            made.start()
            _bridges[line_id] = made
        return _bridges[line_id]


def stop_bridge(line_id: uuid.UUID) -> None:
    """Stop the bridge of a line; it may be asked for anew."""
    with _lock:
        bridge = _bridges.pop(line_id, None)
    if bridge is not None:
        bridge.stop()
