"""What an execution does, step by step, whatever becomes of its commands."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, NotificationMessage, NotificationTarget, TargetKind
from automation.models import (
    AutomationRule,
    Execution,
    ExecutionState,
    Origin,
    Quarantine,
    Schedule,
)
from automation.running.executor import Executor
from automation.services.executions import Wanted, begin_executions
from devices.models import Command, Device, EmergencyStop
from tests.automation.operator import START
from tests.conftest import Team
from tests.factories import AutomationRuleFactory, SiteFactory

pytestmark = pytest.mark.django_db


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


@pytest.fixture
def rule(red: Team) -> AutomationRule:
    found: AutomationRule = AutomationRuleFactory(tenant=red.tenant, name="Water")
    return found


def begin(rule: AutomationRule, *actions: dict[str, Any], key: str = "1", **more: Any) -> Execution:
    with tenant_scope(rule.tenant_id):
        [found] = begin_executions(
            [
                Wanted(
                    tenant_id=rule.tenant_id, origin=Origin.RULE, origin_id=rule.id,
                    trigger_key=key, label=rule.name, triggered_at=START, actions=actions,
                    rule_id=rule.id, **more,
                )
            ],
            now=START,
        )  # fmt: skip
    return found


def go(seconds: float, execution: Execution) -> list[str]:
    """Give the executor its turn; return the states of the execution and of its steps."""
    Executor().round(at(seconds))
    with all_tenants():
        execution.refresh_from_db()
        steps = execution.steps.order_by("number").values_list("state", flat=True)
        return [execution.state, *steps]


def end(state: str, **fields: Any) -> None:
    """Let the newest command end."""
    with all_tenants():
        newest = Command.objects.order_by("-requested_at", "-id")[:1]
        Command.objects.filter(id__in=newest).update(state=state, finished_at=START, **fields)


def order(device: Device, name: str = "pump_on", **more: Any) -> dict[str, Any]:
    params = {"duration_s": 60} if name == "pump_on" else {}
    return {
        "kind": "command", "device": str(device.id), "name": name, "params": params,
    } | more  # fmt: skip


def test_a_delay_holds_what_follows(rule: AutomationRule, device: Device) -> None:
    execution = begin(
        rule, order(device), {"kind": "delay", "seconds": 30}, order(device, "restart")
    )

    assert go(0, execution) == ["running", "running", "running", "waiting"]
    assert go(29, execution)[3] == "waiting"
    assert go(31, execution)[2:] == ["done", "running"]
    with all_tenants():
        names = list(Command.objects.order_by("requested_at").values_list("name", flat=True))
        Command.objects.update(state="done", finished_at=START)
    assert names == ["pump_on", "restart"]
    assert go(40, execution) == ["done"] * 4


def test_waiting_for_an_answer(rule: AutomationRule, device: Device) -> None:
    execution = begin(rule, order(device, wait=True), order(device, "restart"))

    assert go(0, execution) == ["running", "running", "waiting"]
    end("done")
    assert go(5, execution) == ["running", "done", "running"]


def test_what_follows_a_failure_is_not_done(rule: AutomationRule, device: Device) -> None:
    execution = begin(rule, order(device, wait=True), order(device, "restart"))
    go(0, execution)
    end("error", code="motor", detail="It is stuck.")

    assert go(5, execution) == ["failed", "failed", "skipped"]
    with all_tenants():
        step = execution.steps.order_by("number").first()
        assert step is not None
        assert (step.code, step.detail) == ("motor", "It is stuck.")
        rule.refresh_from_db()
    assert rule.failures == 0  # the device's fault, not the rule's


def test_a_busy_device_is_asked_three_times_more(rule: AutomationRule, device: Device) -> None:
    execution = begin(rule, order(device))
    go(0, execution)
    for seconds in (30, 60, 90):
        end("busy")
        assert go(seconds, execution)[1] == "running"
    end("busy")

    assert go(120, execution) == ["failed", "failed"]
    with all_tenants():
        assert Command.objects.count() == 4


def test_the_safety_check_refuses_and_nobody_is_blamed(
    rule: AutomationRule, device: Device
) -> None:
    with tenant_scope(rule.tenant_id):
        EmergencyStop.objects.create(
            scope="device", target_id=device.id, target_label="x", pressed_by="x", pressed_at=START
        )
    execution = begin(rule, order(device), order(device, "restart"))

    assert go(0, execution) == ["refused", "refused", "skipped"]
    with all_tenants():
        rule.refresh_from_db()
        assert (rule.failures, Command.objects.get().code) == (0, "emergency_stop")


def test_five_failures_of_its_own_stop_a_rule(rule: AutomationRule, device: Device) -> None:
    for number in range(5):
        execution = begin(rule, order(device, "fly"), key=str(number))
        assert go(number, execution) == ["failed", "failed"]

    with all_tenants():
        rule.refresh_from_db()
        alarm = Alarm.objects.get()
        event = AuditEvent.objects.get(action="automation_rule.stopped")
    assert rule.quarantine == Quarantine.FAILURES
    assert "fly" in rule.quarantine_detail
    assert (alarm.subject, alarm.code) == ("Water", "automation_stopped")
    assert event.object_label == "Water"


def test_people_are_told_once(rule: AutomationRule, red: Team) -> None:
    with tenant_scope(red.tenant.id):
        target = NotificationTarget.objects.create(
            name="Desk", kind=TargetKind.EMAIL, address="desk@example.com"
        )
    seen = [{"what": "Tank · level", "value": 19.0, "unit": "%", "holds": True}]
    action = {"kind": "notify", "targets": [str(target.id)], "text": "{channel} is {value} {unit}"}
    execution = begin(rule, action, seen=seen)

    assert go(0, execution) == ["done", "done"]
    with all_tenants():
        Execution.objects.update(state=ExecutionState.RUNNING, next_at=START, number=0)
        execution.steps.update(state="waiting")  # as if it had crashed before it was kept
    assert go(1, execution) == ["done", "done"]
    with all_tenants():
        message = NotificationMessage.objects.get()
    assert message.subject == "Water: Tank · level is 19 %"
    assert message.content["execution"]["id"] == str(execution.id)


def test_nobody_to_tell_is_a_failure(rule: AutomationRule) -> None:
    execution = begin(rule, {"kind": "notify", "targets": [str(uuid.uuid4())]})

    assert go(0, execution) == ["failed", "failed"]


def test_a_schedule_is_run_by_a_rule(rule: AutomationRule, device: Device) -> None:
    with tenant_scope(rule.tenant_id):
        schedule = Schedule.objects.create(
            name="Flush", site=SiteFactory(tenant=device.tenant), actions=[order(device)],
            definition={"when": {"kind": "times", "at": ["06:00"]}},
        )  # fmt: skip
    execution = begin(rule, {"kind": "schedule", "schedule": str(schedule.id)})

    assert go(0, execution) == ["done", "done"]
    with all_tenants():
        ran = Execution.objects.get(schedule=schedule)
    assert ran.chain == [str(rule.id)]
    assert go(1, ran) == ["running", "running"]


def test_a_proposal_that_nobody_answers_ends(rule: AutomationRule, device: Device) -> None:
    execution = begin(rule, order(device), needs_agreement=True)

    assert go(60, execution) == ["proposed", "waiting"]
    assert go(901, execution) == ["cancelled", "waiting"]
    assert execution.reason == "not_agreed"


def test_a_bad_execution_never_stops_the_others(rule: AutomationRule, device: Device) -> None:
    bad = begin(rule, {"kind": "command", "device": "x"}, key="bad")
    good = begin(rule, order(device), key="good")

    assert go(0, good) == ["running", "running"]
    assert go(0, bad) == ["failed", "failed"]
