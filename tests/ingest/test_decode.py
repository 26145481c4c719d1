"""Payload shapes: S0.21, S0.29-S0.36, M15, R12."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.ingest.decode import DecodeError, decode, decode_usual
from telemetry.ingest.recovery import recover_json


def values_of(payload: bytes, metric: str = "") -> list[tuple[object, str | None, dict]]:
    """Return (time, device, values) of each reading."""
    decoded = decode(payload, metric=metric)
    return [(r.raw_time, r.device, r.values) for r in decoded.readings]


@pytest.mark.parametrize(
    ("payload", "metric", "expected"),
    [
        (b'{"ts": 5, "values": {"a": 1, "b": 2.5}}', "", [(5, None, {"a": 1.0, "b": 2.5})]),
        (b'{"ts": 5, "a": 1}', "", [(5, None, {"a": 1.0})]),
        (b'{"timestamp": "x", "a": 1}', "", [("x", None, {"a": 1.0})]),
        (b'{"ts": 5, "registers": {"40001": 7}}', "", [(5, None, {"40001": 7.0})]),
        (
            b'[{"ts": 1, "values": {"a": 1}}, {"ts": 2, "device": "m2", "values": {"a": 2}}]',
            "",
            [(1, None, {"a": 1.0}), (2, "m2", {"a": 2.0})],
        ),
        (
            b'{"ts": 9, "devices": {"m1": {"a": 1}, "m2": {"ts": 8, "a": 2}}}',
            "",
            [(9, "m1", {"a": 1.0}), (8, "m2", {"a": 2.0})],
        ),
        (b"23.5", "temperature", [(None, None, {"temperature": 23.5})]),
        (b'{"value": 23.5, "ts": 4}', "temperature", [(4, None, {"temperature": 23.5})]),
        (b'{"a": true}', "", [(None, None, {"a": 1.0})]),
        (
            msgspec.msgpack.encode({"ts": 5, "values": {"a": 1.5}}),
            "",
            [(5, None, {"a": 1.5})],
        ),
    ],
)
def test_reads(payload, metric, expected):
    assert values_of(payload, metric) == expected


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"hello", "bad_payload"),
        (b"{}", "no_values"),
        (b"[]", "no_values"),
        (b'{"a": NaN}', "not_finite"),
        (b'{"a": -Infinity}', "not_finite"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"values": {"a": 1, "a": 2}}', "duplicate_key"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * 20 + b"1" + b"]" * 20, "too_deep"),
        (b'{"a": "\xff"}', "bad_encoding"),
        (b"\xc1\xc1\xc1", "bad_payload"),
    ],
)
def test_refuses_with_a_reason(payload, code):
    with pytest.raises(DecodeError) as error:
        decode(payload)

    assert error.value.code == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('"12.5"', "not_a_number"),
        ("null", "null_value"),
        ("[1]", "not_a_number"),
        ('{"x": 1}', "not_a_number"),
    ],
)
def test_leaves_out_one_value_and_keeps_the_others(value, code):
    [reading] = decode(f'{{"good": 1, "odd": {value}}}'.encode()).readings

    assert reading.values == {"good": 1.0}
    assert [problem[0] for problem in reading.problems] == [code]


def test_the_short_way_sees_duplicate_keys():
    assert decode_usual(b'{"ts": 1, "values": {"a": 1, "b": 2}}') is not None
    assert decode_usual(b'{"ts":"2026-11-20T10:00:00Z","values":{"a":1}}') is not None
    assert decode_usual(b'{"ts": 1, "values": {"a": 1, "a": 2}}') is None
    assert decode_usual(b'{"ts": 1, "ts": 2, "values": {"a": 1}}') is None


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (b'{"ts":1,"values":{"a":1,"b":2,"c":3', {"ts": 1, "values": {"a": 1, "b": 2}}),
        (b'{"ts":1,"values":{"a":1.5,"b', {"ts": 1, "values": {"a": 1.5}}),
        (b'{"ts":1,"values":{"a":1}', {"ts": 1, "values": {"a": 1}}),
        (b'[{"ts":1,"a":1},{"ts":2,"a":2', [{"ts": 1, "a": 1}, {"ts": 2}]),
        (b'{"a,b}":1,"c":2,"d":"x,y', {"a,b}": 1, "c": 2}),
        (b'{"a":1', None),
        (b"plain", None),
        (b'{"a":1}}', None),
    ],
)
def test_recovers_only_what_is_certainly_whole(cut, expected):
    assert recover_json(cut) == expected


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 10**6), min_size=1),
    st.data(),
)
def test_a_recovered_value_is_always_a_true_one(values, data):
    text = json.dumps({"ts": 1, "values": values}).encode()
    cut = text[: data.draw(st.integers(1, len(text) - 1))]

    recovered = recover_json(cut)

    if recovered is not None and "values" in recovered:
        assert recovered["values"].items() <= values.items()


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(payload):
    try:
        decode(payload)
    except DecodeError as error:
        assert error.code


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_decoded_or_refused(document):
    try:
        decoded = decode(json.dumps(document).encode())
    except DecodeError as error:
        assert error.code
    else:
        for reading in decoded.readings:
            assert all(isinstance(value, float) for value in reading.values.values())


@given(json_values)
def test_any_messagepack_is_decoded_or_refused(document):
    try:
        payload = msgspec.msgpack.encode(document)
    except OverflowError:
        return
    try:
        decode(payload)
    except DecodeError as error:
        assert error.code
