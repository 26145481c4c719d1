"""Sends reports by mail, each address by itself: one that fails stops no other.

A mail is noted as tried before it goes out, so a worker that dies sends it again only after
the pause; it then has the same Message-ID.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.services.mails import Attachment, send_mail
from accounts.services.refusals import MailNotSent
from accounts.tenancy import all_tenants, tenant_scope
from reports.content.build import label_period
from reports.content.question import ReportQuestion, read_question
from reports.models import Delivery, DeliveryState, Recipient, ReportFormat, ReportRun
from reports.services.consent import (
    ask_addresses,
    find_recipient,
    link_to_end,
    unsubscribe_headers,
)
from reports.services.recipients import may_receive
from telemetry.exports import store

MAX_ATTACHED = 10 * 1024 * 1024
MAX_TRIES = 6
FIRST_PAUSE = dt.timedelta(minutes=2)  # doubles with each try: about an hour in all
MEDIA_TYPES = {
    ReportFormat.PDF: "application/pdf",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.CSV_WIDE: "text/csv",
    ReportFormat.CSV_LONG: "text/csv",
}


class NotSendable(Exception):
    """A mail that will never go out; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def claim_delivery(*, now: dt.datetime) -> Delivery | None:
    """Take the next mail that is to be sent; None when there is none."""
    with all_tenants(), transaction.atomic():
        due = Delivery.objects.filter(state=DeliveryState.WAITING, next_try_at__lte=now)
        due = due.select_related("run", "tenant").order_by("next_try_at", "id")
        found = due.select_for_update(skip_locked=True, of=("self",)).first()
        if found is None:
            return None
        found.next_try_at = now + FIRST_PAUSE * 2**found.tries
        found.tries += 1
        found.save(update_fields=["next_try_at", "tries", "updated_at"])
    return found


def deliver(delivery: Delivery, *, now: dt.datetime) -> None:
    """Send a mail that this process has claimed."""
    with tenant_scope(delivery.tenant_id):
        question = read_question(delivery.run.question)
        try:
            with override(question.language):
                has_file = _send(delivery, question, now=now)
        except NotSendable as error:
            _note(delivery, now, state=DeliveryState.WITHHELD, error_code=error.code)
        except MailNotSent as error:
            is_last = delivery.tries >= MAX_TRIES
            state = DeliveryState.FAILED if is_last else DeliveryState.WAITING
            _note(delivery, now, state=state, error_code=error.code)
        else:
            _note(
                delivery, now, state=DeliveryState.SENT, error_code="", sent_at=now,
                has_file=has_file,
            )  # fmt: skip


def _note(delivery: Delivery, now: dt.datetime, **values: object) -> None:
    Delivery.objects.filter(id=delivery.id).update(**values, updated_at=now)


def _send(delivery: Delivery, question: ReportQuestion, *, now: dt.datetime) -> bool:
    """Send the mail; tell whether the file went with it."""
    run = delivery.run
    if not delivery.tenant.is_active or not may_receive(
        run.tenant_id, user_id=delivery.user_id, address=delivery.address
    ):
        raise NotSendable("not_allowed")
    recipient = _check_consent(delivery, now)
    attachment = _attachment(run, question)
    if attachment is None and delivery.user_id is None:
        raise NotSendable("file_too_large")  # a link needs sign-in
    end = link_to_end(recipient)
    period = label_period(question)
    send_mail(
        to=delivery.address,
        subject=_("%(title)s, %(period)s") % {"title": run.title, "period": period},
        folder="reports/mail", template="report", attachment=attachment,
        message_id=f"<report-{delivery.id}@{urlsplit(settings.PUBLIC_URL).hostname}>",
        headers=unsubscribe_headers(end),
        context={
            "run": run, "period": period, "tenant": delivery.tenant,
            "has_file": attachment is not None, "is_member": delivery.user_id is not None,
            "link": settings.PUBLIC_URL + reverse("report-run", args=[run.id]), "end": end,
        },
    )  # fmt: skip
    return attachment is not None


def _check_consent(delivery: Delivery, now: dt.datetime) -> Recipient:
    """Return the recipient, who wants reports. Strangers that were never asked are asked."""
    recipient = find_recipient(delivery.tenant_id, delivery.address)
    if recipient.unsubscribed_at is not None:
        raise NotSendable("unsubscribed")
    if delivery.user_id is None and recipient.confirmed_at is None:
        if recipient.asked_at is None:
            ask_addresses(delivery.tenant_id, [delivery.address], now=now)
        raise NotSendable("not_confirmed")
    return recipient


def _attachment(run: ReportRun, question: ReportQuestion) -> Attachment | None:
    if run.size > MAX_ATTACHED:
        return None
    try:
        with store.open_file(run) as file:
            content = file.read()
    except FileNotFoundError as error:
        raise NotSendable("report_gone") from error
    return Attachment(run.file_name, content, MEDIA_TYPES[ReportFormat(question.format)])
