"""F04: a process that has ended is told from one that lives, and from what cannot be known."""

from __future__ import annotations

import subprocess
import sys

from energy.lib.identity import _identity, is_gone, own_identity
from energy.lib.redis import key
from telemetry.reactors.lease import Lease


def test_a_living_process_is_not_gone():
    assert not is_gone(own_identity())


def test_a_dead_process_is_gone():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = _identity(process.pid)
        assert not is_gone(identity)
        process.kill()
    assert is_gone(identity)


def test_another_process_with_its_number_does_not_bring_it_back():
    assert is_gone(own_identity() + "0")


def test_processes_elsewhere_are_not_known_to_be_gone():
    elsewhere = "elsewhere/pid:[1]/" + own_identity().rpartition("/")[2] + "0"
    assert not is_gone(elsewhere)


def test_a_lease_is_taken_at_once_from_who_is_gone(redis):
    def lease(holder: str) -> Lease:
        return Lease(
            redis, key("lease:test"), holder=holder, seconds=60, is_gone=lambda h: h == "dead"
        )

    assert lease("dead").hold(now=1.0)
    first, second = lease("first"), lease("second")
    assert first.hold(now=1.0)
    assert not second.hold(now=1.0)
    first.release()
    assert second.hold(now=2.0)
    assert not first.hold(now=2.0)
