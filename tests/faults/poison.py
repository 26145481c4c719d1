"""Messages that cannot be stored, each with the reason it must be kept with (F34, M15).

The broker takes packets up to 64 KiB, no wildcards and no control characters in topics:
what is larger or stranger never arrives.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import msgpack

from tests.faults.ledger import Fleet, Key, Message

DEEP = 30_000
METRIC = "active_power_net"


@dataclass(frozen=True, slots=True)
class Poison:
    """A message and why it is rejected; `message.points` is what of it can be stored."""

    name: str
    reason: str
    message: Message


def poison_for(fleet: Fleet, *, at: int) -> list[Poison]:
    """Return every shape for a fleet; `at` is the time in the payloads, in µs."""
    device = fleet.devices[0]
    topic = fleet.topic(device)
    shapes = [
        *_no_documents(),
        *_no_readings(at),
        *_numbers(at),
        *_names(at),
        *_times(),
        *_message_pack(at),
    ]
    found = [Poison(name, reason, Message(topic, data)) for name, reason, data in shapes]
    found += _in_part(topic, device, at)
    good = json.dumps({"ts": at, "values": {METRIC: 1.0}}).encode()
    found += [
        Poison(f"topic {tail[:40]}", reason, Message(tail, good))
        for tail, reason in _topics(fleet, device)
    ]
    found += _statuses(fleet)
    assert len({(p.message.topic, p.message.payload) for p in found}) == len(found)
    return found


def _values(at: object, values: object) -> bytes:
    return json.dumps({"ts": at, "values": values}).encode()


def _raw(at: int, value: str) -> bytes:
    return b'{"ts": %d, "values": {"%s": %s}}' % (at, METRIC.encode(), value.encode())


def _no_documents() -> Iterator[tuple[str, str, bytes]]:
    yield "nothing", "empty", b""
    yield "whitespace", "empty", b" \t\r\n "
    yield "words", "bad_payload", b"hello world"
    yield "single quotes", "bad_payload", b"{'ts': 1}"
    yield "UTF-8 broken inside", "bad_encoding", b'{"values": {"a\xff": 1}}'
    yield "UTF-8 broken at the start", "bad_payload", b'\xff\xfe{"values": {"a": 1}}'
    yield "byte order mark", "bad_payload", b'\xef\xbb\xbf{"values": {"a": 1}}'
    yield "UTF-16", "bad_payload", '{"values": {"a": 1}}'.encode("utf-16-le")
    yield "NUL bytes", "bad_payload", b"\x00" * 64
    yield "gzip", "bad_encoding", bytes.fromhex("1f8b0800000000000003abae0500")
    yield "two documents", "bad_payload", b'{"values": {"a": 1}} {"values": {"a": 2}}'
    yield "text after the end", "bad_payload", b'{"values": {"a": 1}}, thank you'
    yield "cut after the brace", "bad_payload", b"{"
    yield "cut in a name", "bad_payload", b'{"values'
    yield "cut before a value", "bad_payload", b'{"values": {"a":'
    yield "cut in a number", "bad_payload", b'{"values": {"a": 12'
    yield "cut in a text", "bad_payload", b'{"ts": "2026-'
    yield "deep lists", "too_deep", b"[" * DEEP + b"]" * DEEP
    yield "deep objects", "too_deep", b'{"a":' * (DEEP // 3) + b"1" + b"}" * (DEEP // 3)
    yield "deep enough", "too_deep", b'{"values": ' + b"[" * 20 + b"]" * 20 + b"}"


def _no_readings(at: int) -> Iterator[tuple[str, str, bytes]]:
    yield "number", "no_object", b"23.5"
    yield "true", "no_object", b"true"
    yield "null", "no_object", b"null"
    yield "text", "no_object", b'"23.5"'
    yield "empty list", "no_values", b"[]"
    yield "empty object", "no_values", b"{}"
    yield "lists in a list", "no_object", b"[[1, 2], [3, 4]]"
    yield "list of numbers", "no_object", b"[1, 2, 3]"
    yield "no values", "no_values", _values(at, {})
    yield "values in a list", "no_values", _values(at, [1, 2])
    yield "values as text", "no_values", _values(at, "1")
    yield "3,000 readings", "too_many_values", json.dumps([{"a": 1}] * 3000).encode()
    yield "3,000 values", "too_many_values", _values(at, {f"k{n}": n for n in range(3000)})
    yield "300 new channels", "too_many_channels", _values(at, {f"k{n}": n for n in range(300)})
    yield "another device", "unexpected_device", b'{"device": "other", "values": {"a": 1}}'


def _numbers(at: int) -> Iterator[tuple[str, str, bytes]]:
    for text in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000):
        yield text[:9], "not_finite", _raw(at, text)
    for text in (str(2**70), str(-(2**70)), "1e300", "1000000000000001"):
        yield text[:9], "out_of_range", _raw(at, text)
    yield "null value", "null_value", _raw(at, "null")
    for text in ('"23.5"', '"0x1F"', '""', '{"v": 1}', "[1]"):
        yield f"value {text}", "not_a_number", _raw(at, text)
    yield "name twice", "duplicate_key", b'{"ts": %d, "values": {"a": 1, "a": 2}}' % at
    yield "time twice", "duplicate_key", b'{"ts": %d, "ts": %d, "values": {"a": 1}}' % (at, at + 1)
    yield "leading zero", "bad_payload", _raw(at, "007")
    yield "hexadecimal", "bad_payload", _raw(at, "0x1F")
    yield "comma", "bad_payload", _raw(at, "1,5")


def _names(at: int) -> Iterator[tuple[str, str, bytes]]:
    names = {
        "no name": "",
        "blank name": "   ",
        "NUL in a name": "a\x00b",
        "newline in a name": "a\nb",
        "lone surrogate": "a\ud800",
        "text direction": "a\u202eb",
        "long name": "x" * 1000,
        "huge name": "x" * 60_000,
    }
    for title, name in names.items():
        yield title, "bad_metric", _values(at, {name: 1})


def _times() -> Iterator[tuple[str, str, bytes]]:
    values = {METRIC: 1}
    for text in ("2026-11-20T12:00:00", "2026-11-20"):
        yield f"no offset {text}", "naive_time", _values(text, values)
    wrong = [
        "yesterday", "", "2026-13-45T00:00:00Z", "300000-01-01T00:00:00Z", "1763600",
        True, False, -1, -1.5, 10**17, 10**30, 1e300, {"s": 1}, [1763600000],
    ]  # fmt: skip
    for moment in wrong:
        yield f"time {str(moment)[:20]!r}", "bad_time", _values(moment, values)
    yield "NaN time", "not_finite", b'{"ts": NaN, "values": {"a": 1}}'
    yield "infinite time", "bad_time", b'{"ts": 1e400, "values": {"a": 1}}'
    yield "zero time", "time_too_old", _values(0, values)
    yield "1970", "time_too_old", _values("1970-01-01T00:00:01Z", values)
    yield "year 1", "time_too_old", _values("0001-01-01T00:00:00+14:00", values)
    yield "year 9999", "time_in_future", _values("9999-12-31T23:59:59Z", values)
    yield "year 5000", "time_in_future", _values(95_617_584_000, values)


def _message_pack(at: int) -> Iterator[tuple[str, str, bytes]]:
    def packed(value: object) -> bytes:
        return msgpack.packb({"ts": at, "values": {METRIC: value}})

    yield "packed NaN", "not_finite", packed(float("nan"))
    yield "packed infinity", "not_finite", packed(float("-inf"))
    yield "packed 64 bits", "out_of_range", packed(2**64 - 1)
    yield "packed nil", "null_value", packed(None)
    yield "packed text", "not_a_number", packed("23.5")
    yield "packed bytes", "not_a_number", packed(b"\x01\x02")
    yield "packed extension", "not_a_number", packed(msgpack.ExtType(42, b"\x00" * 8))
    yield (
        "packed time",
        "time_too_old",
        msgpack.packb({"ts": msgpack.Timestamp(1), "values": {"a": 1}}),
    )
    yield "number as name", "bad_metric", msgpack.packb({"ts": at, "values": {1: 2.0}})
    yield "map as name", "bad_payload", b"\x81\x81\x01\x02\x03"
    yield "only an extension", "no_object", msgpack.packb(msgpack.ExtType(5, b"\x00"))
    yield "only nil", "no_object", b"\xc0"
    yield "byte never used", "bad_payload", b"\xc1"
    yield "packed and cut", "bad_payload", packed(1.5)[:-3]
    yield "bytes after the end", "bad_payload", packed(1.5) + b"\x00"
    yield "list of 4 billion", "bad_payload", b"\xdd\xff\xff\xff\xff\x01"
    yield "map of 4 billion", "bad_payload", b"\xdf\xff\xff\xff\xff\xa1a\x01"
    yield "text of 4 GiB", "bad_payload", b"\xdb\xff\xff\xff\xffabc"
    yield "bytes of 4 GiB", "bad_payload", b"\xc6\xff\xff\xff\xffabc"
    yield "packed deep lists", "bad_payload", b"\x91" * DEEP + b"\x01"
    yield "packed deep maps", "bad_payload", b"\x81\xa1a" * (DEEP // 2) + b"\x01"
    yield "packed text not UTF-8", "bad_payload", b"\x81\xa1\xff\x01"


def _in_part(topic: str, device: str, at: int) -> Iterator[Poison]:
    """Messages of which a part is good: the good part is stored, all of it is kept."""

    def poison(name: str, reason: str, data: bytes, moment: int, *metrics: str) -> Poison:
        points: dict[Key, float] = {(device, metric, moment): 1.0 for metric in metrics}
        return Poison(name, reason, Message(topic, data, points))

    yield poison(
        "cut after a value",
        "partial_json",
        b'{"ts": %d, "values": {"voltage_l1": 1.0, "voltage_l2": 2' % (at + 1),
        at + 1,
        "voltage_l1",
    )
    yield poison(
        "one bad value",
        "not_a_number",
        b'{"ts": %d, "values": {"voltage_l1": 1.0, "voltage_l2": "2"}}' % (at + 2),
        at + 2,
        "voltage_l1",
    )
    yield poison(
        "one bad reading",
        "bad_time",
        b'[{"ts": %d, "voltage_l1": 1.0}, {"ts": "never", "voltage_l1": 1.0}]' % (at + 3),
        at + 3,
        "voltage_l1",
    )


def _topics(fleet: Fleet, device: str) -> Iterator[tuple[str, str]]:
    prefix, stranger = fleet.prefix, uuid.uuid4()
    yield f"{prefix}/data/device/timeseries", "reserved_segment"
    yield f"{prefix}/data/raw/timeseries", "reserved_segment"
    yield f"{prefix}/data/device/raw", "reserved_segment"
    yield f"{prefix}/data/device//main", "unsafe_segment"
    yield f"{prefix}/data/device/../main", "unsafe_segment"
    yield f"{prefix}/data/device/{device}/a..b", "unsafe_segment"
    yield f"{prefix}/data/device/{device}/a b", "unsafe_segment"
    yield f"{prefix}/data/device/ölçer/main", "unsafe_segment"
    yield f"{prefix}/data/device/{'x' * 65}", "unsafe_segment"
    yield f"{prefix}/data/device/-{device}", "unsafe_segment"
    yield f"{prefix}/data/device/{'x' * 600}", "topic_too_long"
    yield f"{prefix}/data/device/nobody/main", "unknown_device"
    yield f"{prefix}/data/timeseries", "unknown_device"  # this gateway has no readings of its own
    yield f"{prefix}/data/device/{device}/main/more", "unknown_topic"
    yield f"{prefix}/anything/else", "unknown_topic"
    yield f"tenant/{stranger}/gw/{fleet.gateway}/data/device/{device}", "foreign_tenant"
    yield f"tenant/red/gw/{fleet.gateway}/data/device/{device}", "bad_tenant_id"
    yield f"tenant/{fleet.tenant}/gw/{stranger}/data/device/{device}", "unknown_gateway"
    yield f"tenant/{fleet.tenant}/gw/timeseries/data/device/{device}", "reserved_segment"
    yield f"tenant/{fleet.tenant}", "unknown_topic"
    yield f"devices/{stranger}/power", "unknown_device"
    yield "devices/meter-1/power", "bad_device_id"
    yield f"devices/{stranger}", "unknown_topic"


def _statuses(fleet: Fleet) -> Iterator[Poison]:
    topic = f"{fleet.prefix}/reported/status"
    for data in (b'{"status": "dancing"}', b'{"state": "online"}', b"\xff\xfe", b"", b"[]", b"{"):
        yield Poison(f"status {data!r}", "bad_status", Message(topic, data))
