"""Questions to the poller that owns a bus: answered, refused, late, malformed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings

from devices.modbus.errors import (
    BadAnswer,
    GatewayRefused,
    ModbusError,
    NoAnswer,
    NotConnected,
    Refused,
)
from devices.wires.modbus import questions
from devices.wires.modbus.questions import NobodyAnswered, Question, Reply, UnknownBus, ask
from energy.lib import heartbeat
from energy.lib.redis import connect, key
from tests.pace import assert_within

pytestmark = pytest.mark.usefixtures("redis")
BUS = uuid.uuid4()
POLLER = "7"


class Unplugged(Exception):
    """What the wire said."""


def question(*, seconds: float = 3.0, **given: object) -> Question:
    named = {"bus_id": BUS, "unit": 1, "function": 3, "address": 10, "count": 2, **given}
    return Question(**named, expires_at=time.time() + seconds)


@contextmanager
def poller(read: Callable[[Question], list[int]]) -> Iterator[None]:
    """Run the answering side in a loop of its own, as the poller does."""
    ready, stop = threading.Event(), threading.Event()

    async def answer() -> None:
        stopping = asyncio.Event()

        async def read_later(asked: Question) -> list[int]:
            return read(asked)

        def describe(error: Exception) -> Reply:
            return Reply(error="not_connected", detail=str(error))

        serving = asyncio.create_task(
            questions.answer_questions(
                poller=POLLER, read=read_later, describe=describe, stopping=stopping
            )
        )
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.01)
        stopping.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=[answer()])
    thread.start()
    ready.wait(5)
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_the_owner_of_a_bus_reads_what_is_asked() -> None:
    seen = []

    def read(asked: Question) -> list[int]:
        seen.append(asked)
        return [asked.address, 0xFFFF]

    asked = question()
    with poller(read):
        reply = ask(asked, poller=POLLER)

    assert reply == Reply(words=(10, 0xFFFF))
    assert seen == [asked]


def test_what_the_wire_says_comes_back_as_an_error() -> None:
    def read(asked: Question) -> list[int]:
        raise Unplugged("cable") if asked.bus_id == BUS else UnknownBus

    with poller(read):
        unplugged = ask(question(), poller=POLLER)
        unknown = ask(question(bus_id=uuid.uuid4()), poller=POLLER)

    assert unplugged == Reply(error="not_connected", detail="cable")
    assert unknown == Reply(error="unknown_bus")


def test_without_a_poller_the_question_ends_in_time_and_is_taken_back() -> None:
    began = time.monotonic()
    with pytest.raises(NobodyAnswered):
        ask(question(seconds=0.3), poller=POLLER)
    assert_within(time.monotonic() - began, 1.5)

    client = connect(settings.REDIS_EPHEMERAL_URL)
    assert client.llen(key(f"modbus_questions:{POLLER}")) == 0


def test_a_question_nobody_waits_for_is_not_read() -> None:
    client = connect(settings.REDIS_EPHEMERAL_URL)
    late = json.dumps(
        {**_fields(question()), "expires_at": time.time() - 1, "id": str(uuid.uuid4())}
    )
    client.rpush(key(f"modbus_questions:{POLLER}"), late)
    seen = []

    with poller(lambda asked: seen.append(asked) or [1, 2]):
        ask(question(address=77), poller=POLLER)

    assert [asked.address for asked in seen] == [77]


@pytest.mark.parametrize(
    "wrong",
    [
        b"no json",
        b"[]",
        b'{"id": "x"}',
        {"function": 6},  # would write
        {"function": 16},
        {"count": 126},
        {"count": 0},
        {"address": 65535, "count": 2},
        {"unit": 256},
        {"count": "two"},
    ],
)
def test_what_is_no_question_harms_nobody(wrong: bytes | dict) -> None:
    text = wrong if isinstance(wrong, bytes) else json.dumps(_fields(question()) | wrong)
    connect(settings.REDIS_EPHEMERAL_URL).rpush(key(f"modbus_questions:{POLLER}"), text)
    seen = []

    with poller(lambda asked: seen.append(asked) or [1, 2]):
        assert ask(question(address=77), poller=POLLER).words == (1, 2)

    assert [asked.address for asked in seen] == [77]


def test_more_questions_than_a_poller_can_answer_are_refused_at_once() -> None:
    client = connect(settings.REDIS_EPHEMERAL_URL)
    client.rpush(key(f"modbus_questions:{POLLER}"), *["{}"] * questions.MOST_WAITING)

    began = time.monotonic()
    with pytest.raises(NobodyAnswered, match="too many"):
        ask(question(seconds=5), poller=POLLER)
    assert_within(time.monotonic() - began, 2)

    assert client.llen(key(f"modbus_questions:{POLLER}")) == questions.MOST_WAITING


def test_a_poller_is_alive_while_it_beats() -> None:
    now = time.time()
    assert not questions.is_alive(POLLER, now=now)

    heartbeat.beat(questions.PROCESS, POLLER, now=now)

    assert questions.is_alive(POLLER, now=now + 5)
    assert not questions.is_alive("8", now=now + 5)
    assert not questions.is_alive(POLLER, now=now + 16)


def _fields(asked: Question) -> dict[str, object]:
    return {
        "id": str(asked.id), "bus_id": str(asked.bus_id), "unit": asked.unit,
        "function": asked.function, "address": asked.address, "count": asked.count,
        "expires_at": asked.expires_at,
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [NoAnswer("1 s"), BadAnswer("odd"), NotConnected("gone"), Refused(2), GatewayRefused(11)],
)
def test_an_error_of_the_wire_is_the_same_on_the_other_side(error: ModbusError) -> None:
    told = questions.error_of(questions.reply_to(error))

    assert (type(told), str(told)) == (type(error), str(error))


def test_a_reply_with_words_is_no_error() -> None:
    assert questions.error_of(Reply(words=(1,))) is None
    assert isinstance(questions.error_of(Reply(error="unknown_bus")), UnknownBus)
    assert isinstance(questions.error_of(questions.reply_to(ValueError("x"))), ModbusError)
