"""Revisions: made, pushed, answered for, taken back."""

import datetime as dt
import json

import pytest

from devices.inbound.message import BadMessage, Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import DeviceConfiguration, DeviceEvent, OutboundMessage, ReportedConfiguration
from devices.services.configuration import (
    InvalidConfiguration,
    LiveTime,
    RevisionMoved,
    UnknownRevision,
    end_live_configurations,
    push_configurations,
    revert_configuration,
    set_configuration,
)
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory

PARAMETERS = [{"name": "interval_s", "type": "integer", "min": 5, "max": 3600}]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def device(red):
    profile = DeviceProfileFactory(parameters=PARAMETERS)
    return DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)


@pytest.fixture
def desire(red, device):
    def set_to(seconds, *, at=NOW, **options):
        with red.scope():
            return set_configuration(
                device=device, body={"interval_s": seconds}, reason="commissioning",
                author=red.operator, now=at, **options,
            )  # fmt: skip

    return set_to


@pytest.fixture
def hear(device):
    def receive(what, payload, *, at=NOW):
        route = match_message(f"devices/{device.id}/{what}".split("/"))
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        handle(Inbound(route, body, at, device.tenant_id, None, device), now=at)

    return receive


def sent(topic=""):
    rows = OutboundMessage.objects.filter(topic__endswith=topic).order_by("id")
    return [json.loads(bytes(row.payload)) for row in rows]


def state(red, revision):
    with red.scope():
        return DeviceConfiguration.objects.get(revision=revision).state


def test_a_change_is_numbered_and_pushed(red, device, desire):
    first, second = desire(10), desire(20)

    assert (first.revision, second.revision) == (1, 2)
    assert state(red, 1) == "superseded"
    assert [(m["revision"], m["config"]) for m in sent(f"devices/{device.id}/down/config")] == [
        (1, {"interval_s": 10}),
        (2, {"interval_s": 20}),
    ]


def test_what_the_profile_forbids_never_leaves(red, desire):
    with pytest.raises(InvalidConfiguration) as refused:
        desire(1)

    assert [problem.code for problem in refused.value.problems] == ["INVALID_PAYLOAD_FORMAT"]
    assert sent() == []


def test_the_slower_of_two_authors_is_told(desire):
    desire(10, expected_revision=0)

    with pytest.raises(RevisionMoved):
        desire(20, expected_revision=0)


def test_a_report_that_names_the_revision_applies_it(red, desire, hear):
    desire(10)

    hear("reported/config", {"revision": 1, "config": {"interval_s": 10, "led": True}})

    assert state(red, 1) == "applied"


def test_an_older_report_changes_nothing(red, desire, hear):
    desire(10)
    hear("reported/config", {"interval_s": 10}, at=NOW + MINUTE)

    hear("reported/config", {"interval_s": 99}, at=NOW)

    with red.scope():
        assert ReportedConfiguration.objects.get().body == {"interval_s": 10}


def test_drift_leaves_one_event(red, desire, hear):
    desire(10)
    hear("reported/config", {"interval_s": 10})

    hear("reported/config", {"interval_s": 30}, at=NOW + MINUTE)
    hear("reported/config", {"interval_s": 30}, at=NOW + 2 * MINUTE)

    with red.scope():
        [event] = DeviceEvent.objects.filter(code="DRIFT")
    assert event.message == "interval_s"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [({"ack": True, "revision": 1}, "applied"), ({"ack": False, "error": "no"}, "refused")],
)
def test_a_raw_acknowledgement_answers_the_push(red, desire, hear, payload, expected):
    desire(10)

    hear("reported/rawconfig", payload)

    assert state(red, 1) == expected


def test_raw_text_is_kept_as_it_came(red, desire, hear):
    hear("reported/rawconfig", b'{"interval_s": 10}')
    hear("reported/rawconfig", b"\xff binary \x00 text")  # nothing to read, nothing to refuse

    with red.scope():
        assert ReportedConfiguration.objects.get().raw == '{"interval_s": 10}'


def answer(red, hear_topic, payload, device):
    route = match_message(f"kaiser/gw-1/esp/{device.uid}/config_response".split("/"))
    handle(
        Inbound(route, json.dumps(payload).encode(), NOW, device.tenant_id, None, device), now=NOW
    )


def test_a_refusal_of_the_device_is_told(red, device, desire):
    desire(10)

    answer(red, None, {"status": "error", "revision": 1, "error_code": "INVALID_GPIO_PIN"}, device)

    with red.scope():
        row = DeviceConfiguration.objects.get()
        assert (row.state, row.error_code) == ("refused", "INVALID_GPIO_PIN")
        assert DeviceEvent.objects.get(code="REFUSED").severity == "error"


def test_an_answer_for_an_old_revision_is_ignored(red, device, desire):
    desire(10)
    desire(20)

    answer(red, None, {"status": "success", "revision": 1}, device)

    assert state(red, 2) == "pending"


def test_an_answer_must_say_yes_or_no(red, device, desire):
    with pytest.raises(BadMessage) as refused:
        answer(red, None, {"status": "perhaps"}, device)

    assert refused.value.code == "bad_status"


def test_going_back_is_a_revision_of_its_own(red, device, desire):
    desire(10)
    desire(20)

    with red.scope():
        made = revert_configuration(
            device=device, revision=1, reason="too slow", author=red.operator, now=NOW
        )

    assert (made.revision, made.body) == (3, {"interval_s": 10})
    with red.scope(), pytest.raises(UnknownRevision):
        revert_configuration(device=device, revision=9, reason="", author=None, now=NOW)


def test_a_trial_takes_itself_back(red, desire):
    desire(10)
    desire(60, live_for=5 * MINUTE)
    desire(61, live_for=5 * MINUTE)

    assert end_live_configurations(now=NOW + 4 * MINUTE) == 0
    assert end_live_configurations(now=NOW + 6 * MINUTE) == 1

    with red.scope():
        newest = DeviceConfiguration.objects.order_by("-revision").first()
    assert (newest.revision, newest.body, newest.live_until) == (4, {"interval_s": 10}, None)


def test_a_decision_after_the_trial_stays(red, desire):
    desire(60, live_for=5 * MINUTE)
    desire(30)

    assert end_live_configurations(now=NOW + 6 * MINUTE) == 0
    assert state(red, 2) == "pending"


@pytest.mark.parametrize("length", [MINUTE / 2, 25 * 60 * MINUTE])
def test_a_trial_has_a_sensible_length(desire, length):
    with pytest.raises(LiveTime):
        desire(60, live_for=length)


def test_a_device_that_comes_back_is_told_again(red, device, desire, hear):
    desire(10)
    OutboundMessage.objects.all().delete()

    hear("reported/status", b"online", at=NOW + MINUTE)

    assert [message["revision"] for message in sent()] == [1]


def test_what_was_not_answered_is_pushed_again(red, device, desire):
    desire(10)
    with red.scope():
        device.last_seen_at = NOW
        device.save()

    assert push_configurations(now=NOW + 4 * MINUTE) == 0
    assert push_configurations(now=NOW + 6 * MINUTE) == 1
    assert [message["revision"] for message in sent()] == [1, 1]
