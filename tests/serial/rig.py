"""Simulated chargers in threads, links to them, and what was heard; on real pseudo terminals."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from charging.esp32.conversation import Conversation
from charging.esp32.facts import Ask, Look, Result
from charging.esp32.talk_v1 import TalkV1
from devices.simulators.evse import Evse, Setup
from devices.simulators.evse_program import wire_at
from devices.wires.serial.link import LinkChanged, LinkState, SerialLink
from devices.wires.serial.ports import is_there, open_port

PATIENCE = 60.0
SPEED = 10.0


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
    """Wait for something; return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def charger(link: Path, **options: Any) -> Iterator[Evse]:
    """Run a simulated charger; ten times as fast as a real one unless told otherwise."""
    given = {"open_wire": wire_at(link, 0), "speed": SPEED, **options}
    evse = Evse(Setup(**given))
    thread = threading.Thread(target=evse.run)
    thread.start()
    try:
        yield evse
    finally:
        evse.stop()
        thread.join(10)


class Ear:
    """A link, and everything it told with the time at which it did."""

    def __init__(self, port: str, talk: Conversation | None = None) -> None:
        self.heard: list[tuple[float, Any]] = []
        self.talk = talk or TalkV1()
        self.link = SerialLink(
            name=port,
            open_=lambda: open_port(port, baudrate=115_200),
            is_there=lambda: is_there(port),
            talk=self.talk,
            tell=lambda heard: self.heard.append((time.monotonic(), heard)),
        )

    def __enter__(self) -> Ear:
        self.link.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.link.stop()

    def wait_for_state(self, state: int, seconds: float = PATIENCE) -> float:
        """Wait until the controller says that it is in a state."""
        return wait_until(lambda: self.state == state, f"state {state}", seconds)

    def wait_online(self, seconds: float = PATIENCE) -> float:
        """Wait until the controller is heard."""
        return wait_until(lambda: self.link.state == LinkState.ONLINE, "online", seconds)

    def do(self, name: str, *, amps: int = 0, life: float = 5.0) -> Result:
        """Give an order and wait for its end."""
        key = uuid.uuid4()
        self.link.ask(Ask(key, name, time.monotonic() + life, amps))
        wait_until(lambda: self.result_of(key), f"the end of {name}")
        found = self.result_of(key)
        assert found is not None
        return found

    def result_of(self, key: uuid.UUID) -> Result | None:
        """Return what became of an order."""
        of_key = (h for _, h in list(self.heard) if isinstance(h, Result) and h.key == key)
        return next(of_key, None)

    @property
    def state(self) -> int | None:
        """What the controller said last."""
        looks = [heard for _, heard in list(self.heard) if isinstance(heard, Look)]
        return looks[-1].state if looks else None

    def changes(self, state: LinkState) -> list[tuple[float, LinkChanged]]:
        """Return when the link entered a state."""
        return [
            (at, heard)
            for at, heard in list(self.heard)
            if isinstance(heard, LinkChanged) and heard.state == state
        ]


def open_files(device: str) -> int:
    """Return how often this process has a device open."""
    count = 0
    for fd in Path("/proc/self/fd").iterdir():
        try:
            count += str(fd.readlink()) == device
        except OSError:
            continue
    return count


def now() -> dt.datetime:
    """Return the time."""
    return dt.datetime.now(tz=dt.UTC)


def memory_kb(pid: int | None = None) -> int:
    """Return how much memory a process has in use."""
    text = Path(f"/proc/{pid or os.getpid()}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])
