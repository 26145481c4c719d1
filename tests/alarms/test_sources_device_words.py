"""What devices say about their alarms."""

import pytest

from alarms.sources.device_words import Said, alarm_key, read_event


@pytest.mark.parametrize(
    ("kind", "code", "severity", "detail", "said"),
    [
        ("alarm", "LEAK", "warning", {}, Said("LEAK", "LEAK", "", False)),
        ("alarm", "LEAK", "info", {}, None),
        ("presence", "OFFLINE", "warning", {}, None),
        ("alarm", "LEAK", "info", {"state": "cleared"}, Said("LEAK", "LEAK", "", True)),
        ("alarm", "LEAK", "critical", {"active": False}, Said("LEAK", "LEAK", "", True)),
        ("alarm", "LEAK", "warning", {"state": "active"}, Said("LEAK", "LEAK", "", False)),
        ("alarm", "LEAK", "warning", {"status": "RESOLVED"}, Said("LEAK", "LEAK", "", True)),
        ("alarm", "LEAK_CLEARED", "warning", {}, Said("LEAK", "LEAK", "", True)),
        ("alarm", "PUMP_OK", "info", {}, Said("PUMP", "PUMP", "", True)),
        ("alarm", "PUMP_OK", "error", {}, Said("PUMP_OK", "PUMP_OK", "", False)),
        ("alarm", "T", "error", {"dedupe_key": "a7"}, Said("T", "a7", "", False)),
        ("actuator_alert", "STUCK", "error", {"actuator": "5", "state": "off"},
         Said("STUCK", "STUCK", "5", False)),
        ("actuator_alert", "STUCK", "error", {"actuator": 5, "alarm_state": "off"},
         Said("STUCK", "STUCK", "5", True)),
        ("zigbee", "ZIGBEE_OFFLINE", "warning", {},
         Said("ZIGBEE_OFFLINE", "ZIGBEE_OFFLINE", "", False)),
        ("zigbee", "ZIGBEE_ONLINE", "info", {},
         Said("ZIGBEE_OFFLINE", "ZIGBEE_OFFLINE", "", True)),
    ],
)  # fmt: skip
def test_reads_what_is_said(kind, code, severity, detail, said):
    assert read_event(kind, code, severity, detail) == said


def test_a_long_code_keeps_its_own_key():
    keys = {
        alarm_key("d", "alarm", Said("X" * 250 + end, "X" * 250 + end, "", False)) for end in "ab"
    }

    assert len(keys) == 2
    assert {len(key) for key in keys} == {200}
