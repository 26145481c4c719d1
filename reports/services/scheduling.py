"""Asks for the reports that are due by the clock of their site.

What was missed while nothing ran is asked for once, not as often as it was missed.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction

from accounts.actor import SYSTEM
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from reports.models import ReportRun, ReportTemplate
from reports.services.asking import request_report, wanted_of
from reports.services.templates import timetable_of

logger = logging.getLogger(__name__)


def request_due(*, now: dt.datetime, at_most: int = 500) -> int:
    """Ask for reports whose time has come; return how many."""
    count = 0
    while count < at_most and _request_next(now=now):
        count += 1
    return count


@transaction.atomic
def _request_next(*, now: dt.datetime) -> bool:
    with all_tenants():
        due = ReportTemplate.objects.filter(next_due_at__lte=now, tenant__is_active=True)
        due = due.select_related("site", "tenant").order_by("next_due_at", "id")
        template = due.select_for_update(skip_locked=True, of=("self",)).first()
    if template is None:
        return False
    with tenant_scope(template.tenant_id):
        table = timetable_of(template)
        _request(template, max(table.last_until(now), template.next_due_at or now), now)
        template.next_due_at = table.next_after(now)
        template.save(update_fields=["next_due_at", "updated_at"])
    return True


def _request(template: ReportTemplate, due_at: dt.datetime, now: dt.datetime) -> None:
    """Ask for the report of a due time; its period is the last one at that time."""
    if ReportRun.objects.filter(template=template, due_at=due_at).exists():
        return
    try:
        with transaction.atomic():
            request_report(
                tenant_id=template.tenant_id, wanted=wanted_of(template), actor=SYSTEM,
                now=now, template=template, is_sent=True, due_at=due_at,
            )  # fmt: skip
    except Refusal as refusal:
        logger.warning("Report template %s was not run: %s", template.id, refusal.code)
