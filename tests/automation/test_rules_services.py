"""Rules are made, changed and put on duty by whoever may; what they name must be there."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest

from accounts.models import AuditEvent, Role
from alarms.models import Alarm, NotificationTarget, TargetKind
from automation.models import AutomationRule, AutomationRuleVersion, Quarantine
from automation.services.quarantine import stop_rule
from automation.services.rule_hooks import make_hook, remove_hook
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import (
    MAX_A_TENANT,
    Wish,
    arm_again,
    change_rule,
    create_rule,
    remove_rule,
    restore_version,
)
from tests.automation.making import Greenhouse, dry, everything, make_greenhouse
from tests.conftest import Team
from tests.factories import NOW, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db
TIMES = {"kind": "time", "schedule": {"when": {"kind": "times", "at": ["06:00", "18:00"]}}}


def make(red: Team, place: Greenhouse, **wish: Any) -> AutomationRule:
    given = {"name": "Water when dry", "site": place.site.id, "definition": dry(place)} | wish
    with red.scope():
        return create_rule(Wish(**given), actor=red.owner, made_by=red.owner, now=NOW)


def refused(red: Team, definition: dict[str, Any], actor: Any = None) -> tuple[str, str]:
    with red.scope(), pytest.raises(RuleRefused) as caught:
        create_rule(
            Wish(name="R", definition=definition), actor=actor or red.owner, now=NOW
        )  # fmt: skip
    return caught.value.code, caught.value.field


def with_codes(red: Team, *codes: str) -> Any:
    with red.scope():
        role = Role.objects.create(tenant=red.tenant, name=f"Role {len(codes)}", codes=list(codes))
    person = UserFactory()
    MembershipFactory(user=person, tenant=red.tenant, role="", custom_role=role)
    return person


def test_a_new_rule_knows_what_it_waits_for(red, place):
    rule = make(red, place)

    assert (rule.is_enabled, rule.channels, rule.listens) == (False, [place.moisture.id], [])
    assert (rule.position, rule.next_at) == (NOW, None)
    with red.scope():
        version = AutomationRuleVersion.objects.get(rule=rule)
        assert (version.number, version.made_by) == (1, red.owner)
        event = AuditEvent.objects.get(action="automation_rule.created")
    assert (event.detail["version"], event.detail["name"]) == (1, "Water when dry")


def test_what_it_waits_for_follows_from_each_trigger(red, place):
    rule = make(red, place, definition=everything(place))

    assert rule.listens == ["actuator_status", "alarm", "command", "device_status"]
    assert rule.channels == [place.moisture.id]
    # 18:00 in Istanbul, three hours before UTC
    assert rule.next_at == dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)


def test_times_without_a_site_are_in_utc_and_move_with_it(red, place):
    definition = dry(place, when=[TIMES])
    rule = make(red, place, definition=definition, site=None)
    assert rule.next_at == dt.datetime(2026, 11, 20, 18, 0, tzinfo=dt.UTC)

    with red.scope():
        moved = change_rule(rule.id, Wish(site=place.site.id), actor=red.owner, now=NOW)
    assert moved.next_at == dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)


def test_a_change_is_a_new_version_and_can_be_taken_back(red, place):
    rule = make(red, place)
    later = NOW + dt.timedelta(hours=1)
    other = dry(place, cooldown=60)
    with red.scope():
        change_rule(
            rule.id, Wish(definition=other, note="Sooner"), actor=red.owner, based_on=1, now=later
        )
        with pytest.raises(RuleRefused) as caught:
            change_rule(rule.id, Wish(definition=dry(place)), actor=red.owner, based_on=1, now=NOW)
        assert caught.value.code == "changed_meanwhile"
        same = change_rule(rule.id, Wish(definition=other, name="Dry"), actor=red.owner, now=later)
        assert (same.name, same.versions.count(), same.position) == ("Dry", 2, later)

        back = restore_version(rule.id, 1, actor=red.owner, now=later)
        versions = list(back.versions.order_by("number").values_list("definition", "note"))
    assert versions[2][0] == versions[0][0]
    assert [note for _definition, note in versions] == ["", "Sooner", "As version 1"]


def test_on_duty_it_makes_up_for_nothing(red, place):
    rule = make(red, place, definition=dry(place, when=[TIMES]))
    later = NOW + dt.timedelta(days=2)
    with red.scope():
        on = change_rule(rule.id, Wish(is_enabled=True), actor=red.owner, now=later)
    assert on.position == later
    assert on.next_at == dt.datetime(2026, 11, 22, 15, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda p, o: {"when": [{"kind": "samples", "that": {"kind": "value", "below": 1.0,
                                                             "channel": o.moisture.id}}]},
         ("unknown_channel", "when[0].that.channel")),
        (lambda p, o: {"then": [{"kind": "command", "device": str(o.pump.id), "name": "pump_off"}]},
         ("unknown_device", "then[0].device")),
        (lambda p, o: {"then": [{"kind": "notify", "targets": [str(p.target.id),
                                                               str(o.target.id)]}]},
         ("unknown_target", "then[0].targets[1]")),
        (lambda p, o: {"then": [{"kind": "schedule", "schedule": str(o.schedule.id)}]},
         ("unknown_schedule", "then[0].schedule")),
        (lambda p, o: {"then": [{"kind": "mode", "zone": str(o.zone.id), "mode": "auto"}]},
         ("unknown_zone", "then[0].zone")),
        (lambda p, o: {"if": {"kind": "not", "of": {"kind": "alarm", "is": "open",
                                                    "site": str(o.site.id)}}},
         ("unknown_site", "if.of.site")),
    ],
)  # fmt: skip
def test_what_belongs_to_others_is_not_there(red, blue, place, change, wanted):
    other = make_greenhouse(blue)

    assert refused(red, dry(place) | change(place, other)) == wanted


def test_only_webhooks_are_called(red, place):
    action = {"kind": "webhook", "target": str(place.target.id)}

    assert refused(red, dry(place, then=[action])) == ("no_webhook_target", "then[0].target")


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"runtime_s": 999}, "then[0].params.runtime_s"),
        ({}, "then[0].params.runtime_s"),
        ({"runtime_s": 5, "speed": "warp"}, "then[0].params.speed"),
        ({"runtime_s": 5, "other": 1}, "then[0].params.other"),
    ],
)
def test_parameters_must_fit_the_command(red, place, params, wanted):
    action = {"kind": "command", "device": str(place.pump.id), "name": "pump_on", "params": params}

    assert refused(red, dry(place, then=[action]))[1] == wanted


def test_commands_must_be_known_to_the_device(red, place):
    action = {"kind": "command", "device": str(place.probe.id), "name": "pump_on"}
    trigger = {"kind": "command", "device": str(place.pump.id), "name": "explode"}

    assert refused(red, dry(place, then=[action])) == ("unknown_command", "then[0].name")
    assert refused(red, dry(place, when=[trigger])) == ("unknown_command", "when[0].name")


def test_formulas_are_compiled_before_they_are_kept(red, place):
    that = {
        "kind": "formula", "formula": "a + __import__('os')", "inputs": {"a": place.moisture.id},
        "above": 1.0,
    }  # fmt: skip

    found = refused(red, dry(place, when=[{"kind": "samples", "that": that}]))
    assert found == ("bad_formula", "when[0].that.formula")


def test_text_that_cannot_be_stored_is_refused(red, place):
    action = {"kind": "notify", "targets": [str(place.target.id)], "text": "a\0b"}

    assert refused(red, dry(place, then=[action]))[0] == "bad_shape"


def test_who_may_not_control_saves_and_enables_no_commands(red, place):
    writer = with_codes(
        red, "read:automation", "write:automation", "read:device", "read:telemetry", "read:alarm"
    )
    assert refused(red, dry(place), writer) == ("may_not_control", "then[0]")

    tells = [{"kind": "notify", "targets": [str(place.target.id)]}]
    rule = make(red, place)
    with red.scope():
        made = create_rule(
            Wish(name="Tell", definition=dry(place, then=tells), is_enabled=True),
            actor=writer, now=NOW,
        )  # fmt: skip
        assert made.is_enabled
        with pytest.raises(RuleRefused, match="may not control"):
            change_rule(rule.id, Wish(is_enabled=True), actor=writer, now=NOW)
        renamed = change_rule(rule.id, Wish(name="Dry", is_dry=True), actor=writer, now=NOW)
        change_rule(rule.id, Wish(is_enabled=True), actor=writer, now=NOW)  # as a dry run
        with pytest.raises(RuleRefused, match="may not control"):
            change_rule(rule.id, Wish(is_dry=False), actor=writer, now=NOW)
    assert renamed.name == "Dry"


def test_who_may_not_see_measurements_names_no_channel(red, place):
    blind = with_codes(
        red, "write:automation", "control:device", "read:device", "read:alarm", "read:automation"
    )

    assert refused(red, dry(place), blind) == ("may_not_read", "when[0].that.channel")


def test_targets_of_other_people_are_theirs(red, place):
    with red.scope():
        theirs = NotificationTarget.objects.create(
            tenant=red.tenant, name="", kind=TargetKind.IN_APP, person=red.viewer
        )
        mine = NotificationTarget.objects.create(
            tenant=red.tenant, name="", kind=TargetKind.IN_APP, person=red.owner
        )
    tell = [{"kind": "notify", "targets": [str(theirs.id)]}]

    assert refused(red, dry(place, then=tell)) == ("unknown_target", "then[0].targets[0]")
    tell[0]["targets"] = [str(mine.id)]
    rule = make(red, place, definition=dry(place, then=tell))
    with red.scope():  # somebody else may change the rest
        wish = Wish(definition=dry(place, then=tell, cooldown=5))
        assert change_rule(rule.id, wish, actor=red.operator, now=NOW).versions.count() == 2


def test_a_stopped_rule_is_armed_again_and_that_is_written_down(red, place):
    rule = make(red, place, is_enabled=True)
    with red.scope():
        with pytest.raises(RuleRefused) as caught:
            arm_again(rule.id, actor=red.owner, now=NOW)
        assert caught.value.code == "not_stopped"
        AutomationRule.objects.filter(id=rule.id).update(
            quarantine=Quarantine.FAILURES, quarantine_detail="Pump 1", quarantined_at=NOW,
            failures=5,
        )  # fmt: skip
        armed = arm_again(rule.id, actor=red.owner, now=NOW + dt.timedelta(hours=1))
        event = AuditEvent.objects.get(action="automation_rule.armed")
    assert (armed.quarantine, armed.failures, armed.quarantined_at) == ("", 0, None)
    assert armed.position == NOW + dt.timedelta(hours=1)
    assert event.detail == {"quarantine": "failures", "detail": "Pump 1"}


def test_of_an_address_only_the_hash_is_kept(red, place):
    rule = make(red, place, definition=dry(place, when=[{"kind": "webhook"}]))
    with red.scope():
        first = make_hook(rule.id, actor=red.owner, now=NOW)
        token = make_hook(rule.id, actor=red.owner, now=NOW)
        rule.refresh_from_db()
        assert first != token
        assert rule.hook_hash == hashlib.sha256(token.encode()).hexdigest()
        remove_hook(rule.id, now=NOW)
        rule.refresh_from_db()
        assert rule.hook_hash == ""
        actions = AuditEvent.objects.filter(action__contains="hook").order_by("number")
        assert [event.action.partition(".")[2] for event in actions] == [
            "hook_made", "hook_rotated", "hook_removed",
        ]  # fmt: skip
        assert token not in str([event.detail for event in actions])
        plain = create_rule(Wish(name="P", definition=dry(place)), actor=red.owner, now=NOW)
        with pytest.raises(RuleRefused, match="No webhook"):
            make_hook(plain.id, actor=red.owner, now=NOW)


def test_the_sun_needs_to_know_where(red, place):
    rises = {"kind": "time", "schedule": {"when": {"kind": "sun", "event": "sunrise"}}}
    code = ("no_coordinates", "when[0].schedule.when")
    assert refused(red, dry(place, when=[rises])) == code
    assert refused(red, dry(place) | {"if": {"kind": "sun", "is": "up"}})[1] == "if"

    place.site.latitude, place.site.longitude = 38.4, 27.1
    with red.scope():
        place.site.save()
    rule = make(red, place, definition=dry(place, when=[rises]))
    assert rule.next_at.date() == dt.date(2026, 11, 21)


def test_names_are_unique_and_there_is_an_end(red, place):
    rule = make(red, place)
    with red.scope():
        with pytest.raises(RuleRefused) as caught:
            create_rule(
                Wish(name=" Water when dry ", definition=dry(place)), actor=red.owner, now=NOW
            )
        assert (caught.value.code, caught.value.field) == ("name_taken", "name")
        AutomationRule.objects.bulk_create(
            AutomationRule(tenant=red.tenant, name=f"R{n}") for n in range(MAX_A_TENANT - 1)
        )
        with pytest.raises(RuleRefused, match="too many"):
            create_rule(Wish(name="N", definition=dry(place)), actor=red.owner, now=NOW)
        remove_rule(rule.id, now=NOW)
        assert not AutomationRule.objects.filter(id=rule.id).exists()
        assert AuditEvent.objects.filter(action="automation_rule.removed").exists()


@pytest.mark.parametrize("how", ["armed", "switched off", "removed"])
def test_the_alarm_of_a_stopped_rule_ends(red, place, how):
    rule = make(red, place, is_enabled=True)
    with red.scope():
        stop_rule(AutomationRule.objects.get(id=rule.id), Quarantine.LOOP, "A → A", now=NOW)
        assert Alarm.objects.get().is_open
        if how == "armed":
            arm_again(rule.id, actor=red.owner, now=NOW)
        elif how == "removed":
            remove_rule(rule.id, now=NOW)
        else:
            change_rule(rule.id, Wish(is_enabled=False), actor=red.owner, now=NOW)
        assert not Alarm.objects.get().is_open
