"""What happens elsewhere sets rules off: alarms, devices, actuators, commands; and loops end."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DataError

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from automation.models import AutomationEventNote, AutomationRule
from automation.running.events import Events
from automation.running.executor import Executor
from devices.models import ActuatorState, Command, Device, DeviceEvent, Severity
from tests.automation.operator import START, commands, executions, rule_of

pytestmark = pytest.mark.django_db


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def go(seconds: float) -> None:
    """Give events and executions their turn."""
    now = at(seconds)
    with all_tenants():
        AutomationEventNote.objects.update(occurred_at=now)  # triggers tell the time by the wall
    Events().round(now)
    Executor().round(now)


def order(device: Device, name: str = "heater_on", **params: Any) -> dict[str, Any]:
    return {"kind": "command", "device": str(device.id), "name": name, "params": params}


def sign(device: Device, severity: Severity = Severity.ERROR) -> Sign:
    return Sign(
        tenant_id=device.tenant_id, key="k", source=Source.DEVICE, code="X", title="Hot",
        subject="Oven", severity=severity, device_id=device.id, site_id=device.site_id,
    )  # fmt: skip


def test_an_alarm_sets_a_rule_off_once(device: Device) -> None:
    rule_of(
        {"when": [{"kind": "alarm", "severity": "warning"}], "then": [order(device)]},
        tenant=device.tenant,
    )
    over = rule_of(
        {"when": [{"kind": "alarm", "is": "over"}], "then": [order(device, "heater_off")]},
        tenant=device.tenant,
    )
    with tenant_scope(device.tenant_id):
        raise_alarm(sign(device), at=START, now=START)
        raise_alarm(sign(device), at=at(5), now=at(5))
    go(6)
    assert [one.name for one in commands()] == ["heater_on"]
    with tenant_scope(device.tenant_id):
        clear_alarm(device.tenant_id, "k", at=at(10), now=at(10))
    go(11)

    assert [one.name for one in commands()] == ["heater_on", "heater_off"]
    assert executions(rule=over)[0].trigger["said"]["state"] == "cleared"
    with all_tenants():
        assert not AutomationEventNote.objects.exists()


@pytest.mark.parametrize(
    "trigger",
    [{"severity": "critical"}, {"is": "over"}, {"device": "0192e4a0-0000-7000-8000-000000000000"}],
)
def test_another_alarm_does_not(device: Device, trigger: dict[str, Any]) -> None:
    rule_of({"when": [{"kind": "alarm", **trigger}], "then": [order(device)]}, tenant=device.tenant)
    with tenant_scope(device.tenant_id):
        raise_alarm(sign(device), at=START, now=START)
    go(1)

    assert executions() == []


def test_a_device_that_goes_offline(device: Device) -> None:
    rule_of(
        {"when": [{"kind": "device", "device": str(device.id), "is": "offline"}],
         "then": [order(device)]},
        tenant=device.tenant,
    )  # fmt: skip
    with tenant_scope(device.tenant_id):
        for code in ("online", "offline"):
            DeviceEvent.objects.create(device=device, kind="presence", code=code, at=START)
    go(1)

    assert len(executions()) == 1


def test_what_a_command_led_to(device: Device) -> None:
    first = rule_of(
        {"when": [{"kind": "alarm"}], "then": [order(device)]}, tenant=device.tenant, name="First"
    )
    second = rule_of(
        {"when": [{"kind": "command", "device": str(device.id), "name": "heater_on"}],
         "then": [order(device, "restart")]},
        tenant=device.tenant, name="Second",
    )  # fmt: skip
    with tenant_scope(device.tenant_id):
        raise_alarm(sign(device), at=START, now=START)
    go(1)
    with all_tenants():
        Command.objects.update(state="done", finished_at=at(2))
    go(3)

    [execution] = executions(rule=second)
    assert execution.chain == [str(first.id)]
    assert [one.name for one in commands()] == ["heater_on", "restart"]


def test_a_rule_that_sets_itself_off_is_stopped_and_named(device: Device) -> None:
    """Here each waits for the command of the other."""
    loop = [
        rule_of(
            {"when": [{"kind": "command", "device": str(device.id), "name": heard}],
             "then": [order(device, said)]},
            tenant=device.tenant, name=name,
        )
        for name, heard, said in [("Ping", "restart", "state"), ("Pong", "state", "restart")]
    ]  # fmt: skip
    with tenant_scope(device.tenant_id):
        rule_of(
            {
                "when": [{"kind": "alarm", "device": str(device.id)}],
                "then": [order(device, "restart")],
            },
            tenant=device.tenant,
        )
        raise_alarm(sign(device), at=START, now=START)
    for seconds in range(10):
        go(seconds)
        with all_tenants():
            Command.objects.filter(finished_at=None).update(state="done", finished_at=at(seconds))

    with all_tenants():
        stopped = list(AutomationRule.objects.exclude(quarantine=""))
    assert [one.id for one in stopped] == [loop[0].id]
    assert stopped[0].quarantine == "loop"
    assert "Ping → Pong → Ping" in stopped[0].quarantine_detail
    assert len(commands()) == 3


def test_a_loop_over_an_actuator_is_seen_too(device: Device) -> None:
    rule = rule_of(
        {"when": [{"kind": "actuator", "device": str(device.id), "actuator": "heater", "is": "on"}],
         "then": [order(device)]},
        tenant=device.tenant,
    )  # fmt: skip
    with tenant_scope(device.tenant_id):
        state, _made = ActuatorState.objects.get_or_create(device=device, actuator="heater")
    for seconds in range(5):
        with tenant_scope(device.tenant_id):
            for is_on in (False, True):
                state.refresh_from_db()
                state.is_on, state.reported_at = is_on, at(seconds)
                state.save()
        go(seconds)

    with all_tenants():
        rule.refresh_from_db()
    assert rule.quarantine == "loop"
    assert len(commands()) == 1


def test_a_rule_that_acts_too_often_is_stopped(device: Device) -> None:
    rule = rule_of(
        {"when": [{"kind": "device", "is": "online"}], "then": [order(device, "state")],
         "most_per_hour": 3},
        tenant=device.tenant, name="Eager",
    )  # fmt: skip
    for seconds in range(6):
        with tenant_scope(device.tenant_id):
            DeviceEvent.objects.create(
                device=device, kind="presence", code="online", at=at(seconds)
            )
        go(seconds)

    with all_tenants():
        rule.refresh_from_db()
    assert rule.quarantine == "too_often"
    assert "Eager" in rule.quarantine_detail
    assert len(commands()) == 3


def test_an_event_that_nobody_waits_for_is_not_noted(device: Device) -> None:
    rule_of({"when": [{"kind": "alarm"}], "then": [order(device)]}, tenant=device.tenant)
    with tenant_scope(device.tenant_id):
        DeviceEvent.objects.create(device=device, kind="presence", code="online", at=START)
    with all_tenants():
        assert not AutomationEventNote.objects.exists()


def test_what_is_not_done_is_kept_so_often_and_no_more(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automation.services.deciding.MOST_NOT_DONE", 3)
    rule_of(
        {"when": [{"kind": "device", "is": "online"}], "then": [order(device, "state")],
         "if": {"kind": "device", "device": str(device.id), "is": "offline"}},
        tenant=device.tenant,
    )  # fmt: skip
    with tenant_scope(device.tenant_id):
        device.last_seen_at = at(30)
        device.save()
        for seconds in range(6):
            DeviceEvent.objects.create(
                device=device, kind="presence", code="online", at=at(seconds)
            )
    go(30)

    assert [one.reason for one in executions()] == ["conditions"] * 3
    with all_tenants():
        assert not AutomationEventNote.objects.exists()


def test_an_event_of_which_nothing_can_be_kept_holds_up_no_other(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_of(
        {"when": [{"kind": "device", "is": "online"}], "then": [order(device, "state")]},
        tenant=device.tenant,
    )
    with tenant_scope(device.tenant_id):
        for seconds in range(5):
            DeviceEvent.objects.create(
                device=device, kind="presence", code="online", at=at(seconds)
            )
    with all_tenants():
        bad = AutomationEventNote.objects.order_by("id")[2]
    whole = Events.round.__globals__["decide_triggers"]

    def refused(fired: Any, *, now: dt.datetime) -> Any:
        if any(str(bad.event_id) in one.key for one in fired):
            raise DataError("it cannot be kept")
        return whole(fired, now=now)

    monkeypatch.setattr("automation.running.events.decide_triggers", refused)
    go(10)

    assert len(executions()) == 4
    with all_tenants():
        assert not AutomationEventNote.objects.exists()
