"""Four dialects on one broker: every topic has exactly one meaning, or none."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.downlink import is_down
from devices.inbound.topics import PATTERNS, Kind
from devices.services.gateways import RESERVED_USERNAMES
from devices.topic_segments import RESERVED_SEGMENTS, SEGMENT_PATTERN
from telemetry.ingest.topics import Family, TopicError, parse_topic

T = uuid.UUID("0191f0d2-0000-7000-8000-000000000001")
D = uuid.UUID("0191f0d2-0000-7000-8000-000000000002")
GW = f"tenant/{T}/gw/gw-1"

# topic → family, device (or metric), group; None: nobody may use it, with the reason
MEANINGS: list[tuple[str, Family | Kind | str, str | None, str]] = [
    # S0: the literal word wins, read from the left
    (f"{GW}/data/device/m1", Family.READINGS, "m1", ""),
    (f"{GW}/data/device/m1/power", Family.READINGS, "m1", "power"),
    (f"{GW}/data/m1/timeseries", Family.READINGS, "m1", ""),
    (f"{GW}/data/device/m1/timeseries", Family.READINGS, "m1", "timeseries"),
    (f"{GW}/data/timeseries", Family.READINGS, None, ""),
    (f"{GW}/data/device/timeseries", "reserved_segment", None, ""),
    (f"{GW}/data/raw/timeseries", "reserved_segment", None, ""),
    (f"{GW}/data/raw/device", "reserved_segment", None, ""),
    (f"{GW}/telemetry", Family.READINGS, None, ""),
    (f"{GW}/telemetry/m1", Family.READINGS, "m1", ""),
    (f"{GW}/telemetry/raw", "reserved_segment", None, ""),
    (f"{GW}/reported/status", Kind.STATUS, None, ""),
    (f"{GW}/reported/telemetry", "unknown_topic", None, ""),
    # a gateway may be called like a word of another dialect
    (f"tenant/{T}/gw/esp/telemetry/sensor", Family.READINGS, "sensor", ""),
    (f"tenant/{T}/gw/time/telemetry", Family.READINGS, None, ""),
    # S2: an answer and a status win over a metric of that name
    (f"devices/{D}/temperature", Family.METRIC, "temperature", ""),
    (f"devices/{D}/status", Kind.COMMAND_ANSWER, None, ""),
    (f"devices/{D}/reported", Family.METRIC, "reported", ""),
    (f"devices/{D}/reported/status", Kind.STATUS, None, ""),
    (f"devices/{D}/raw", "reserved_segment", None, ""),
    ("devices/gw-1/temperature", "bad_device_id", None, ""),
    # S3: words alternate with names, so no name can be taken for a word
    ("kaiser/gw-1/esp/e1/sensor/34/data", Family.KAISER, "e1", "34"),
    ("kaiser/esp/esp/sensor/sensor/data/data", Family.KAISER, "sensor", "data"),
    ("kaiser/gw-1/esp/e1/actuator/34/data", "unknown_topic", None, ""),
    ("kaiser/gw-1/esp/e1/actuator/34/status", Kind.ACTUATOR_STATUS, "e1", ""),
    ("kaiser/gw-1/esp/e1/sensor/34/status", "unknown_topic", None, ""),
    ("kaiser/gw-1/esp/e1/system/heartbeat", Kind.HEARTBEAT, "e1", ""),
    ("kaiser/gw-1/esp/raw/sensor/34/data", "reserved_segment", None, ""),
    ("kaiser/gw-1/esp/e1/sensor/34/data/more", "unknown_topic", None, ""),
    # S4: the number of words and the last word decide
    ("hydro/gw-1/z1/n1/ph/telemetry", Family.HYDRO, "n1", "ph"),
    ("hydro/gw-1/z1/n1/telemetry", "unknown_topic", None, ""),
    ("hydro/gw-1/z1/n1/status", Kind.STATUS, "n1", ""),
    ("hydro/gw-1/z1/n1/status/telemetry", Family.HYDRO, "n1", "status"),
    ("hydro/gw-1/z1/n1/heartbeat", Kind.HEARTBEAT, "n1", ""),
    ("hydro/gw-1/z1/n1/error", Kind.ERROR, "n1", ""),
    ("hydro/gw-1/telemetry/telemetry/telemetry/telemetry", Family.HYDRO, "telemetry", "telemetry"),
    ("hydro/gw-1/z1/n1/ph/command_response", Kind.COMMAND_ANSWER, "n1", ""),
    ("hydro/time/request", Kind.TIME_REQUEST, None, ""),
    ("hydro/gw-1/request", "unknown_topic", None, ""),
    ("hydro/node_hello", Kind.NODE_HELLO, None, ""),
    ("hydro/gw-1/node_hello", Kind.NODE_HELLO, None, ""),
    ("hydro/gw-1/z1/device/ph/telemetry", "reserved_segment", None, ""),
    # a dialect is not another one's prefix
    (f"tenant/{T}/gw/gw-1/kaiser/gw-1/esp/e1/sensor/34/data", "unknown_topic", None, ""),
    ("KAISER/gw-1/esp/e1/sensor/34/data", "unknown_topic", None, ""),
    ("/hydro/gw-1/z1/n1/ph/telemetry", "unsafe_segment", None, ""),
    ("hydro/+/z1/n1/ph/telemetry", "unsafe_segment", None, ""),
]


@pytest.mark.parametrize(("topic", "meaning", "device", "group"), MEANINGS)
def test_means(topic: str, meaning: Family | Kind | str, device: str | None, group: str) -> None:
    if not isinstance(meaning, Family | Kind):
        with pytest.raises(TopicError) as refused:
            parse_topic(topic)
        assert refused.value.code == meaning
        return
    route = parse_topic(topic)

    found = route.message.kind if route.message else route.family
    assert found == meaning
    assert (route.metric if found is Family.METRIC else route.device_uid) == device
    assert route.group == group


# every form of a topic that carries something, as a pattern of its own
NAME = f"(?:{SEGMENT_PATTERN})"
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
READINGS = {
    "data/device": f"tenant/{UUID}/gw/{NAME}/data/(?:device|raw)/{NAME}(?:/{NAME})?",
    "data/timeseries": f"tenant/{UUID}/gw/{NAME}/data/timeseries",
    "data/*/timeseries": (
        f"tenant/{UUID}/gw/{NAME}/data/(?!(?:device|raw|timeseries)/){NAME}/timeseries"
    ),
    "telemetry": f"tenant/{UUID}/gw/{NAME}/telemetry(?:/{NAME})?",
    "metric": f"devices/{UUID}/(?!status$){NAME}",
    "kaiser": f"kaiser/{NAME}/esp/{NAME}/sensor/{NAME}/data",
    "hydro": f"hydro/{NAME}/{NAME}/{NAME}/{NAME}/telemetry",
}
MESSAGES = {
    pattern: re.sub(
        r"\\\{(\w+?)(\\\*)?\\\}",
        lambda found: (
            ".+" if found.group(2) else UUID if found.group(1) in ("tenant", "device_id") else NAME
        ),
        re.escape(pattern),
    )
    for _, pattern, _ in PATTERNS
}
FORMS = {name: re.compile(form) for name, form in {**READINGS, **MESSAGES}.items()}
WORDS = sorted(
    {word for _, pattern, _ in PATTERNS for word in pattern.split("/") if "{" not in word and word}
    | {"data", "device", "raw", "timeseries", "telemetry", "sensor", "34", "gw-1", "z1"}
    | {str(T), "processed", "command", "ph"}
)  # fmt: skip
topics = st.lists(st.sampled_from(WORDS), min_size=2, max_size=8).map("/".join)
near_topics = st.sampled_from([row[0] for row in MEANINGS]).flatmap(
    lambda topic: st.tuples(
        st.just(topic.split("/")), st.integers(0, 7), st.sampled_from(WORDS)
    ).map(lambda it: "/".join([*it[0][: it[1]], it[2], *it[0][it[1] + 1 :]]))
)


@given(topics | near_topics)
def test_no_topic_has_two_meanings(topic: str) -> None:
    forms = [name for name, form in FORMS.items() if form.fullmatch(topic)]
    try:
        parse_topic(topic)
    except TopicError as error:
        # known by its form only where a word is reserved or starts another form of message
        assert not forms or error.code == "reserved_segment", (forms, error.code)
        return
    assert len(forms) == 1, forms


@given(topics | near_topics)
def test_what_we_say_is_never_taken_for_what_devices_say(topic: str) -> None:
    if is_down(topic):
        with pytest.raises(TopicError):
            parse_topic(topic)


def test_words_that_stand_for_all_name_no_gateway() -> None:
    assert {"time", "node_hello"} <= RESERVED_USERNAMES
    assert {"device", "raw", "timeseries"} == RESERVED_SEGMENTS
