"""A box that is shut out stops trying; one whose broker is away goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from devices.simulators import owned
from devices.simulators.box import Setup
from devices.simulators.faults import Faults
from devices.simulators.link import Event
from devices.simulators.memory import Identity
from devices.simulators.owned import End, Habits, OwnedBox
from devices.simulators.shelf import GIVE_UP_SECONDS, Shelf

IDENTITY = Identity(
    tenant_id="t", device_id="d", gateway_uid="", username="box", host="127.0.0.1", port=1,
    is_tls=False, authority="", certificate="", key_pem="", prefix="p", ownership_topic="o",
)  # fmt: skip


class FakeLink:
    """A connection to which things happen as written."""

    is_connected = False

    def __init__(self, events: Iterable[Event], stopping: threading.Event) -> None:
        self._events: Iterator[Event] = iter(events)
        self._stopping = stopping

    def next_event(self, seconds: float) -> Event | None:
        event = next(self._events, None)
        if event is None:
            self._stopping.set()
        return event

    def publish(self, topic: str, payload: str) -> None:
        """Say nothing."""

    def close(self, *, last_words: object = None) -> None:
        """Leave."""


@pytest.fixture
def life(memory, monkeypatch):
    """Return a function that plays events, some seconds apart, to a box that gives up."""

    def play(*kinds: str) -> End:
        stopping, seconds = threading.Event(), iter(range(10_000))
        link = FakeLink([Event(kind) for kind in kinds], stopping)
        monkeypatch.setattr(owned, "serial_of", lambda certificate: "1")
        monkeypatch.setattr(OwnedBox, "_open_link", lambda box: link)
        box = OwnedBox(memory, IDENTITY, Faults(), Habits(give_up_after=30))
        monkeypatch.setattr(owned.time, "monotonic", lambda: next(seconds) * 1.0)
        return box.work(stopping)

    return play


def test_a_box_that_is_shut_out_stops(life):
    assert life(*["lost"] * 60) == End.REFUSED


def test_a_box_whose_broker_is_away_goes_on(life):
    assert life(*["lost", "unreachable"] * 30) == End.STOPPED


def test_boxes_of_the_shelf_give_up_by_themselves(tmp_path):
    shelf = Shelf(Setup(folder=tmp_path, door="mqtt://x", web="http://x"))

    assert shelf._setup.habits.give_up_after == GIVE_UP_SECONDS


def test_a_shelf_that_is_told_otherwise_does_as_told(tmp_path):
    habits = Habits(give_up_after=4)

    assert (
        Shelf(Setup(folder=tmp_path, door="mqtt://x", web="http://x", habits=habits))._setup.habits
        == habits
    )
