"""People agree to proposals, decline them, and stop what is being done."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from automation.models import AutomationRule, Execution, ExecutionStep, Origin, Reason, Schedule
from automation.running.executor import Executor
from automation.services.agreeing import (
    NotProposed,
    NotRunning,
    ProposalOver,
    agree,
    cancel,
    decline,
)
from automation.services.executions import Wanted, begin_executions
from devices.command_states import State
from devices.models import Command, Device
from devices.services.command_refusals import MayNotControl
from tests.automation.test_schedules_services import NOON, command, make, pump
from tests.conftest import Team
from tests.factories import NOW

__all__ = ["pump"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
SignIn = Callable[[User], Client]
LOG = "/api/v1/automation/executions"
MINUTE = dt.timedelta(minutes=1)


def begin(device: Device, now: dt.datetime = NOON, **changes: Any) -> Execution:
    given = {
        "tenant_id": device.tenant_id, "origin": Origin.RULE, "origin_id": uuid.uuid4(),
        "trigger_key": "k", "label": "Dry bed", "triggered_at": now,
        "actions": [command(device), {"kind": "delay", "seconds": 60}, command(device, "pump_off")],
    } | changes  # fmt: skip
    return begin_executions([Wanted(**given)], now=now)[0]


def test_what_somebody_agrees_to_is_done(red: Team, pump: Device) -> None:
    with red.scope():
        proposal = begin(pump, needs_agreement=True)
        later = NOON + 5 * MINUTE
        done = agree(execution_id=proposal.id, actor=red.operator, now=later)
        assert (done.state, done.agreed_by) == ("running", red.operator.email)
        with pytest.raises(NotProposed):
            agree(execution_id=proposal.id, actor=red.operator, now=later)
        Executor().round(later)
        assert [one.name for one in Command.objects.all()] == ["pump_on"]
    assert AuditEvent.objects.filter(action="execution.agreed", object_id=proposal.id).exists()


def test_after_a_quarter_of_an_hour_nobody_can_agree(red: Team, pump: Device) -> None:
    with red.scope():
        proposal = begin(pump, needs_agreement=True)
        for moment in (NOON + 15 * MINUTE, NOON + 20 * MINUTE):
            with pytest.raises(ProposalOver):
                agree(execution_id=proposal.id, actor=red.operator, now=moment)
            Executor().round(moment)
        assert Command.objects.count() == 0


def test_what_is_declined_is_not_done(red: Team, pump: Device) -> None:
    with red.scope():
        proposal = begin(pump, needs_agreement=True)
        over = decline(execution_id=proposal.id, actor=red.operator, now=NOON)
        Executor().round(NOON + MINUTE)
        assert (over.state, over.reason, over.detail) == (
            "cancelled", Reason.NOT_AGREED, red.operator.email
        )  # fmt: skip
        assert {step.state for step in ExecutionStep.objects.all()} == {"skipped"}
        assert Command.objects.count() == 0


def test_who_may_not_control_the_devices_says_nothing(red: Team, pump: Device) -> None:
    with red.scope():
        proposal, running = begin(pump, needs_agreement=True), begin(pump)
        for act in (agree, decline):
            with pytest.raises(MayNotControl):
                act(execution_id=proposal.id, actor=red.viewer, now=NOON)
        with pytest.raises(MayNotControl):
            cancel(execution_id=running.id, actor=red.viewer, now=NOON)
        assert {one.state for one in Execution.objects.all()} == {"proposed", "running"}


@pytest.mark.parametrize(("has_left", "state"), [(False, "skipped"), (True, "done")])
def test_what_has_left_stays_when_it_is_stopped(
    red: Team, pump: Device, has_left: bool, state: str
) -> None:
    with red.scope():
        running = begin(pump)
        Executor().round(NOON)
        if has_left:
            Command.objects.update(state=State.SENT, sent_at=NOON)
        cancel(execution_id=running.id, actor=red.operator, now=NOON + MINUTE)
        Executor().round(NOON + 5 * MINUTE)
        assert [step.state for step in running.steps.order_by("number")] == [
            state, "skipped", "skipped"
        ]  # fmt: skip
        assert [one.state for one in Command.objects.all()] == [
            State.SENT if has_left else State.CANCELLED
        ]
        with pytest.raises(NotRunning):
            cancel(execution_id=running.id, actor=red.operator, now=NOON + MINUTE)


def test_programs_read_the_log_and_answer(red: Team, pump: Device, client_for: SignIn) -> None:
    client = client_for(red.operator)
    seen = [{"what": "Bed 1", "value": 12.5, "unit": "%", "at": None, "holds": True}]
    with red.scope():
        proposal = begin(pump, NOW, needs_agreement=True, seen=seen, chain=[str(uuid.uuid4())])
        begin(pump, NOW, origin_id=uuid.uuid4(), reason=Reason.COOLDOWN, label="Wet bed")
    rows = client.get(LOG).json()["results"]
    assert {row["name"] for row in rows} == {"Dry bed", "Wet bed"}
    one = client.get(LOG, {"done": "false"}).json()["results"]
    assert [(row["name"], row["reason"]) for row in one] == [("Wet bed", "cooldown")]
    detail = client.get(f"{LOG}/{proposal.id}").json()
    assert detail["seen"] == seen
    assert [step["words"] for step in detail["steps"]][1] == "wait 1 min"
    assert detail["agree_until"] == "2026-11-20T12:15:00Z"
    assert client_for(red.viewer).post(f"{LOG}/{proposal.id}/agree").status_code == 403
    answer = client.post(f"{LOG}/{proposal.id}/agree")
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    again = client.post(f"{LOG}/{proposal.id}/decline")
    assert (again.status_code, again.json()["code"]) == (409, "not_proposed")


def test_the_log_costs_no_more_for_more_rows(
    red: Team, pump: Device, client_for: SignIn, django_assert_max_num_queries: Any
) -> None:
    client = client_for(red.viewer)
    with red.scope():
        for number in range(20):
            begin(pump, trigger_key=f"k{number}", origin_id=uuid.UUID(int=1))
            make(pump, name=f"S{number}")
        assert Schedule.objects.count() == 20
    with django_assert_max_num_queries(14):
        assert len(client.get(LOG).json()["results"]) == 20
    with django_assert_max_num_queries(14):
        assert len(client.get("/api/v1/automation/schedules").json()["results"]) == 20


def test_the_page_of_one_says_why_and_links_to_its_rule(
    red: Team, pump: Device, client_for: SignIn
) -> None:
    with red.scope():
        rule = AutomationRule.objects.create(name="Dry bed rule")
        cause = begin(pump, NOW, label="Before")
        one = begin(
            pump, NOW, origin_id=rule.id, rule_id=rule.id, reason=Reason.CONDITIONS,
            trigger={"kind": "execution", "execution": str(cause.id), "name": "Before"},
            chain=[str(rule.id)],
            seen=[{"what": "Bed 1 · Soil", "value": 40.5, "unit": "%", "holds": False}],
        )  # fmt: skip
    page = client_for(red.viewer).get(f"/automation/log/{one.id}/").content.decode()
    for text in ("The conditions did not hold", "Bed 1 · Soil", "40.5 %", f"/{rule.id}",
                 f"/automation/log/{cause.id}/", "Nothing was done."):  # fmt: skip
        assert text in page
    assert "Decline" not in page
