"""People add, change and delete notes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import current_actor, record_event
from accounts.services.refusals import Refusal
from devices.models import Device, Site
from telemetry.annotations.models import Annotation
from telemetry.ingest.times import OLDEST_US

MAX_AHEAD = dt.timedelta(days=5 * 366)
MAX_PER_SITE = 10_000
_OLDEST = dt.datetime.fromtimestamp(OLDEST_US / 1e6, dt.UTC)


class AnnotationGone(Refusal):
    """The tenant has no such note."""

    code = "gone"
    message = _("There is no such note.")


class TextMissing(Refusal):
    """A note that says nothing."""

    code = "text_missing"
    message = _("Write what happened.")


class ImpossibleTime(Refusal):
    """Times that are the wrong way round, or far from any measurement."""

    code = "impossible_time"
    message = _("The end must be after the beginning, and neither more than five years ahead.")


class DeviceElsewhere(Refusal):
    """The device is at another site."""

    code = "device_elsewhere"
    message = _("Choose a device of this site.")


class TooManyAnnotations(Refusal):
    """A program writes notes in a loop."""

    code = "too_many_notes"
    message = _("This site has 10,000 notes. Delete some first.")


@transaction.atomic
def add_annotation(
    *, site: Site, device: Device | None, start: dt.datetime, end: dt.datetime | None, text: str,
    made_by: User | None, now: dt.datetime,
) -> Annotation:  # fmt: skip
    """Keep a note about [start, end), or about a moment.

    Raises: TextMissing, ImpossibleTime, DeviceElsewhere, TooManyAnnotations.
    """
    if Annotation.objects.filter(site=site)[:MAX_PER_SITE].count() >= MAX_PER_SITE:
        raise TooManyAnnotations
    annotation = Annotation(
        tenant_id=site.tenant_id, site=site, device=device, start=start, end=end,
        text=text.strip(), made_by=made_by, made_by_label=current_actor().label[:254],
    )  # fmt: skip
    _check(annotation, now)
    annotation.save()
    record_event(action="note.added", now=now, tenant_id=site.tenant_id, obj=annotation)
    return annotation


@transaction.atomic
def change_annotation(
    *, annotation_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime
) -> Annotation:
    """Change text, times or device of a note; it stays at its site and with its author.

    Raises: AnnotationGone, TextMissing, ImpossibleTime, DeviceElsewhere.
    """
    annotation = _lock(annotation_id)
    for name, value in changes.items():
        setattr(annotation, name, value.strip() if name == "text" else value)
    _check(annotation, now)
    annotation.save()
    record_event(action="note.changed", now=now, tenant_id=annotation.tenant_id, obj=annotation)
    return annotation


@transaction.atomic
def delete_annotation(*, annotation_id: uuid.UUID, now: dt.datetime) -> Annotation:
    """Delete a note; its history stays.

    Raises: AnnotationGone.
    """
    annotation = _lock(annotation_id)
    record_event(action="note.deleted", now=now, tenant_id=annotation.tenant_id, obj=annotation)
    annotation.delete()
    return annotation


def _lock(annotation_id: uuid.UUID) -> Annotation:
    annotation = Annotation.objects.select_for_update().filter(id=annotation_id).first()
    if annotation is None:
        raise AnnotationGone
    return annotation


def _check(annotation: Annotation, now: dt.datetime) -> None:
    if not annotation.text:
        raise TextMissing
    start, end = annotation.start, annotation.end
    if not _OLDEST <= start <= (end or start) <= now + MAX_AHEAD or start == end:
        raise ImpossibleTime
    if annotation.device is not None and annotation.device.site_id != annotation.site_id:
        raise DeviceElsewhere
