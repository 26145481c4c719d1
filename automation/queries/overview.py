"""How automation of the tenant in scope stands, in figures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q

from automation.models import AutomationRule, Execution, ExecutionState, Schedule

RECENT = dt.timedelta(hours=24)
LATEST = 10
NEXT = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """What people ask first. on_duty, dry: rules that are enabled; stopped: those in quarantine.

    running, waiting: executions that are open now. done, not_done: of the last 24 hours.
    """

    rules: int
    on_duty: int
    dry: int
    stopped: list[AutomationRule]
    running: int
    waiting: int
    done: int
    failed: int
    latest: list[Execution]
    coming: list[Schedule]


def automation_overview(*, now: dt.datetime) -> Overview:
    """Return how things stand."""
    armed = Q(is_enabled=True, quarantine="")
    rules = AutomationRule.objects.aggregate(
        all=Count("id"), on_duty=Count("id", filter=armed & Q(is_dry=False)),
        dry=Count("id", filter=armed & Q(is_dry=True)),
    )  # fmt: skip
    recent = Q(decided_at__gt=now - RECENT)
    bad = Q(state__in=[ExecutionState.FAILED, ExecutionState.REFUSED])
    counted = Execution.objects.filter(recent | Q(next_at__isnull=False)).aggregate(
        running=Count("id", filter=Q(state=ExecutionState.RUNNING)),
        waiting=Count("id", filter=Q(state=ExecutionState.PROPOSED)),
        done=Count("id", filter=recent & Q(state=ExecutionState.DONE)),
        failed=Count("id", filter=recent & bad),
    )
    return Overview(
        rules["all"], rules["on_duty"], rules["dry"],
        list(AutomationRule.objects.exclude(quarantine="").order_by("name")[:NEXT]),
        counted["running"], counted["waiting"], counted["done"], counted["failed"],
        list(Execution.objects.exclude(state=ExecutionState.SKIPPED)
             .select_related("site").order_by("-decided_at", "-id")[:LATEST]),
        list(Schedule.objects.filter(is_enabled=True, next_at__gt=now)
             .select_related("site").order_by("next_at", "id")[:NEXT]),
    )  # fmt: skip
