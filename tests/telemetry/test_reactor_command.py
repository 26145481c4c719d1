"""`manage.py run_reactor`."""

from __future__ import annotations

import signal
import time

import pytest
from django.core.management import CommandError, call_command

from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import key
from telemetry.reactors.base import Reactor
from telemetry.reactors.registry import REACTORS, create_reactor


@pytest.fixture(autouse=True)
def own_signals():
    """Give the handlers back that the command replaces."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_one_round_makes_the_group_beats_and_hands_over(redis, db):
    started = time.time()

    call_command("run_reactor", "live", "--once", "--instance", "test")

    assert [group["name"] for group in redis.xinfo_groups(key("samples"))] == [b"live"]
    assert read_heartbeats()["reactor_live:test"] >= started
    assert not redis.exists(key("lease:reactor:live"))


def test_an_unknown_reactor_is_refused():
    with pytest.raises(CommandError):
        call_command("run_reactor", "nonsense")


@pytest.mark.parametrize("name", sorted(REACTORS))
def test_every_listed_reactor_exists_under_its_name(name):
    reactor = create_reactor(name)

    assert isinstance(reactor, Reactor)
    assert reactor.name == name
    reactor.close()
