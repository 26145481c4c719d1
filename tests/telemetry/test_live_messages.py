"""What clients may send."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.live.messages import (
    Acknowledge,
    BadMessage,
    NotJson,
    Ping,
    Subscribe,
    Unsubscribe,
    decode_message,
)

DEVICE = uuid.UUID("0b0e0f7a-6a3e-4b41-9f4e-0d6c1f3f2a11")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{{"type":"sub","id":"a","devices":["{DEVICE}"]}}', Subscribe("a", devices=[DEVICE])),
        ('{"type":"sub","id":1,"tenant":true}', Subscribe(1, tenant=True)),
        (
            f'{{"type":"sub","id":"a","tenant":"{DEVICE}","rate_ms":100}}',
            Subscribe("a", tenant=DEVICE, rate_ms=100),
        ),
        (
            f'{{"type":"sub","id":"a","sites":["{DEVICE}"],"metrics":["power"],"since_seq":4}}',
            Subscribe("a", sites=[DEVICE], metrics=["power"], since_seq=4),
        ),
        ('{"type":"unsub","id":"a"}', Unsubscribe("a")),
        ('{"type":"ack","n":3}', Acknowledge(3)),
        ('{"type":"ping"}', Ping()),
        ('{"id":7,"type":"ping"}', Ping(7)),
    ],
)
def test_messages_of_the_protocol(text, message):
    assert decode_message(text) == message


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ('{"type":"sub","id":"a","rate_ms":99}', "a"),
        ('{"type":"sub","id":"a","devices":["no uuid"]}', "a"),
        ('{"type":"sub","id":"a","colour":"red"}', "a"),
        ('{"type":"sub"}', None),
        ('{"type":"sub","id":[1]}', None),
        ('{"type":"sub","id":true}', None),
        ('{"type":"ack","n":-1}', None),
        ('{"type":"ack","n":"1"}', None),
        ('{"type":"auth","id":3,"token":"x"}', 3),
        ('{"type":"nonsense"}', None),
        ("{}", None),
    ],
)
def test_json_that_is_no_message_is_answered_with_its_id(text, message_id):
    with pytest.raises(BadMessage) as caught:
        decode_message(text)

    assert caught.value.id == message_id


@pytest.mark.parametrize(
    "text", ["", "{", "hello", "[]", "null", '"sub"', "NaN", '{"type":', "[" * 5000, '{"a":\ud800}']
)
def test_anything_else_is_not_json(text):
    with pytest.raises(NotJson):
        decode_message(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "id", "n", "devices", "tenant"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_json_breaks_the_decoder(document):
    try:
        decode_message(json.dumps(document))
    except (BadMessage, NotJson):
        pass


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ({"devices": [DEVICE]}, True),
        ({"sites": [DEVICE]}, True),
        ({"tenant": True}, True),
        ({}, False),
        ({"devices": []}, False),
        ({"tenant": False}, False),
        ({"devices": [DEVICE], "tenant": True}, False),
    ],
)
def test_a_subscription_names_one_target(target, is_one):
    assert Subscribe("a", **target).names_one_target() is is_one
