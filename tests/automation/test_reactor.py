"""Rules that look at samples: from a stored sample to a command."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.tenancy import all_tenants
from automation.models import AutomationRule, RuleState
from devices.models import Channel, Command, Device
from tests.automation.operator import START, Operator, commands, executions, rule_of, version_of
from tests.factories import ChannelFactory, LatestValueFactory

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def below(channel: Channel, limit: float = 20, **others: Any) -> dict[str, Any]:
    return {"kind": "value", "channel": channel.id, "below": limit, **others}


def pump(device: Device, seconds: int = 60, **others: Any) -> dict[str, Any]:
    return {
        "kind": "command", "device": str(device.id), "name": "pump_on",
        "params": {"duration_s": seconds}, **others,
    }  # fmt: skip


def test_a_value_sets_off_a_command_that_says_why(
    operator: Operator, channel: Channel, device: Device
) -> None:
    rule = rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]},
        tenant=device.tenant, name="Water",
    )  # fmt: skip
    operator.look(0)
    operator.send(channel, [(10, 25.0), (20, 19.0), (30, 18.0)])
    operator.look(31)
    operator.act(31.2)

    [execution] = executions()
    [command] = commands()
    assert (execution.rule_id, execution.version, execution.state) == (rule.id, 1, "running")
    assert execution.triggered_at.timestamp() == START.timestamp() + 20
    assert [(one["value"], one["holds"]) for one in execution.seen] == [(19.0, True)]
    assert (command.name, command.params, command.state) == (
        "pump_on",
        {"duration_s": 60},
        "queued",
    )
    assert command.principal == f"system:rule-{rule.id}"
    with all_tenants():
        assert execution.steps.get().command_id == command.id
        Command.objects.filter(id=command.id).update(state="done", finished_at=START)
    operator.act(40)
    assert executions()[0].state == "done"


def test_nothing_happens_twice_after_a_crash(
    operator: Operator, channel: Channel, device: Device
) -> None:
    rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]},
        tenant=device.tenant,
    )
    operator.look(0)
    batch = operator.store(channel, [(10, 25.0), (20, 19.0)])
    operator.reactor.react(batch)
    operator.look(21)
    operator.crash()
    operator.reactor.react(batch)  # it was not acknowledged
    operator.look(22)
    operator.send(channel, [(30, 15.0)])
    operator.look(31)
    operator.act(32)
    operator.crash()
    operator.act(33)

    assert len(executions()) == len(commands()) == 1


def test_what_was_stored_while_nobody_looked_is_found(
    operator: Operator, channel: Channel, device: Device
) -> None:
    rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]},
        tenant=device.tenant,
    )
    operator.send(channel, [(10, 25.0)])
    operator.look(11)
    operator.reactor.close()
    operator.crash()
    operator.store(channel, [(20, 19.0), (25, 30.0)])  # a dip that is over already
    operator.look(30)

    [execution] = executions()
    assert execution.triggered_at.timestamp() == START.timestamp() + 20
    assert execution.reason == ""


def test_what_becomes_known_too_late_is_kept_but_not_done(
    operator: Operator, channel: Channel, device: Device
) -> None:
    rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]},
        tenant=device.tenant,
    )
    operator.send(channel, [(10, 25.0)])
    operator.look(11)
    operator.send(channel, [(20, 19.0)])
    operator.look(120)
    operator.act(121)

    [execution] = executions()
    assert (execution.state, execution.reason, execution.detail) == ("skipped", "too_late", "100 s")
    assert commands() == []


def test_a_condition_has_to_last(operator: Operator, channel: Channel, device: Device) -> None:
    rule_of(
        {
            "when": [{"kind": "samples", "that": below(channel, clear=22), "for": 60}],
            "then": [pump(device)],
        },
        tenant=device.tenant,
    )
    operator.look(0)
    operator.send(channel, [(10, 19.0), (40, 21.0), (50, 23.0), (60, 19.0)])
    operator.look(100)
    assert executions() == []
    operator.look(126)  # nobody said anything else meanwhile

    [execution] = executions()
    assert execution.triggered_at.timestamp() == START.timestamp() + 120


def test_several_channels_count_together(
    operator: Operator, channel: Channel, device: Device
) -> None:
    other = ChannelFactory(device=channel.device, name="rain")
    rule_of(
        {
            "when": [{"kind": "samples", "that": {"kind": "all", "of": [
                below(channel),
                {"kind": "not", "of": {"kind": "value", "channel": other.id, "above": 0}},
            ]}}],
            "then": [pump(device)],
        },
        tenant=device.tenant,
    )  # fmt: skip
    operator.look(0)
    operator.send(channel, [(10, 19.0)])
    operator.look(11)
    assert executions() == []  # nobody knows whether it rains
    operator.send(other, [(20, 5.0)])
    operator.look(21)
    assert executions() == []
    operator.send(other, [(30, 0.0)])
    operator.look(31)
    assert len(executions()) == 1


def test_a_new_version_begins_anew(operator: Operator, channel: Channel, device: Device) -> None:
    definition = {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]}
    rule = rule_of(definition, tenant=device.tenant)
    operator.look(0)
    operator.send(channel, [(10, 19.0)])
    operator.look(11)
    LatestValueFactory(channel=channel, time=START + dt.timedelta(seconds=10), value=19.0)
    version_of(rule, {**definition, "cooldown": 5}, number=2)
    operator.look(20)

    assert [one.version for one in executions()] == [1, 2]
    with all_tenants():
        assert RuleState.objects.get().version == 2
        assert AutomationRule.objects.get().acted_at is not None


def test_a_cooldown_keeps_it_quiet(operator: Operator, channel: Channel, device: Device) -> None:
    rule_of(
        {
            "when": [{"kind": "samples", "that": below(channel), "each": True}],
            "then": [pump(device)], "cooldown": 30,
        },
        tenant=device.tenant,
    )  # fmt: skip
    operator.look(0)
    for at in range(10, 100, 10):
        operator.send(channel, [(at, 19.0)])
        operator.look(at + 1)

    moments = [one.triggered_at.timestamp() - START.timestamp() for one in executions()]
    assert moments == [10, 40, 70]


def test_a_rule_that_was_off_begins_anew(
    operator: Operator, channel: Channel, device: Device
) -> None:
    rule = rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": [pump(device)]},
        tenant=device.tenant,
    )
    operator.look(0)
    operator.send(channel, [(10, 19.0)])
    operator.look(11)
    for is_enabled in (False, True):
        with all_tenants():
            rule.is_enabled = is_enabled
            rule.save(update_fields=["is_enabled", "updated_at"])
        operator.look(20 if is_enabled else 15)
        with all_tenants():
            assert not RuleState.objects.exists()
    operator.send(channel, [(30, 18.0)])
    operator.look(31)

    moments = [one.triggered_at.timestamp() - START.timestamp() for one in executions()]
    assert moments == [10, 30]


def test_a_rule_that_cannot_be_worked_out_is_stopped_alone(
    operator: Operator, channel: Channel, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = [pump(device)]
    good = rule_of(
        {"when": [{"kind": "samples", "that": below(channel)}], "then": then},
        tenant=device.tenant,
    )
    week = {"kind": "week", "slots": [{"from": "00:00", "to": "24:00"}]}
    bad = rule_of(
        {
            "when": [{"kind": "samples", "that": {"kind": "all", "of": [below(channel), week]}}],
            "then": then,
        },
        tenant=device.tenant,
    )

    def broken(*_: object) -> bool:
        raise OverflowError("date value out of range")

    monkeypatch.setattr("alarms.rules.week.Week.holds", broken)
    operator.look(0)
    for at in range(10, 60, 10):
        operator.send(channel, [(at, 19.0)])
        operator.look(at + 1)

    assert {one.rule_id for one in executions()} == {good.id}
    with all_tenants():
        bad.refresh_from_db()
        good.refresh_from_db()
    assert (bad.quarantine, good.quarantine) == ("failures", "")
    assert "OverflowError" in bad.quarantine_detail
