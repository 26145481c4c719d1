"""What the demo's organisation has of automation, and relays that obey."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.tenancy import all_tenants
from automation.demo.seed import seed_automation
from automation.models import AutomationRule, DemandGuard, Schedule, SheddableLoad, ZoneControl
from devices.simulation.relays import Relays


@pytest.mark.django_db
def test_the_demo_has_a_rule_a_schedule_a_guard_and_a_recipe_once(tmp_path, settings):
    settings.HAS_BROKER = False
    call_command("seed_demo", out=str(tmp_path / "demo.json"))

    assert seed_automation(now=timezone.now()) == 0

    with all_tenants():
        rule, schedule = AutomationRule.objects.get(), Schedule.objects.get(zone=None)
        control = ZoneControl.objects.get()
        assert (control.recipe_name, control.recipe_state) == ("Young plants", "running")
        assert Schedule.objects.get(zone=control.zone).control_id == control.id
        guard = DemandGuard.objects.get()
        assert (rule.is_enabled, len(rule.channels)) == (True, 1)
        assert schedule.next_at is not None
        assert (guard.limit_kw, guard.is_shedding, guard.next_at is None) == (250, False, False)
        assert list(SheddableLoad.objects.order_by("number").values_list("name", flat=True)) == [
            "Heat pump offices", "Compressed air",
        ]  # fmt: skip


def test_relays_obey_once_and_answer():
    relays = Relays()
    order = json.dumps(
        {"cmd_id": "1", "cmd": "switch_on", "params": {"channel": "relay3", "runtime_s": 60}}
    ).encode()

    first = [json.loads(answer) for answer in relays.obey(order, now=0.0)]
    again = [json.loads(answer) for answer in relays.obey(order, now=1.0)]

    assert [answer["status"] for answer in first] == ["accepted", "done"]
    assert first[-1]["actuators"] == {"relay3": True}
    assert [answer["status"] for answer in again] == ["done"]
    assert relays.obey(b"no command", now=2.0) == []
