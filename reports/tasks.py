"""Periodic jobs of reports; they claim work from the database and may die at any moment."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from reports.services import asking, consent, making, scheduling, sending

logger = logging.getLogger(__name__)

# below the time limit of a task, which kills; what is left waits for the next one
BUDGET = dt.timedelta(seconds=180)


@shared_task
def send_due_reports(**kwargs: Any) -> int:
    """Ask for the reports whose time has come; return how many."""
    return scheduling.request_due(now=timezone.now())


@shared_task
def run_reports(**kwargs: Any) -> int:
    """Make reports that wait or whose worker died; return how many."""
    deadline, count = timezone.now() + BUDGET, 0
    while timezone.now() < deadline:
        run = making.claim_run(now=timezone.now())
        if run is None:
            break
        count += 1
        try:
            making.run_report(run, clock=timezone.now)
        except Exception:  # tried again when its lease ends; others go on
            logger.exception("Report %s broke", run.id)
    return count


@shared_task
def deliver_reports(**kwargs: Any) -> int:
    """Send mails with reports, and ask new addresses first; return how many were tried."""
    deadline, count = timezone.now() + BUDGET, _ask_recipients(timezone.now() + BUDGET)
    while timezone.now() < deadline:
        delivery = sending.claim_delivery(now=timezone.now())
        if delivery is None:
            break
        count += 1
        try:
            sending.deliver(delivery, now=timezone.now())
        except Exception:  # tried again after its pause; others go on
            logger.exception("Mail %s broke", delivery.id)
    return count


def _ask_recipients(deadline: dt.datetime) -> int:
    count = 0
    while timezone.now() < deadline:
        recipient = consent.claim_question(now=timezone.now())
        if recipient is None:
            break
        count += 1
        try:
            consent.ask(recipient, now=timezone.now())
        except Exception:  # tried again after its pause; others go on
            logger.exception("Recipient %s could not be asked", recipient.id)
    return count


@shared_task
def delete_old_reports(**kwargs: Any) -> int:
    """Delete reports 90 days after they were made."""
    return asking.delete_old_reports(now=timezone.now())
