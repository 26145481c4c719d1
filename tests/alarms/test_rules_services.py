"""Rules are made, changed, given versions, removed; what cannot be is refused in its place."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import AuditEvent
from alarms.models import Alarm, AlarmRule, AlarmRuleVersion
from alarms.queries.rules import (
    find_rule,
    list_rules,
    newest_versions,
    rows_of,
    rules_of_device,
    versions_of,
)
from alarms.queries.scopes import Scope, channels_in, scope_of
from alarms.services import rules
from alarms.services.expressions import Expression, channel_of
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import (
    Content,
    change_rule,
    check_rule,
    create_rule,
    remove_rule,
    restore_version,
)
from telemetry.models import VirtualChannel
from tests.conftest import Team
from tests.factories import (
    AlarmFactory,
    AlarmRuleFactory,
    AlarmRuleVersionFactory,
    ChannelFactory,
    DeviceFactory,
    SiteFactory,
)

WARM = {"when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}, "for_seconds": 300}
METRIC = Scope(metric="voltage_l1")


def make(now: dt.datetime, name: str = "Too warm", **given: Any) -> AlarmRule:
    given = {"scope": METRIC, "content": Content(WARM, "{value} {unit}", "Open a window")} | given
    return create_rule(name=name, **given, now=now)


def test_a_rule_begins_with_its_first_version(red: Team, now: dt.datetime) -> None:
    with red.scope():
        rule = make(now, made_by=red.owner)

        version = versions_of(rule).get()
        assert (version.number, version.definition, version.made_by) == (1, WARM, red.owner)
        assert (version.text, version.advice) == ("{value} {unit}", "Open a window")
        assert not find_rule(rule.id).is_enabled
        event = AuditEvent.objects.get(action="alarm_rule.created")
        assert event.detail["definition"]["for_seconds"] == 300


def test_another_definition_is_a_version_and_the_same_none(red: Team, now: dt.datetime) -> None:
    with red.scope():
        rule = make(now)
        cooler = {"when": {"kind": "threshold", "above": 25.0}}

        change_rule(rule_id=rule.id, content=Content(cooler, note="Summer"), based_on=1, now=now)
        change_rule(rule_id=rule.id, content=Content(cooler), now=now)
        change_rule(rule_id=rule.id, content=Content(text="Hot"), now=now)

        said = [(v.number, v.definition, v.text, v.advice, v.note) for v in versions_of(rule)]
        assert said == [
            (3, cooler, "Hot", "Open a window", ""),
            (2, cooler, "{value} {unit}", "Open a window", "Summer"),
            (1, WARM, "{value} {unit}", "Open a window", ""),
        ]


def test_an_old_version_comes_back_as_a_new_one(red: Team, now: dt.datetime) -> None:
    with red.scope():
        rule = make(now)
        change_rule(rule_id=rule.id, content=Content({"when": {"kind": "no_data", "seconds": 60}}),
                    now=now)  # fmt: skip

        restore_version(rule_id=rule.id, number=1, now=now)

        newest = newest_versions([rule])[rule.id]
        assert (newest.number, newest.definition, newest.note) == (3, WARM, "As version 1")
        with pytest.raises(AlarmRuleVersion.DoesNotExist):
            restore_version(rule_id=rule.id, number=9, now=now)


def test_name_scope_and_state_change_without_a_version(red: Team, now: dt.datetime) -> None:
    site = SiteFactory(tenant=red.tenant)
    with red.scope():
        rule = make(now)
        before = rule.updated_at

        change_rule(
            rule_id=rule.id, name=" Very warm ", scope=Scope(metric="voltage_l2", site=site.id,
            tag="cooling"), is_enabled=True, now=now,
        )  # fmt: skip

        found = find_rule(rule.id)
        assert (found.name, found.is_enabled) == ("Very warm", True)
        assert scope_of(found) == Scope(metric="voltage_l2", site=site.id, tag="cooling")
        assert found.updated_at > before
        assert versions_of(rule).count() == 1
        change_rule(rule_id=rule.id, now=now)
        assert AuditEvent.objects.filter(action="alarm_rule.changed").count() == 1


def test_alarms_outlive_their_rule(red: Team, now: dt.datetime) -> None:
    with red.scope():
        rule = make(now)
    alarm = AlarmFactory(tenant=red.tenant, rule=rule)
    with red.scope():
        remove_rule(rule_id=rule.id, now=now)

        assert not AlarmRule.objects.exists()
        assert Alarm.objects.get(id=alarm.id).rule_id is None


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        (Content({"when": {"kind": "threshold"}}), "no_limit", "definition.when.above"),
        (Content({"when": {"kind": "threshold", "above": 1, "clear_above": 2}}), "contradiction",
         "definition.when.clear_above"),
        (Content({}), "bad_shape", "definition"),
        (Content(WARM | {"severity": "loud"}), "bad_shape", "definition.severity"),
        (Content(WARM, text="{valeu}"), "unknown_name", "text"),
        (Content(WARM, advice="{0.__class__}"), "unknown_name", "advice"),
        (Content(WARM, text="x" * 301), "invalid", "text"),
    ],
)  # fmt: skip
def test_bad_content_is_refused(
    red: Team, now: dt.datetime, content: Content, code: str, field: str
) -> None:
    with red.scope(), pytest.raises(RuleRefused) as error:
        make(now, content=content)

    assert (error.value.code, error.value.field) == (code, field)


def test_bad_scopes_are_refused(red: Team, blue: Team, now: dt.datetime) -> None:
    foreign = ChannelFactory(device=DeviceFactory(tenant=blue.tenant))
    site = SiteFactory(tenant=blue.tenant)
    with red.scope():
        for scope, code, field in (
            (Scope(), "no_scope", "metric"),
            (Scope(channel=foreign.id), "unknown_channel", "channel"),
            (Scope(channel=foreign.id, metric="power"), "no_scope", "metric"),
            (Scope(metric="power", site=site.id), "unknown_site", "site"),
            (Scope(metric="power", device=foreign.device_id), "unknown_device", "device"),
            (Scope(metric="power", profile=site.id), "unknown_profile", "profile"),
            (Scope(metric="No such"), "invalid", "metric"),
        ):
            with pytest.raises(RuleRefused) as error:
                make(now, scope=scope)
            assert (error.value.code, error.value.field) == (code, field)


def test_bounds_hold(red: Team, now: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    device = DeviceFactory(tenant=red.tenant)
    ChannelFactory(device=device, name="voltage_l1", unit="V")
    ChannelFactory(device=DeviceFactory(tenant=red.tenant), name="voltage_l1", unit="kV")
    monkeypatch.setattr(rules, "MAX_CHANNELS", 1)
    monkeypatch.setattr(rules, "MAX_A_TENANT", 1)
    with red.scope():
        with pytest.raises(RuleRefused, match="2 channels are too many"):
            make(now)
        monkeypatch.setattr(rules, "MAX_CHANNELS", 2)
        with pytest.raises(RuleRefused, match="several units: V, kV"):
            make(now)
        rule = make(now, scope=Scope(metric="voltage_l1", device=device.id))
        with pytest.raises(RuleRefused) as error:
            make(now, name="Another")
        assert error.value.code == "too_many"
        with pytest.raises(RuleRefused) as error:
            change_rule(rule_id=rule.id, content=Content(WARM), based_on=7, now=now)
        assert error.value.code == "changed_meanwhile"


def test_a_name_is_used_once(red: Team, blue: Team, now: dt.datetime) -> None:
    with blue.scope():
        make(now)
    with red.scope():
        make(now)
        other = make(now, name="Other")
        with pytest.raises(RuleRefused) as error:
            make(now)
        assert (error.value.code, error.value.field) == ("name_taken", "name")
        with pytest.raises(RuleRefused):
            change_rule(rule_id=other.id, name="Too warm", now=now)
        assert list_rules().count() == 2


def test_scopes_narrow(red: Team, blue: Team) -> None:
    one = DeviceFactory(tenant=red.tenant, tags=["cooling", "hall"])
    other = DeviceFactory(tenant=red.tenant, profile=one.profile)
    near = DeviceFactory(tenant=red.tenant, site=one.site, gateway__site=one.site)
    channels = [
        ChannelFactory(device=device, name="power")
        for device in (one, other, near, DeviceFactory(tenant=blue.tenant))
    ]
    extra = ChannelFactory(device=one, name="voltage_l1")
    with red.scope():
        for scope, expected in (
            (Scope(metric="power"), channels[:3]),
            (Scope(metric="power", device=other.id), [channels[1]]),
            (Scope(metric="power", profile=one.profile_id), channels[:2]),
            (Scope(metric="power", site=one.site_id), [channels[0], channels[2]]),
            (Scope(metric="power", tag="cooling"), [channels[0]]),
            (Scope(metric="power", tag="cool"), []),
            (Scope(channel=extra.id), [extra]),
        ):
            assert set(channels_in(scope)) == set(expected)


def test_a_device_knows_the_rules_that_watch_it(red: Team, blue: Team, now: dt.datetime) -> None:
    device = DeviceFactory(tenant=red.tenant, tags=["cooling"])
    other = DeviceFactory(tenant=red.tenant)
    mine = ChannelFactory(device=device, name="power")
    others = ChannelFactory(device=other, name="voltage_l1")
    with blue.scope():
        make(now, name="Of blue", scope=Scope(metric="power"))
    with red.scope():
        for name, scope in (
            ("All", Scope(metric="power")), ("Channel", Scope(channel=mine.id)),
            ("Device", Scope(metric="power", device=device.id)),
            ("Site", Scope(metric="power", site=device.site_id, profile=device.profile_id)),
            ("Tag", Scope(metric="power", tag="cooling")),
            ("Not: channel", Scope(channel=others.id)), ("Not: metric", Scope(metric="co2")),
            ("Not: device", Scope(metric="power", device=other.id)),
            ("Not: site", Scope(metric="power", site=other.site_id)),
            ("Not: tag", Scope(metric="power", tag="hall")),
        ):  # fmt: skip
            make(now, name=name, scope=scope, is_enabled=name == "Tag")

        names = [rule.name for rule in rules_of_device(device.id)]

        assert names == ["Tag", "All", "Channel", "Device", "Site"]


def test_rows_say_what_a_rule_is_worth(
    red: Team, now: dt.datetime, django_assert_num_queries: Any
) -> None:
    device = DeviceFactory(tenant=red.tenant)
    channel = ChannelFactory(device=device, name="power", unit="kW")
    ChannelFactory(device=DeviceFactory(tenant=red.tenant), name="power", unit="kW")
    some = [
        AlarmRuleFactory(tenant=red.tenant, name="B"),
        AlarmRuleFactory(tenant=red.tenant, name="A", channel=channel),
        AlarmRuleFactory(tenant=red.tenant, name="C", metric="battery_soc"),
    ]
    for rule in some:
        AlarmRuleVersionFactory(rule=rule, number=1)
        AlarmRuleVersionFactory(rule=rule, number=2)
    day = dt.timedelta(days=1)
    for rating, ending, age in (
        ("useful", "cleared", 1), ("false", "cleared", 2), ("useful", "by_hand", 3),
        ("", "", 4), ("", "withdrawn", 5), ("useful", "cleared", 31),
    ):  # fmt: skip
        AlarmFactory(
            tenant=red.tenant, rule=some[0], rating=rating, ending=ending,
            raised_at=now - age * day, cleared_at=now - age * day if ending else None,
        )  # fmt: skip

    with red.scope():
        listed = list(list_rules())
        with django_assert_num_queries(4):
            rows = rows_of(listed, tenant_id=red.tenant.id, now=now)

        assert [(r.rule.name, r.version.number, r.unit, r.channels) for r in rows] == [
            ("A", 2, "kW", 1), ("B", 2, "kW", 2), ("C", 2, "%", 0),
        ]  # fmt: skip
        tally = rows[1].tally
        assert (tally.raised, tally.useful, tally.false, tally.open) == (4, 2, 1, 1)
        assert tally.useful_percent == 67
        assert rows[0].tally.useful_percent is None
        assert [rule.name for rule in list_rules(search="battery")] == ["C"]
        assert [rule.name for rule in list_rules(channel=channel.id, is_enabled=True)] == ["A"]


def test_a_formula_becomes_one_computed_channel(red: Team, now: dt.datetime) -> None:
    device = DeviceFactory(tenant=red.tenant)
    one = ChannelFactory(device=device, name="grid", unit="kW")
    two = ChannelFactory(device=device, name="solar", unit="kW")
    expression = Expression("grid + solar", {"grid": one.id, "solar": two.id}, unit="kW")
    with red.scope():
        with pytest.raises(RuleRefused) as error:
            channel_of(expression, may_make=False, now=now)
        assert error.value.code == "may_not_make_channel"

        made = channel_of(expression, may_make=True, now=now)
        again = channel_of(expression, may_make=False, now=now)
        other = channel_of(
            Expression("grid - solar", expression.inputs, unit="kW"), may_make=True, now=now
        )

        assert made == again != other
        virtual = VirtualChannel.objects.select_related("channel").get(channel=made)
        assert (virtual.channel.name, virtual.channel.label) == ("alarm_value_1", "grid + solar")
        assert virtual.alignment == "latest"
        assert check_rule(Scope(channel=made), Content(WARM)).for_seconds == 300


@pytest.mark.parametrize(
    ("formula", "inputs", "code", "field"),
    [
        ("a + ", ["a"], "bad_formula", "expression.formula"),
        ("a", [], "no_inputs", "expression.inputs"),
        ("a", ["a", "b"], "unused_input", "expression.inputs"),
    ],
)
def test_bad_formulas_are_refused(
    red: Team, now: dt.datetime, formula: str, inputs: list[str], code: str, field: str
) -> None:
    channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant), unit="kW")
    with red.scope(), pytest.raises(RuleRefused) as error:
        channel_of(
            Expression(formula, dict.fromkeys(inputs, channel.id), unit="kW"), may_make=True,
            now=now,
        )  # fmt: skip

    assert error.value.field == field
    assert error.value.code == code
