"""Whatever comes, and whatever somebody writes: an answer or a refusal, and soon."""

import datetime as dt
import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.decoding import formats
from telemetry.decoding.errors import MappingError
from telemetry.decoding.mapping import bind_first, compile_mapping
from telemetry.decoding.shipped import shipped_mappings
from telemetry.decoding.topics import compile_topic
from telemetry.ingest.decode import DecodeError
from tests.decoding.real import recordings

NOW_US = 1_795_000_000_000_000
WORDS = ("tele", "stat", "SENSOR", "STATE", "LWT", "shellies", "emeter", "0", "power", "status",
         "switch:0", "events", "rpc", "zigbee2mqtt", "N", "Ac", "v1", "gateway", "telemetry",
         "emon", "deye", "home", "sensor", "state", "wmbusmeters", "x y", "", "ä")  # fmt: skip
TOPICS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("/".join)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["ON", "online", "unavailable", "12,5", "2023-05-19T20:52:56"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["Time", "ENERGY", "Power", "Total", "value", "params", "switch:0", "ts",
                         "apower", "method", "emeters", "Body", "Data", "Head", "values"])
        | st.text(max_size=4),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


def decode_all(topic, payload):
    bound = bind_first([list(shipped_mappings().values())], topic)
    if bound is None:
        return []
    try:
        return bound.decode(payload, NOW_US, dt.UTC)
    except DecodeError:
        return []


def check(readings):
    for reading in readings:
        assert all(math.isfinite(value) for value in reading.values.values())
        assert reading.raw_time is None or reading.raw_time.tzinfo is not None
        names = [template.name for template in reading.templates]
        assert len(names) == len(set(names))
        assert all(len(name) <= 64 for name in names)


@settings(max_examples=300, deadline=None)
@given(TOPICS, st.binary(max_size=200))
def test_no_bytes_break_it(topic, payload):
    check(decode_all(topic, payload))


@settings(max_examples=300, deadline=None)
@given(TOPICS, DOCUMENTS)
def test_no_document_breaks_it(topic, document):
    check(decode_all(topic, json.dumps(document).encode()))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(recordings() or [None]), st.data())
def test_no_damage_to_a_real_payload_breaks_it(recording, data):
    if recording is None:
        return
    payload = bytearray(recording.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        if payload:
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))

    check(decode_all(recording.topic, bytes(payload[:cut])))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(formats.NAMES)), st.binary(max_size=300))
def test_every_format_answers_or_refuses(form, payload):
    spec = {"topics": [{"topic": "t", "format": form,
                        "values": [{"path": "{key}", "channel": "{key}", "otherwise": True}]
                        if form in formats.DOCUMENTS else
                        [{"obis": "{key}", "channel": "{key}", "otherwise": True}]}]}  # fmt: skip
    try:
        check(compile_mapping(spec).decode("t", payload, NOW_US, dt.UTC))
    except DecodeError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["topics", "mask", "parts"]), DOCUMENTS) | DOCUMENTS)
def test_no_mapping_breaks_the_compiler(spec):
    try:
        compile_mapping(spec)
    except MappingError:
        pass


RULE = st.fixed_dictionaries(
    {"topic": st.text(max_size=12) | TOPICS},
    optional={
        "format": st.sampled_from([*formats.NAMES, "xml"]),
        "each": st.text(alphabet='ab.[]{}*"0:', max_size=10),
        "device": st.text(alphabet="ab{}_/", max_size=8),
        "values": st.lists(
            st.fixed_dictionaries(
                {
                    "path": st.text(alphabet='ab.[]{}*"0:@', max_size=12),
                    "channel": st.text(alphabet="ab{}_/", max_size=8),
                },
                optional={"unit": st.sampled_from(["W", "V", "no"]), "scale": st.floats()},
            ),
            max_size=3,
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(RULE, DOCUMENTS)
def test_any_mapping_that_compiles_decodes_or_refuses(rule, document):
    try:
        mapping = compile_mapping({"topics": [rule]})
        mapping.decode(rule["topic"], json.dumps(document).encode(), NOW_US, dt.UTC)
    except (MappingError, DecodeError):
        pass


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "{x}", "p{y}s"]), min_size=1, max_size=5), st.data())
def test_a_pattern_matches_what_it_was_made_of(levels, data):
    seen: dict[str, str] = {}
    topic = []
    for level in levels:
        for name in ("x", "y"):
            if f"{{{name}}}" in level:
                word = seen.setdefault(name, data.draw(st.text("mnz", min_size=1, max_size=3)))
                level = level.replace(f"{{{name}}}", word)
        topic.append(level)

    assert compile_topic("/".join(levels), "").match("/".join(topic)) == seen


AT_MOST = 10.0  # seconds; what grows with the power of the input takes hours


def timed(mapping, payload, topic="t"):
    started = time.process_time()
    with pytest.raises(DecodeError):
        mapping.decode(topic, payload, NOW_US, dt.UTC)
    return time.process_time() - started


def one_value(path):
    return compile_mapping({"topics": [{"topic": "t", "values": [{"path": path, "channel": "x"}]}]})


def test_wildcards_cannot_be_multiplied():
    document = 1
    for width in (60, *[2] * 11):
        document = [document] * width

    assert timed(one_value("[*]" * 12), json.dumps(document).encode()) < AT_MOST


def test_many_captures_take_linear_time():
    pattern = "a{a}a{b}a{c}a{d}a{e}a{f}a{g}a{h}z"
    mapping = compile_mapping({"topics": [{"topic": pattern, "ignore": True}]})

    started = time.process_time()
    for _ in range(100):
        assert mapping.match("a" * 500) is None
    assert time.process_time() - started < AT_MOST


def test_deep_documents_are_refused():
    mapping = one_value("a")

    assert timed(mapping, b"[" * 60_000) < 1
    assert timed(mapping, b'{"a":' * 5_000 + b"1" + b"}" * 5_000) < 1
