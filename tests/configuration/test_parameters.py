"""What a configuration may contain, and what differs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.config_diff import changes, differences
from devices.parameters import check_configuration

PARAMETERS = [
    {"name": "interval_s", "type": "integer", "min": 5, "max": 3600, "required": True,
     "unit": "s"},
    {"name": "gain", "type": "number"},
    {"name": "mode", "type": "choice", "choices": ["eco", "fast"]},
    {"name": "buzzer", "type": "boolean"},
    {"name": "channels", "type": "list", "max": 2, "fields": [
        {"name": "gpio", "type": "gpio", "required": True},
        {"name": "sensor", "type": "sensor_type", "choices": ["ds18b20", "sht31"]},
    ]},
]  # fmt: skip


def codes(body):
    return [(problem.code, problem.path) for problem in check_configuration(body, PARAMETERS)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"interval_s": 10}, []),
        ({"interval_s": 10, "gain": 1, "mode": "eco", "buzzer": False}, []),
        ({"interval_s": 10, "channels": [{"gpio": 4, "sensor": "sht31"}]}, []),
        ({}, [("MISSING_REQUIRED_FIELD", "interval_s")]),
        ({"interval_s": 1}, [("INVALID_PAYLOAD_FORMAT", "interval_s")]),
        ({"interval_s": 10.5}, [("INVALID_PAYLOAD_FORMAT", "interval_s")]),
        ({"interval_s": True}, [("INVALID_PAYLOAD_FORMAT", "interval_s")]),
        ({"interval_s": "10"}, [("INVALID_PAYLOAD_FORMAT", "interval_s")]),
        ({"interval_s": 10, "gain": float("nan")}, [("INVALID_PAYLOAD_FORMAT", "gain")]),
        ({"interval_s": 10, "mode": "slow"}, [("INVALID_PAYLOAD_FORMAT", "mode")]),
        ({"interval_s": 10, "colour": 1}, [("INVALID_PAYLOAD_FORMAT", "colour")]),
        ({"interval_s": 10, "channels": {}}, [("INVALID_PAYLOAD_FORMAT", "channels")]),
        ({"interval_s": 10, "channels": [1]}, [("INVALID_PAYLOAD_FORMAT", "channels.0")]),
        ({"interval_s": 10, "channels": [{}]}, [("MISSING_REQUIRED_FIELD", "channels.0.gpio")]),
        ({"interval_s": 10, "channels": [{"gpio": 6}]}, [("INVALID_GPIO_PIN", "channels.0.gpio")]),
        (
            {"interval_s": 10, "channels": [{"gpio": "x"}]},
            [("INVALID_GPIO_PIN", "channels.0.gpio")],
        ),
        (
            {"interval_s": 10, "channels": [{"gpio": 4, "sensor": "nose"}]},
            [("INVALID_SENSOR_TYPE", "channels.0.sensor")],
        ),
        (
            {"interval_s": 10, "channels": [{"gpio": 4}] * 3},
            [("INVALID_PAYLOAD_FORMAT", "channels")],
        ),
    ],
)
def test_names_each_problem(body, expected):
    assert codes(body) == expected


def test_a_type_without_parameters_takes_any_object():
    assert check_configuration({"anything": [1, {"x": None}]}, []) == []


def paths(found):
    return [(difference.path, difference.desired, difference.reported) for difference in found]


def test_what_a_device_adds_by_itself_is_no_drift():
    assert differences({"a": 1}, {"a": 1.0, "default": 3}) == []


def test_drift_names_the_field():
    found = differences({"a": {"b": 1, "c": [1, 2]}, "d": True}, {"a": {"b": 2, "c": [1]}, "d": 1})

    assert paths(found) == [("a.b", 1, 2), ("a.c.1", 2, None), ("d", True, 1)]


def test_changes_go_both_ways():
    assert paths(changes({"a": 1, "b": 2}, {"b": 3, "c": 4})) == [
        ("b", 3, 2),
        ("c", 4, None),
        ("a", None, 1),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_differs_from_itself(value):
    assert differences(value, value) == []
    assert changes(value, value) == []


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_checking_never_fails(body):
    check_configuration(body, PARAMETERS)
