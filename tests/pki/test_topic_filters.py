"""Which filter is within another: the judgement that EMQX asks us for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from devices.topic_filters import may_publish, may_subscribe

WORDS = st.sampled_from(["a", "b", "", "x"])
TOPICS = st.lists(WORDS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.builds(
    lambda words, end: "/".join([*words, *end]),
    st.lists(st.sampled_from(["a", "b", "+", ""]), min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
).filter(bool)


@pytest.mark.parametrize(
    ("topic", "allowed", "expected"),
    [
        ("t/1/telemetry", "t/1/telemetry", True),
        ("t/1/telemetry/m", "t/1/telemetry", False),
        ("t/1/data/x/y", "t/1/data/#", True),
        ("t/1/data", "t/1/data/#", True),
        ("t/2/data/x", "t/1/data/#", False),
        ("d/1/x", "d/1/+", True),
        ("d/1/x/y", "d/1/+", False),
        ("d/1/", "d/1/+", True),
        ("t/1/data/+", "t/1/data/#", False),
        ("t/1/data/#", "t/1/data/#", False),
        ("t/1/data/\0", "t/1/data/#", False),
        ("", "#", False),
        ("$SYS/x", "#", False),
        ("a" * 65_536, "#", False),
        ("\ud800", "#", True),
    ],
)
def test_publishing(topic, allowed, expected):
    assert may_publish(topic, [allowed]) is expected


@pytest.mark.parametrize(
    ("wanted", "allowed", "expected"),
    [
        ("t/1/down/#", "t/1/down/#", True),
        ("t/1/down/+", "t/1/down/#", True),
        ("t/1/down/config", "t/1/down/#", True),
        ("t/1/down", "t/1/down/#", True),
        ("t/1/#", "t/1/down/#", False),
        ("t/+/down/#", "t/1/down/#", False),
        ("#", "t/1/down/#", False),
        ("d/1/+", "d/1/+", True),
        ("d/1/#", "d/1/+", False),
        ("d/+/x", "d/1/+", False),
        ("$share/g/t/1/down/#", "t/1/down/#", False),
        ("$share/g/#", "#", False),
        ("t/1/down/a+", "t/1/down/#", False),
        ("t/1/down/#/x", "t/1/down/#", False),
        ("", "#", False),
    ],
)
def test_subscribing(wanted, allowed, expected):
    assert may_subscribe(wanted, [allowed]) is expected


@given(topic=TOPICS, allowed=FILTERS)
def test_publishing_is_what_brokers_deliver(topic, allowed):
    assert may_publish(topic, [allowed]) == topic_matches_sub(allowed, topic)


@given(topic=TOPICS, wanted=FILTERS, allowed=FILTERS)
def test_an_allowed_filter_brings_nothing_that_is_not_allowed(topic, wanted, allowed):
    if may_subscribe(wanted, [allowed]) and topic_matches_sub(wanted, topic):
        assert topic_matches_sub(allowed, topic)
