"""Times set rules off as they do schedules: once each, and too late not at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from automation.models import AutomationRule, AutomationRuleVersion, Execution, Reason
from devices.models import Device, Site
from tests.automation.test_schedules_clock import DAY, HOUR, runs, tick
from tests.automation.test_schedules_services import NOON, command, pump
from tests.conftest import Team
from tests.factories import SiteFactory

__all__ = ["pump"]
pytestmark = pytest.mark.django_db


def rule_of(site: Site, then: Any, **when: Any) -> AutomationRule:
    rule = AutomationRule.objects.create(
        name="At times", site=site, is_enabled=True, position=NOON, next_at=NOON + HOUR
    )
    AutomationRuleVersion.objects.create(
        rule=rule, number=3,
        definition={"when": [{"kind": "time", "schedule": one} for one in when.values()],
                    "then": [then]},
    )  # fmt: skip
    return rule


def test_a_rule_is_decided_at_each_of_its_times(red: Team, pump: Device) -> None:
    hourly = {"when": {"kind": "every", "seconds": 3600}}
    window = {"when": {"kind": "window", "from": "15:30", "to": "15:40"}}  # from 12:30 UTC
    with red.scope():
        rule = rule_of(pump.site, command(pump), one=hourly, two=window)
        AutomationRule.objects.update(next_at=NOON)
        for minutes in (30, 40, 60, 60, 61):
            tick(NOON + dt.timedelta(minutes=minutes))
        rule.refresh_from_db()
        assert runs() == [("15 12:30", ""), ("15 13:00", "")]
        assert {one.trigger_key for one in Execution.objects.all()} == {
            "v3:time1:2026-06-15T15:30",
            "v3:time0:2026-06-15T13:00:00Z",
        }
    assert rule.next_at == NOON + 2 * HOUR


def test_what_came_too_late_for_its_policy_is_kept_as_missed(red: Team, pump: Device) -> None:
    with red.scope():
        rule_of(pump.site, command(pump), one={"when": {"kind": "every", "seconds": 3600}})
        tick(NOON + 3 * HOUR)
    assert [reason for _at, reason in runs()] == [Reason.MISSED, Reason.MISSED, ""]


def test_rules_that_are_off_or_stopped_are_passed_over(red: Team, pump: Device) -> None:
    hourly = {"when": {"kind": "every", "seconds": 3600}}
    with red.scope():
        rule = rule_of(pump.site, command(pump), one=hourly)
        AutomationRule.objects.filter(id=rule.id).update(quarantine="failures")
        tick(NOON + HOUR)
        AutomationRule.objects.filter(id=rule.id).update(quarantine="", is_enabled=False)
        tick(NOON + HOUR)
    assert runs() == []


def test_a_rule_that_cannot_be_read_is_tried_again_in_an_hour(red: Team, pump: Device) -> None:
    with red.scope():
        rule = rule_of(pump.site, {"kind": "no"}, one={"when": {"kind": "every", "seconds": 3600}})
        tick(NOON + HOUR)
        rule.refresh_from_db()
    assert (runs(), rule.next_at) == ([], NOON + 2 * HOUR)


def test_the_sun_sets_a_rule_off_where_its_site_is(red: Team, pump: Device) -> None:
    sunset = {"when": {"kind": "sun", "event": "sunset"}}
    with red.scope():
        there = SiteFactory(tenant=red.tenant, latitude=38.42, longitude=27.14)
        rule = rule_of(there, command(pump), one=sunset)
        AutomationRule.objects.update(next_at=None)
        Site.objects.filter(id=there.id).update(updated_at=rule.updated_at + DAY)
        tick(NOON)
        rule.refresh_from_db()
        assert rule.next_at is not None
        tick(rule.next_at)
    assert [at for at, _reason in runs()] == [f"{rule.next_at:%d %H:%M}"]
