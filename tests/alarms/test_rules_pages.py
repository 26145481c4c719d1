"""Pages of alarm rules: a rule written, tried and enabled as a form, without scripts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from alarms.models import AlarmRule
from alarms.queries.rules import newest_versions
from alarms.queries.scopes import Scope
from alarms.services.rules import Content, create_rule
from alarms.shipped import TEMPLATES
from devices.models import Device
from telemetry.models import VirtualChannel
from tests.conftest import Team
from tests.factories import (
    AlarmFactory,
    AlarmRuleFactory,
    AlarmRuleVersionFactory,
    ChannelFactory,
    DeviceFactory,
)
from tests.telemetry.samples import every, store_samples

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
SignIn = Callable[[User], Client]
MINUTE = dt.timedelta(minutes=1)
WARM = {"when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}, "for_seconds": 120}
GIVEN = {
    "name": "Too warm", "watches": "metric", "metric": "air_temp", "kind": "threshold",
    "above": "30", "clear_above": "28", "lasting_0": "2", "lasting_1": "60", "times": "1",
    "severity": "error", "text": "{value} {unit}", "advice": "Open a window", "do": "keep",
    "days": "30",
}  # fmt: skip


@pytest.fixture
def device(red: Team) -> Device:
    found: Device = DeviceFactory(tenant=red.tenant, name="Cellar", tags=["hall"])
    ChannelFactory(device=found, name="air_temp", unit="Cel")
    return found


@pytest.fixture
def client(red: Team, client_for: SignIn) -> Client:
    return client_for(red.owner)


def write(client: Client, rule: AlarmRule | None = None, **given: Any) -> Any:
    url = reverse("alarm-rule-edit", args=[rule.id]) if rule else reverse("alarm-rule-new")
    return client.post(url, {k: v for k, v in (GIVEN | given).items() if v is not None})


def definition_of(team: Team) -> dict[str, Any]:
    with team.scope():
        found: dict[str, Any] = newest_versions(AlarmRule.objects.all()).popitem()[1].definition
    return found


def test_a_rule_is_written_tried_and_enabled(
    red: Team, device: Device, client: Client, now: dt.datetime
) -> None:
    with red.scope():
        channel = device.channels.get()
    store_samples(channel, every(MINUTE, now - 90 * MINUTE, [20.0, *[31.5] * 5, 20.0]))

    tried = write(client, do="try")
    with red.scope():
        assert not AlarmRule.objects.exists()
    assert "Would have fired 1 time in the last 30 days." in tried.content.decode()
    assert "Cellar: Air temperature" in tried.content.decode()
    assert "31.5 °C" in tried.content.decode()

    made = write(client, do="enable")

    with red.scope():
        rule = AlarmRule.objects.get()
        assert (rule.is_enabled, rule.metric) == (True, "air_temp")
        version = newest_versions([rule])[rule.id]
        assert version.definition == WARM | {"severity": "error"}
        assert (version.text, version.advice) == ("{value} {unit}", "Open a window")
        assert version.made_by == red.owner
    page = client.get(made.headers["Location"]).content.decode()
    assert "Value above 30 °C, for 2 min; ends at or below 28 °C" in page
    again = client.get(f"{made.headers['Location']}?days=30").content.decode()
    assert "Would have fired 1 time" in again


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"kind": "rate", "above": "", "clear_above": "", "below": "-1,5"},
         {"when": {"kind": "rate", "below": -1.5}}),
        ({"kind": "last_week", "above": "20", "clear_above": ""},
         {"when": {"kind": "last_week", "above": 20.0}}),
        ({"kind": "state", "values": "2; 3,5"}, {"when": {"kind": "state", "values": [2.0, 3.5]}}),
        ({"kind": "no_data", "silence_0": "3", "silence_1": "60", "lasting_0": "9"},
         {"when": {"kind": "no_data", "seconds": 180}}),
        ({"times": "3", "clearing_0": "1", "clearing_1": "3600", "hold_0": "2",
          "hold_1": "86400", "clear_above": ""},
         {"when": {"kind": "threshold", "above": 30.0}, "times": 3, "clear_seconds": 3600,
          "hold_seconds": 172_800}),
        ({"clear_above": "", "slot1-days": ["1", "2"], "slot1-start": "22:00", "slot1-end": "06:00",
          "slot2-days": ["7"], "slot2-start": "", "slot2-end": "00:00"},
         {"when": {"kind": "threshold", "above": 30.0},
          "active": [{"days": [1, 2], "from": "22:00", "to": "06:00"},
                     {"days": [7], "from": "00:00", "to": "24:00"}]}),
    ],
)  # fmt: skip
def test_every_kind_is_written_and_read_again(
    red: Team, device: Device, client: Client, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = write(client, **({"lasting_0": ""} | given), severity="warning")

    assert answer.status_code == 302
    assert definition_of(red) == expected
    # the editor shows what was written: keeping it again changes nothing
    with red.scope():
        rule = AlarmRule.objects.get()
    form = client.get(reverse("alarm-rule-edit", args=[rule.id])).context["form"]
    same = {field.html_name: field.value() for slot in form.slots for field in slot}
    for field in form:
        value = field.value()
        widget = field.field.widget
        parts = widget.decompress(value) if hasattr(widget, "decompress") else None
        same |= {f"{field.html_name}_{n}": v for n, v in enumerate(parts)} if parts else {
            field.html_name: value
        }  # fmt: skip
    kept = client.post(
        reverse("alarm-rule-edit", args=[rule.id]),
        {k: v for k, v in same.items() if v is not None} | {"do": "keep"},
    )
    assert kept.status_code == 302
    with red.scope():
        assert newest_versions([rule])[rule.id].number == 1


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"above": "", "clear_above": ""}, "above", "Give a limit"),
        ({"clear_above": "31"}, "clear_above", "swap the two"),
        ({"above": "warm"}, "above", "Enter a number"),
        ({"text": "{oops}"}, "text", "{oops} is not known"),
        ({"metric": ""}, "metric", "Choose a channel"),
        ({"kind": "state", "values": "a"}, "values", "Write numbers"),
        ({"kind": "no_data", "silence_0": "1", "silence_1": "1"}, "silence", "10"),
        ({"watches": "expression"}, "formula", "Write a formula"),
        ({"lasting_0": "999999", "lasting_1": "86400"}, "lasting", "2592000"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    red: Team, device: Device, client: Client, given: dict[str, Any], field: str, words: str
) -> None:
    answer = write(client, **given)

    assert answer.status_code == 200
    assert words in str(answer.context["form"].errors[field])
    with red.scope():
        assert not AlarmRule.objects.exists()


def test_a_wrong_hour_is_said_at_its_slot(device: Device, client: Client) -> None:
    same = {"slot1-start": "06:00", "slot1-end": "06:00"}
    answer = write(client, **same)

    assert answer.status_code == 200
    assert "This slot is empty." in str(answer.context["form"].slots[0].errors["start"])


def test_a_formula_is_one_step(red: Team, device: Device, client: Client) -> None:
    keys = {
        name: ChannelFactory(device=device, name=f"power_{name}", unit="kW").id for name in "ab"
    }
    given = {
        "watches": "expression", "metric": "", "formula": "a - b", "unit": "kW",
        "name_1": "a", "channel_1": keys["a"], "name_2": "b", "channel_2": keys["b"],
    }  # fmt: skip

    assert write(client, **given).status_code == 302

    with red.scope():
        rule = AlarmRule.objects.get()
        assert VirtualChannel.objects.get().channel_id == rule.channel_id
    form = client.get(reverse("alarm-rule-edit", args=[rule.id])).context["form"]
    assert (form["watches"].value(), form["formula"].value()) == ("expression", "a - b")
    assert form["name_2"].value() == "b" and form["channel_2"].value() == keys["b"]
    write(client, rule, **given, above="31")
    with red.scope():
        assert VirtualChannel.objects.count() == 1
        assert newest_versions([rule])[rule.id].definition["when"]["above"] == 31.0


def test_a_scope_is_chosen_among_what_there_is(
    red: Team, blue: Team, device: Device, client: Client
) -> None:
    foreign = DeviceFactory(tenant=blue.tenant)

    assert write(client, device=str(foreign.id)).status_code == 200
    assert write(client, device=str(device.id), tag="hall").status_code == 302
    with red.scope():
        rule = AlarmRule.objects.get()
        assert (rule.device_id, rule.tag) == (device.id, "hall")


def test_a_rule_that_changed_meanwhile_is_not_overwritten(
    red: Team, device: Device, client: Client
) -> None:
    write(client)
    with red.scope():
        rule = AlarmRule.objects.get()
    write(client, rule, above="40", based_on="1")

    late = write(client, rule, above="50", based_on="1")

    assert late.status_code == 200
    assert "Somebody has changed the rule meanwhile" in late.content.decode()
    assert definition_of(red)["when"]["above"] == 40.0


def test_a_rule_is_switched_restored_and_removed(red: Team, device: Device, client: Client) -> None:
    write(client)
    with red.scope():
        rule = AlarmRule.objects.get()
    write(client, rule, above="40", note="Summer", based_on="1")

    client.post(reverse("alarm-rule-switch", args=[rule.id]), {"enabled": "1"})
    client.post(reverse("alarm-rule-restore", args=[rule.id]), {"number": "1"})

    with red.scope():
        assert AlarmRule.objects.get().is_enabled
    assert definition_of(red)["when"]["above"] == 30.0
    page = client.get(reverse("alarm-rule", args=[rule.id])).content.decode()
    assert "Summer" in page and "As version 1" in page
    gone = client.post(reverse("alarm-rule-restore", args=[rule.id]), {"number": "77"})
    assert gone.status_code == 404
    client.post(reverse("alarm-rule-remove", args=[rule.id]))
    with red.scope():
        assert not AlarmRule.objects.exists()


def test_the_list_says_what_rules_are_worth(red: Team, client: Client, now: dt.datetime) -> None:
    assert "No rules yet" in client.get(reverse("alarm-rules")).content.decode()
    rule = AlarmRuleFactory(tenant=red.tenant, name="Warm", metric="air_temp")
    AlarmRuleVersionFactory(rule=rule)
    for rating in ("useful", "useful", "false"):
        AlarmFactory(
            tenant=red.tenant, rule=rule, rating=rating, raised_at=now - MINUTE, cleared_at=now,
            ending="cleared",
        )  # fmt: skip

    page = client.get(reverse("alarm-rules")).content.decode()

    assert "Value above 30" in page and "67 % of 3" in page and "all devices" in page
    assert "No rule matches" in client.get(reverse("alarm-rules") + "?state=off").content.decode()


def test_the_list_takes_as_many_queries_for_more_rules(red: Team, client: Client) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant))
            AlarmRuleVersionFactory(rule=AlarmRuleFactory(tenant=red.tenant, channel=channel))
            AlarmRuleVersionFactory(rule=AlarmRuleFactory(tenant=red.tenant))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("alarm-rules")).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_templates_are_added_with_a_click(red: Team, device: Device, client: Client) -> None:
    page = client.get(reverse("alarm-rule-templates")).content.decode()
    assert page.count('name="code"') == len(TEMPLATES)

    made = client.post(reverse("alarm-rule-template-add"), {"code": "too_warm"}, follow=True)

    assert "try it on the past" in made.content.decode()
    with red.scope():
        assert not AlarmRule.objects.get().is_enabled
    again = client.post(reverse("alarm-rule-template-add"), {"code": "too_warm"}, follow=True)
    assert "There is such a rule already." in again.content.decode()


def test_rules_leave_and_come_as_a_file(red: Team, device: Device, client: Client) -> None:
    write(client)
    sent = client.get(reverse("alarm-rules-export"))
    file = json.loads(sent.content)
    file["rules"] += [file["rules"][0] | {"name": "Copy"}, {"name": "Bad"}]

    def bring(data: bytes) -> str:
        given = {"file": SimpleUploadedFile("rules.json", data)}
        return client.post(reverse("alarm-rules-import"), given, follow=True).content.decode()

    page = bring(json.dumps(file).encode())

    assert "as it was" in page and "new, disabled" in page and "refused" in page
    assert "This is no file of alarm rules" in bring(b"nonsense")
    with red.scope():
        assert AlarmRule.objects.count() == 2


def test_readers_see_rules_and_cannot_change_them(
    red: Team, blue: Team, client_for: SignIn, now: dt.datetime
) -> None:
    with red.scope():
        rule = create_rule(
            name="Warm", scope=Scope(metric="air_temp"), content=Content(WARM), now=now
        )
    viewer, other = client_for(red.viewer), client_for(blue.owner)
    page = viewer.get(reverse("alarm-rule", args=[rule.id]))

    assert page.status_code == 200
    assert b"Enable" not in page.content and b"Remove" not in page.content
    for name in ("alarm-rule-switch", "alarm-rule-restore", "alarm-rule-remove"):
        assert viewer.post(reverse(name, args=[rule.id])).status_code == 403
        assert other.post(reverse(name, args=[rule.id])).status_code == 404
    assert viewer.get(reverse("alarm-rule-edit", args=[rule.id])).status_code == 403
    assert other.get(reverse("alarm-rule-edit", args=[rule.id])).status_code == 404
    assert other.get(reverse("alarm-rule", args=[rule.id])).status_code == 404
    assert b"Warm" not in other.get(reverse("alarm-rules")).content
