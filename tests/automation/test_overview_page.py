"""The first page of automation."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from automation.models import AutomationRule, Origin, Quarantine
from automation.services.executions import Wanted, begin_executions

pytestmark = pytest.mark.django_db


def test_it_says_so_where_there_is_nothing_yet(red, client_for):
    page = client_for(red.viewer).get("/automation/").content.decode()

    assert "Nothing was done yet" in page
    assert "0 of 0" in page


def test_it_shows_what_was_done_and_what_is_stopped(red, blue, client_for):
    now = timezone.now()
    with red.scope():
        rule = AutomationRule.objects.create(
            tenant=red.tenant, name="Water when dry", is_enabled=True,
            quarantine=Quarantine.LOOP, quarantine_detail="through Pump 1", quarantined_at=now,
        )  # fmt: skip
        AutomationRule.objects.create(tenant=red.tenant, name="Heat", is_enabled=True)
        wanted = Wanted(
            tenant_id=red.tenant.id, origin=Origin.RULE, origin_id=rule.id, trigger_key="1",
            label="Water when dry", triggered_at=now - dt.timedelta(minutes=1), rule_id=rule.id,
        )  # fmt: skip
        begin_executions([wanted], now=now)

    page = client_for(red.viewer).get("/automation/").content.decode()

    assert "through Pump 1" in page
    assert "1 of 2" in page
    assert "Running" in page
    assert "Water when dry" not in client_for(blue.viewer).get("/automation/").content.decode()
