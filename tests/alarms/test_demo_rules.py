"""The demo's alarm rules: made once, and able to watch something."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.tenancy import all_tenants
from alarms.demo.rules import seed_rules
from alarms.models import AlarmRule
from alarms.queries.watched import watched_rows
from devices.demo.seed import seed_fleet

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.mark.django_db
def test_each_rule_of_the_demo_is_made_once_and_watches_channels() -> None:
    fleet = seed_fleet(known={})
    made = seed_rules(fleet.gateways, now=NOW)

    assert seed_rules(fleet.gateways, now=NOW) == 0
    with all_tenants():
        assert AlarmRule.objects.filter(is_enabled=True).count() == made > 4
    assert {row.rule for row in watched_rows()} == rules()


def rules() -> set[object]:
    with all_tenants():
        return set(AlarmRule.objects.values_list("id", flat=True))
