"""Questions to the poller that owns a bus, and its answers, over Redis.

A serial port has one owner and many gateways accept one connection. So who looks at registers
in the admin asks the process that polls the bus, which reads them between two polls. Questions
only read. They wait in one short list per poller, each with the moment from which on nobody
waits for its answer; both vanish by themselves when nobody comes for them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from devices.modbus.errors import BadAnswer, ModbusError, NoAnswer, NotConnected, Refused, refusal
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import connect, key

logger = logging.getLogger(__name__)

PROCESS = "modbus_poller"  # its name among the heartbeats
ALIVE_SECONDS = 15.0
LONGEST_SECONDS = 5.0
MOST_WAITING = 32
MOST_AT_ONCE = 8
KEPT_SECONDS = 30
ENDING_SECONDS = 2.0
MOST_WORDS = 125
MOST_BITS = 2000
READING = {1: MOST_BITS, 2: MOST_BITS, 3: MOST_WORDS, 4: MOST_WORDS}  # functions that only read


class NobodyAnswered(Exception):
    """The poller did not answer in time, has too many questions, or Redis is away."""


class UnknownBus(LookupError):
    """Raised by the `read` of a poller that does not drive this bus now."""


@dataclass(frozen=True, slots=True)
class Question:
    """Registers or bits to read: `count` from zero-based `address` with function 1 to 4.

    From `expires_at` on, seconds since 1970, nobody waits for the answer.
    """

    bus_id: uuid.UUID
    unit: int
    function: int
    address: int
    count: int
    expires_at: float
    id: uuid.UUID = dataclasses.field(default_factory=uuid.uuid4)

    def has_expired(self) -> bool:
        """Tell whether nobody waits any more; then reading would only delay the polls."""
        return time.time() >= self.expires_at


@dataclass(frozen=True, slots=True)
class Reply:
    """The words read, or why there are none.

    `error` is "", no_answer, refused (then `code` is the exception code of the unit),
    bad_answer, not_connected, unknown_bus or failed.
    """

    words: tuple[int, ...] = ()
    error: str = ""
    code: int = 0
    detail: str = ""


Read = Callable[[Question], Awaitable[list[int]]]
Describe = Callable[[Exception], Reply]


def reply_to(error: Exception) -> Reply:
    """Return what reading raised as a reply; `error_of` makes the same error of it again."""
    if isinstance(error, Refused):
        return Reply(error="refused", code=error.code, detail=str(error))
    kinds = {NoAnswer: "no_answer", BadAnswer: "bad_answer", NotConnected: "not_connected"}
    found = next((name for kind, name in kinds.items() if isinstance(error, kind)), "failed")
    return Reply(error=found, detail=str(error) or type(error).__name__)


def error_of(reply: Reply) -> Exception | None:
    """Return the error that a reply tells of; None for one with words."""
    if reply.error in {"", "unknown_bus"}:
        return UnknownBus() if reply.error else None
    if reply.error == "refused":
        return refusal(reply.code)
    kinds = {"no_answer": NoAnswer, "bad_answer": BadAnswer, "not_connected": NotConnected}
    return kinds.get(reply.error, ModbusError)(reply.detail)


def is_alive(poller: str, *, now: float) -> bool:
    """Tell whether the poller of this instance gave a sign of life in the last 15 s.

    False when Redis cannot be asked: then questions would not get through either.
    """
    try:
        beats = read_heartbeats()
    except RedisError:
        return False
    return now - beats.get(f"{PROCESS}:{poller}", 0.0) < ALIVE_SECONDS


def ask(question: Question, *, poller: str) -> Reply:
    """Put a question to the poller of an instance and wait for the answer.

    Raises: NobodyAnswered: not before the question expired; at most after 5 s.
    """
    wait_seconds = min(question.expires_at - time.time(), LONGEST_SECONDS)
    waiting, answer = _waiting_key(poller), _answer_key(question.id)
    text = json.dumps(dataclasses.asdict(question), default=str)
    try:
        with connect(settings.REDIS_EPHEMERAL_URL, timeout_seconds=LONGEST_SECONDS + 2) as client:
            pipe = client.pipeline()
            pipe.rpush(waiting, text)
            pipe.expire(waiting, KEPT_SECONDS)
            if int(pipe.execute()[0]) > MOST_WAITING:
                client.lrem(waiting, 1, text)
                raise NobodyAnswered("too many questions are waiting")
            found: Any = client.blpop([answer], timeout=max(0.05, wait_seconds))
            if found is None:
                client.lrem(waiting, 1, text)
    except RedisError as error:
        raise NobodyAnswered(f"Redis does not answer ({type(error).__name__})") from error
    if found is None:
        raise NobodyAnswered("no answer in time")
    return _read_reply(found[1])


async def answer_questions(
    *, poller: str, read: Read, stopping: asyncio.Event, describe: Describe = reply_to
) -> None:
    """Answer what this poller is asked until `stopping` is set; never raises.

    Args: read: reads what a question names, with the bus's own lock, pauses and time limit;
        it should look at `has_expired()` once it has the lock. describe: makes a Reply of
        what `read` raised, other than UnknownBus.
    """
    running: set[asyncio.Task[None]] = set()
    client = _async_client()
    try:
        while not stopping.is_set():
            question = await _next_question(client, poller)
            if question is None or question.has_expired():
                continue
            if len(running) >= MOST_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(_answer(client, question, read, describe))
            running.add(task)
            task.add_done_callback(running.discard)
    finally:
        await _finish(running)
        await client.aclose()


async def _finish(running: set[asyncio.Task[None]]) -> None:
    if running:
        _done, late = await asyncio.wait(running, timeout=ENDING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _next_question(client: AsyncRedis, poller: str) -> Question | None:
    try:
        found: Any = await client.blpop([_waiting_key(poller)], timeout=1)
    except RedisError:
        await asyncio.sleep(1)
        return None
    if found is None:
        return None
    try:
        return _read_question(found[1])
    except (ValueError, TypeError, KeyError):
        logger.warning("A question to Modbus poller %s cannot be read", poller)
        return None


async def _answer(client: AsyncRedis, question: Question, read: Read, describe: Describe) -> None:
    try:
        reply = Reply(words=tuple(await read(question)))
    except UnknownBus:
        reply = Reply(error="unknown_bus")
    except Exception as error:  # noqa: BLE001 (whatever it is, somebody waits for an answer)
        reply = describe(error)
    text = json.dumps(dataclasses.asdict(reply))
    try:
        pipe = client.pipeline()
        pipe.rpush(_answer_key(question.id), text)
        pipe.expire(_answer_key(question.id), KEPT_SECONDS)
        await pipe.execute()
    except RedisError:
        logger.warning("An answer of a Modbus poller did not reach Redis")


def _read_question(text: bytes) -> Question:
    """Raises: ValueError, TypeError, KeyError: it is none, or would not only read."""
    given: dict[str, Any] = json.loads(text)
    question = Question(
        bus_id=uuid.UUID(given["bus_id"]),
        unit=int(given["unit"]),
        function=int(given["function"]),
        address=int(given["address"]),
        count=int(given["count"]),
        expires_at=float(given["expires_at"]),
        id=uuid.UUID(given["id"]),
    )
    most = READING[question.function]
    if not (0 <= question.unit <= 255 and 0 <= question.address <= 0xFFFF):
        raise ValueError("no such unit or address")
    if not 1 <= question.count <= most or question.address + question.count > 0x10000:
        raise ValueError("no such range")
    return question


def _read_reply(text: bytes) -> Reply:
    given = json.loads(text)
    return Reply(**{**given, "words": tuple(given["words"])})


def _waiting_key(poller: str) -> str:
    return key(f"modbus_questions:{poller}")


def _answer_key(question_id: uuid.UUID) -> str:
    return key(f"modbus_answer:{question_id}")


def _async_client() -> AsyncRedis:
    return AsyncRedis.from_url(
        settings.REDIS_EPHEMERAL_URL,
        socket_timeout=LONGEST_SECONDS,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
