"""The thread of the database ends a connection that hangs, and leaves orders when it ends."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

from devices.wires.modbus.records import Records
from devices.wires.modbus.seen import Notes


class Nobody:
    """A poller without buses, whose queue nobody may look at."""

    apply = order = None
    take_notes = Notes

    def waiting_orders(self) -> dict[object, int]:
        raise AssertionError("it asked what may be taken")


def test_a_connection_that_hangs_is_ended_from_outside() -> None:
    records = Records(Nobody(), poller="1")  # type: ignore[arg-type]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        records._listening = SimpleNamespace(fileno=ours.fileno)
        records.hang_up()
        assert theirs.recv(1) == b""
        assert ours.recv(1) == b""
    records.stop()


def test_no_order_is_taken_once_the_poller_ends() -> None:
    records = Records(Nobody(), poller="1")  # type: ignore[arg-type]
    records.take_no_more()
    records._take()
    records.stop()


def test_it_leaves_no_descriptor_open() -> None:
    before = _open_descriptors()
    for _ in range(5):
        records = Records(Nobody(), poller="1")  # type: ignore[arg-type]
        records.stop()
        records.call(dict)  # rings a bell that is gone
    assert _open_descriptors() == before


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
