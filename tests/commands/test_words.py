"""Codes of commands and events are told in words."""

from __future__ import annotations

import pytest

from devices.command_states import PUBLIC_STATES
from devices.command_words import (
    CHECK_NAMES,
    PUBLIC_NAMES,
    actor_name,
    skip_reason,
    state_name,
    step_reason,
)
from devices.event_words import describe_event
from devices.models import DeviceEvent


def test_every_public_state_has_a_name() -> None:
    assert set(PUBLIC_NAMES) == set(PUBLIC_STATES)


def test_every_check_of_safety_has_a_name() -> None:
    from inspect import getsource
    from re import findall

    from devices import safety

    assert set(findall(r'Check\(\s*"(\w+)"', getsource(safety))) <= set(CHECK_NAMES)


@pytest.mark.parametrize(
    ("code", "detail", "words"),
    [
        ("no_answer", "", "The device did not answer in time."),
        ("unsendable", "too long", "The broker does not take it. too long"),
        ("E42", "jammed", "E42 jammed"),
        ("", "", ""),
    ],
)
def test_a_step_says_why(code: str, detail: str, words: str) -> None:
    assert step_reason(code, detail) == words


def test_people_keep_their_names_in_the_course() -> None:
    assert actor_name("ayse@example.org") == "ayse@example.org"
    assert actor_name("clock") == "Clock"
    assert state_name("ack") == "Accepted by the device"


@pytest.mark.parametrize(
    ("code", "detail", "words"),
    [
        ("permission_denied", "stored text", "You may not control this device."),
        ("decommissioned", "stored", "The device is decommissioned. Register it again to use it."),
        ("dose_too_large", "700 ml asked", "700 ml asked"),
        ("out_of_range", "", "out_of_range"),
    ],
)
def test_skipped_because(code: str, detail: str, words: str) -> None:
    assert skip_reason(code, detail) == words


@pytest.mark.parametrize(
    ("kind", "code", "message", "detail", "words"),
    [
        ("presence", "OFFLINE", "", {}, "It does not report any more."),
        ("alarm", "OFFLINE", "Line 3 is open", {}, "Line 3 is open"),
        ("telemetry", "READINGS_LOST_7", "", {"missing": 12},
         "12 readings did not come and will not."),
        ("configuration", "REFUSED", "E7 no pin", {"revision": 4},
         "It refused revision 4 of its settings. E7 no pin"),
        ("certificate", "CERTIFICATE_ENDS_7D", "long ago", {"serial": "AB"},
         "The certificate AB ends within 7 days: renew it."),
        ("campaign", "HASH_MISMATCH", "", {}, "What it loaded is not what was offered."),
        ("campaign", "DONE", "", {}, "The campaign is done."),
        ("campaign", "E99", "odd", {}, "odd"),
    ],
)  # fmt: skip
def test_an_event_is_a_sentence(kind, code, message, detail, words) -> None:
    event = DeviceEvent(kind=kind, code=code, message=message, detail=detail)

    assert describe_event(event) == words
