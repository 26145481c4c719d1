"""Topic grammar: S0.29-S0.36, S0.38, S0.42-S0.44, S2.2, S18."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.inbound.topics import Kind
from devices.topic_segments import is_safe_segment
from telemetry.ingest.topics import Family, TopicError, parse_topic

TENANT = uuid.UUID("0191f0d2-0000-7000-8000-000000000001")
DEVICE = uuid.UUID("0191f0d2-0000-7000-8000-000000000002")
GATEWAY = f"tenant/{TENANT}/gw/gw-1"


@pytest.mark.parametrize(
    ("rest", "device", "group"),
    [
        ("data/device/meter-1/power", "meter-1", "power"),
        ("data/device/meter-1", "meter-1", ""),
        ("data/raw/meter-1", "meter-1", ""),
        ("data/raw/meter-1/block-2", "meter-1", "block-2"),
        ("data/meter-1/timeseries", "meter-1", ""),
        ("data/timeseries", None, ""),
        ("telemetry", None, ""),
        ("telemetry/meter-1", "meter-1", ""),
    ],
)
def test_reads_every_telemetry_topic_of_a_gateway(rest, device, group):
    route = parse_topic(f"{GATEWAY}/{rest}")

    assert route.family is Family.READINGS
    assert (route.tenant_id, route.gateway_uid) == (TENANT, "gw-1")
    assert (route.device_uid, route.group) == (device, group)


def test_reads_the_status_topic():
    route = parse_topic(f"{GATEWAY}/reported/status")

    assert route.family is Family.MESSAGE
    assert route.message is not None
    assert route.message.kind is Kind.STATUS


def test_reads_the_metric_topic_of_a_direct_device():
    route = parse_topic(f"devices/{DEVICE}/temperature")

    assert route.family is Family.METRIC
    assert (route.device_id, route.metric) == (DEVICE, "temperature")


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (f"{GATEWAY}/data/device/timeseries", "reserved_segment"),
        (f"{GATEWAY}/data/raw/timeseries", "reserved_segment"),
        (f"{GATEWAY}/data/device/raw", "reserved_segment"),
        (f"{GATEWAY}/telemetry/device", "reserved_segment"),
        (f"{GATEWAY}/data", "unknown_topic"),
        (f"{GATEWAY}/data/device/a/b/c", "unknown_topic"),
        (f"{GATEWAY}/evt/rumour", "unknown_topic"),
        ("tenant/not-a-uuid/gw/x/telemetry", "bad_tenant_id"),
        ("devices/42/temperature", "bad_device_id"),
        (f"devices/{DEVICE}/a/b", "unknown_topic"),
        (f"{GATEWAY}/data/device/../telemetry", "unsafe_segment"),
        (f"{GATEWAY}/data/device/a..b", "unsafe_segment"),
        (f"{GATEWAY}/data/device/+", "unsafe_segment"),
        (f"{GATEWAY}/data/device/#", "unsafe_segment"),
        (f"{GATEWAY}//telemetry", "unsafe_segment"),
        (f"/{GATEWAY}/telemetry", "unsafe_segment"),
        (f"{GATEWAY}/data/device/a b", "unsafe_segment"),
        (f"{GATEWAY}/data/device/a\x00", "unsafe_segment"),
        (f"{GATEWAY}/data/device/" + "a" * 65, "unsafe_segment"),
        ("x/" * 400, "topic_too_long"),
        ("", "unsafe_segment"),
    ],
)
def test_refuses_with_a_reason(topic, code):
    with pytest.raises(TopicError) as error:
        parse_topic(topic)

    assert error.value.code == code


@given(st.text(max_size=600))
def test_any_text_is_understood_or_refused(topic):
    try:
        parse_topic(topic)
    except TopicError as error:
        assert error.code
        assert str(error)


@given(st.text(max_size=80))
def test_a_safe_segment_never_changes_the_meaning_of_a_topic(segment):
    if is_safe_segment(segment):
        assert not set(segment) & set("+#/\x00 ")
        assert ".." not in segment
        assert len(f"a/{segment}/b".split("/")) == 3
