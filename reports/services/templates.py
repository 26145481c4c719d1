"""Keeps templates of reports."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts.services.audit import record_event
from devices.models import Site
from reports.content.periods import Timetable
from reports.models import ReportPeriod, ReportTemplate, Schedule
from reports.models.template import MAX_RECIPIENTS
from reports.services.asking import Wanted, check_days, check_place
from reports.services.consent import ask_addresses
from reports.services.recipients import members_who_may, split_addresses
from reports.services.refusals import (
    NoRecipient,
    ReportGone,
    TemplateNameTaken,
    TooManyRecipients,
    UnknownRecipient,
)
from telemetry.timespec import find_zone


@dataclass(frozen=True, slots=True)
class Mailing:
    """When a report is sent and to whom; `send_at` is local. See `ReportTemplate`.

    An address of a member counts as the member.
    """

    schedule: str = Schedule.NONE
    send_at: dt.time = dt.time(6)
    weekday: int = 0
    month_day: int = 1
    recipient_ids: Sequence[uuid.UUID] = ()
    addresses: Sequence[str] = ()


def list_templates() -> QuerySet[ReportTemplate]:
    """Return the templates of the tenant in scope, by name."""
    return ReportTemplate.objects.select_related("site").order_by("name", "id")


def find_template(template_id: uuid.UUID) -> ReportTemplate:
    """Return a template.

    Raises: ReportGone
    """
    found = list_templates().filter(id=template_id).first()
    if found is None:
        raise ReportGone
    return found


@transaction.atomic
def save_template(
    *,
    tenant_id: uuid.UUID,
    wanted: Wanted,
    mailing: Mailing,
    now: dt.datetime,
    is_active: bool = True,
    template: ReportTemplate | None = None,
) -> ReportTemplate:
    """Make a template, or change one; a schedule counts from now on.

    Raises: TemplateNameTaken, UnknownSite, UnknownMeters, WrongDays, UnknownRecipient,
        NoRecipient, TooManyRecipients
    """
    site = check_place(wanted.site_id, wanted.meter_ids)
    check_days(wanted.period, wanted.first_day, wanted.last_day)
    _check_name(wanted.title, template)
    is_new = template is None
    template = template or ReportTemplate(tenant_id=tenant_id)
    _copy(template, wanted, site)
    _copy_mailing(template, mailing, _recipients(tenant_id, mailing))
    template.is_active = is_active
    template.next_due_at = next_due(template, now=now)
    template.save()
    if template.schedule != Schedule.NONE:
        ask_addresses(tenant_id, template.addresses, now=now)
    record_event(
        action=f"report_template.{'created' if is_new else 'changed'}", now=now,
        tenant_id=tenant_id, obj=template,
        detail={"schedule": template.schedule, "addresses": template.addresses},
    )  # fmt: skip
    return template


@transaction.atomic
def delete_template(template_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Delete a template; reports made from it stay.

    Raises: ReportGone
    """
    template = find_template(template_id)
    record_event(
        action="report_template.deleted", now=now, tenant_id=template.tenant_id, obj=template
    )
    template.delete()


def timetable_of(template: ReportTemplate) -> Timetable:
    """Return when a template is due; it must have a schedule."""
    return Timetable(
        template.schedule, template.send_at, template.weekday, template.month_day,
        find_zone(template.site.timezone),
    )  # fmt: skip


def next_due(template: ReportTemplate, *, now: dt.datetime) -> dt.datetime | None:
    """Return when a template is due next; None when it is never sent."""
    if template.schedule == Schedule.NONE or not template.is_active:
        return None
    return timetable_of(template).next_after(now)


def _check_name(name: str, template: ReportTemplate | None) -> None:
    others = ReportTemplate.objects.filter(name=name)
    if template is not None:
        others = others.exclude(id=template.id)
    if others.exists():
        raise TemplateNameTaken


def _recipients(tenant_id: uuid.UUID, mailing: Mailing) -> tuple[list[uuid.UUID], list[str]]:
    members, outside = split_addresses(tenant_id, mailing.addresses)
    people = list(dict.fromkeys([*mailing.recipient_ids, *members]))
    if set(people) - {row.user_id for row in members_who_may(tenant_id)}:
        raise UnknownRecipient
    if len(people) + len(outside) > MAX_RECIPIENTS:
        raise TooManyRecipients
    if mailing.schedule != Schedule.NONE and not people and not outside:
        raise NoRecipient
    return people, outside


def _copy(template: ReportTemplate, wanted: Wanted, site: Site) -> None:
    is_fixed = wanted.period == ReportPeriod.FIXED
    template.name, template.kind, template.site = wanted.title, wanted.kind, site
    template.meter_ids, template.period = list(wanted.meter_ids), wanted.period
    template.first_day = wanted.first_day if is_fixed else None
    template.last_day = wanted.last_day if is_fixed else None
    template.step, template.compare = wanted.step, wanted.compare
    template.format, template.separator = wanted.format, wanted.separator
    template.decimal_mark, template.language = wanted.decimal_mark, wanted.language


def _copy_mailing(
    template: ReportTemplate, mailing: Mailing, recipients: tuple[list[uuid.UUID], list[str]]
) -> None:
    template.recipient_ids, template.addresses = recipients
    template.schedule, template.send_at = mailing.schedule, mailing.send_at
    template.weekday, template.month_day = mailing.weekday, mailing.month_day
