"""Alarms behind the bell."""

from __future__ import annotations

import datetime as dt
from typing import Any

from alarms.delivery.letter import Letter
from alarms.models import Alarm, InAppNote, NotificationMessage


def write_notes(message: NotificationMessage, letter: Letter, *, now: dt.datetime) -> None:
    """Keep a note for each alarm; written again it changes nothing."""
    person = message.target.person
    if person is None:
        return
    contents: list[dict[str, Any]] = message.content.get("notes", [])
    known = set(
        Alarm.objects.filter(id__in=[note["alarm"] for note in contents]).values_list(
            "id", flat=True
        )
    )
    ids = {str(found): found for found in known}
    rows = [
        InAppNote(
            person=person, message=message, number=number, at=now,
            tenant_id=message.tenant_id, alarm_id=ids.get(note["alarm"]),
            title=f"{one.head}: {one.title}"[:300], text=one.text[:1000],
            severity=note["severity"],
        )
        for number, (note, one) in enumerate(zip(contents, letter.paragraphs, strict=True))
    ] or [
        InAppNote(
            person=person, message=message, at=now, title=letter.subject,
            tenant_id=message.tenant_id, text=letter.intro[:1000], severity=message.severity,
        )
    ]  # fmt: skip
    InAppNote.objects.bulk_create(rows, ignore_conflicts=True)
