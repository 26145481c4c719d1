"""Pages of rules: written as a sentence of rows, replayed, put on duty, without scripts."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from automation.models import AutomationRule, Quarantine
from automation.pages.rule_builder import draft_in_form, moved
from automation.queries.rule_choices import load_choices
from automation.queries.rules import newest_versions
from automation.rules.definition import read_rule, write_rule
from automation.services.rules import Wish, create_rule
from automation.shipped import TEMPLATES
from tests.automation.making import dry, everything
from tests.factories import NOW
from tests.telemetry.samples import every, store_samples

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def client(red, client_for):
    return client_for(red.owner)


@pytest.fixture
def rule(red, place):
    with red.scope():
        return create_rule(
            Wish(name="Water", site=place.site.id, definition=dry(place)), actor=red.owner, now=NOW
        )


def given(place, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Water when dry", "site": str(place.site.id), "join": "all",
        "when-0-kind": "value", "when-0-channel": str(place.moisture.id), "when-0-below": "20",
        "when-0-clear": "25",
        "lasting_0": "2", "lasting_1": "60", "cooldown_0": "10", "cooldown_1": "60",
        "late_0": "60", "late_1": "1", "most_per_hour": "60",
        "if-0-kind": "week", "if-0-start": "06:00", "if-0-end": "20:00",
        "if-1-kind": "value", "if-1-channel": str(place.warmth.id), "if-1-above": "5,5",
        "if-1-negated": "on",
        "then-0-kind": "command", "then-0-command": f"{place.pump.id}|pump_on",
        "then-0-param_runtime_s": "60",
        "then-1-kind": "delay", "then-1-length_0": "5", "then-1-length_1": "60",
        "then-2-kind": "notify", "then-2-targets": [str(place.target.id)], "then-2-text": "Done",
        "do": "keep",
    } | changes  # fmt: skip


def newest(red, name: str) -> dict[str, Any]:
    with red.scope():
        rule = AutomationRule.objects.get(name=name)
        return newest_versions([rule])[rule.id].definition


def read(client, name: str, *args: Any, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_sentence_becomes_a_rule(red, place, client):
    answer = client.post(reverse("automation-rule-new"), given(place))

    assert answer.status_code == 302, re.findall(r"field__error.*", answer.content.decode())
    assert newest(red, "Water when dry") == write_rule(read_rule({
        "when": [{"kind": "samples", "for": 120, "that": {
            "kind": "value", "channel": place.moisture.id, "below": 20.0, "clear": 25.0}}],
        "if": {"kind": "all", "of": [
            {"kind": "week", "slots": [{"from": "06:00", "to": "20:00"}]},
            {"kind": "not", "of": {"kind": "value", "channel": place.warmth.id, "above": 5.5}},
        ]},
        "then": [
            {"kind": "command", "device": str(place.pump.id), "name": "pump_on",
             "params": {"runtime_s": 60}},
            {"kind": "delay", "seconds": 300},
            {"kind": "notify", "targets": [str(place.target.id)], "text": "Done"},
        ],
        "cooldown": 600,
    }))  # fmt: skip
    page = client.get(answer.url).content.decode()
    assert "“Water when dry” is kept." in page
    assert "Bed 3: Soil moisture below 20 % (until 25 %) for 2 min" in page


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"when-0-below": ""}, "Give `above` or `below`."),
        ({"when-0-clear": "10"}, "It is not below the limit."),
        ({"when-0-channel": ""}, "This is needed."),
        ({"when-0-kind": ""}, "Choose what sets it off."),
        ({"then-0-param_runtime_s": "999"}, "300"),
        ({"then-0-param_runtime_s": ""}, "This must be given."),
        ({"name": ""}, "This field is required."),
        ({"then-2-kind": ""}, "Nothing follows this delay; remove it."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(place, client, change, text):
    page = client.post(reverse("automation-rule-new"), given(place, **change)).content.decode()

    errors = [found for found in re.findall(r'field__error">(.*?)</p>', page, re.S)]
    assert any(text in error for error in errors), errors


def test_it_is_replayed_before_it_is_kept(red, place, client):
    store_samples(place.moisture, every(MINUTE, NOW - 20 * MINUTE, [30.0] * 5 + [10.0] * 5))
    change = {"do": "try", "if-0-kind": "", "if-1-kind": ""}
    page = client.post(reverse("automation-rule-new"), given(place, **change)).content.decode()

    assert "It would have acted 1 time." in page
    with red.scope():
        assert not AutomationRule.objects.exists()


def test_rows_are_added_moved_and_dropped(place, client):
    def rows(do: str) -> list[str]:
        page = client.post(reverse("automation-rule-new"), given(place, do=do)).content.decode()
        assert "field__error" not in page
        return re.findall(r'name="then-\d-kind".*?<option value="(\w*)" selected', page, re.S)

    assert rows("up:then:1") == ["delay", "command", "notify"]
    assert rows("drop:then:1") == ["command", "notify"]
    assert rows("add:then") == ["command", "delay", "notify", ""]
    assert rows("show") == ["command", "delay", "notify"]
    assert moved({}, "nonsense") is None


def test_a_rule_is_changed_and_somebody_else_was_faster(red, place, rule, client):
    url = reverse("automation-rule-edit", args=[rule.id])
    page = read(client, "automation-rule-edit", rule.id)
    assert 'value="20"' in page
    assert re.search(r'name="then-0-param_runtime_s" value="60"', page)

    answer = client.post(url, given(place, name="Water", based_on="1", note="Because"))
    assert answer.status_code == 302
    late = client.post(url, given(place, name="Water", based_on="1", cooldown_0="20"))
    assert "Somebody has changed the rule meanwhile" in late.content.decode()


def test_what_the_form_can_say_comes_back_as_it_was(red, place):
    stored = write_rule(read_rule(dry(place)))
    with red.scope():
        choices = load_choices(stored)
        assert draft_in_form(stored, choices=choices) is not None
        assert draft_in_form(everything(place), choices=load_choices(everything(place))) is None


def test_what_the_form_cannot_say_is_written_as_json(red, place, client):
    with red.scope():
        rule = create_rule(
            Wish(name="All", site=place.site.id, definition=everything(place)),
            actor=red.owner, now=NOW,
        )  # fmt: skip
    page = read(client, "automation-rule-edit", rule.id)
    assert "The form cannot say all that this rule does" in page
    assert "soil_moisture" in page

    url = reverse("automation-rule-edit", args=[rule.id])
    document = json.dumps(everything(place) | {"cooldown": 30})
    sent = {"as": "json", "name": "All", "site": "", "document": document, "do": "keep"}
    wrong = sent | {"document": document.replace("pump_off", "pump_up")}
    page = client.post(url, wrong).content.decode()
    assert "when[4].name: Pump 1 has no such command. It takes: pump_off, pump_on." in page
    assert "This is no JSON object" in client.post(url, sent | {"document": "{"}).content.decode()
    assert client.post(url, sent | {"based_on": "1"}).status_code == 302
    assert newest(red, "All")["cooldown"] == 30


def test_each_template_opens_filled_in(place, client):
    for code in TEMPLATES:
        page = read(client, "automation-rule-new", template=code)
        assert "field__error" not in page
    page = read(client, "automation-rule-new", template="water_when_dry")
    assert re.search(rf'<option value="{place.moisture.id}" selected', page)
    assert re.search(rf'<option value="{place.pump.id}\|pump_on" selected', page)
    assert read(client, "automation-rule-templates").count("?template=") == len(TEMPLATES) >= 8


def test_the_list_shows_what_each_does_and_arms_again(red, place, rule, client, client_for):
    with red.scope():
        AutomationRule.objects.update(
            is_enabled=True, quarantine=Quarantine.FAILURES, quarantine_detail="Pump 1",
            quarantined_at=NOW,
        )  # fmt: skip
    page = read(client, "automation-rules")
    assert "When Bed 3: Soil moisture below 20 %" in page
    assert "Arm again" in page
    viewer = client_for(red.viewer)
    assert "Arm again" not in read(viewer, "automation-rules")
    assert "Pump 1" in read(viewer, "automation-rule", rule.id)

    answer = client.post(reverse("automation-rule-arm", args=[rule.id]), follow=True)
    assert "is armed again." in answer.content.decode()
    assert "No rule matches" in read(client, "automation-rules", state="stopped")


def test_buttons_do_what_they_say(red, rule, client):
    def press(name: str, **sent: str) -> str:
        answer = client.post(reverse(name, args=[rule.id]), sent, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    assert "is on duty." in press("automation-rule-switch", enabled="1")
    assert "runs dry" in press("automation-rule-switch", dry="1")
    assert "is on duty." in press("automation-rule-switch", dry="0")
    assert "is off." in press("automation-rule-switch", enabled="0")
    assert "No webhook sets this rule off" in press("automation-rule-hook")
    assert "does what it did then." in press("automation-rule-restore", number="1")
    url = reverse("automation-rule-restore", args=[rule.id])
    assert client.post(url, {"number": "9"}).status_code == 404
    assert "is removed." in press("automation-rule-remove")


def test_the_address_of_a_webhook_is_shown_once(red, place, client):
    with red.scope():
        rule = create_rule(
            Wish(name="Hook", definition=dry(place, when=[{"kind": "webhook"}])),
            actor=red.owner, now=NOW,
        )  # fmt: skip
    url = reverse("automation-rule-hook", args=[rule.id])
    page = client.post(url, {"do": "make"}).content.decode()
    address = re.search(r'value="(http[^"]+)"', page)
    assert address
    assert address[1] not in read(client, "automation-rule", rule.id)
    assert "works no more" in client.post(url, {"do": "remove"}, follow=True).content.decode()


def test_a_rule_shows_what_it_saw_and_would_have_done(place, rule, client):
    store_samples(place.moisture, every(MINUTE, NOW - 20 * MINUTE, [30.0] * 5 + [10.0] * 5))
    store_samples(place.warmth, every(MINUTE, NOW - 20 * MINUTE, [20.0] * 20))
    page = read(client, "automation-rule", rule.id, replay="1")

    assert "It would have acted 1 time." in page
    assert "replay__acted" in page
    assert "It still holds: it acts only when it begins to" in page
    assert "It holds, but not long enough yet: 1 min" in page


def test_files_go_out_and_in(red, place, rule, client):
    answer = client.get(reverse("automation-rules-export"))
    assert "automation-rules.json" in answer.headers["Content-Disposition"]
    document = json.loads(answer.content)
    document["rules"][0]["name"] = "Copy"
    file = SimpleUploadedFile("rules.json", json.dumps(document).encode())
    page = client.post(reverse("automation-rules-import"), {"file": file}).content.decode()
    assert "Copy" in page
    assert "new, off" in page
    bad = SimpleUploadedFile("rules.json", b"{}")
    answer = client.post(reverse("automation-rules-import"), {"file": bad}, follow=True)
    assert "This is no file of rules" in answer.content.decode()
    assert (
        "Choose a file"
        in client.post(reverse("automation-rules-import"), follow=True).content.decode()
    )


def test_empty_lists_say_what_to_do(red, client, client_for):
    assert "Begin with a template" in read(client, "automation-rules")
    assert "Somebody who may change rules" in read(client_for(red.viewer), "automation-rules")
