"""A message as people read it, in the language and the zone of its target."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alarms.models import Ending, MessageKind, NotificationMessage
from alarms.notify.weeks import zone_of
from alarms.services.content import BOTH, ENDED, word_of
from devices.models import Severity
from energy.lib.units import symbol
from metering.words import shown

_COLOURS = {
    Severity.CRITICAL: "#b3261e", Severity.ERROR: "#b3261e", Severity.WARNING: "#8a5a00",
    Severity.INFO: "#0a5c74", Severity.DEBUG: "#42565e",
}  # fmt: skip
_OVER_COLOUR = "#1e6b3a"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """An alarm in words. `facts`: lines below its text."""

    head: str
    title: str
    text: str
    advice: str
    facts: tuple[str, ...]
    link: str
    colour: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole message. `kind`: of `MessageKind`."""

    id: uuid.UUID
    kind: str
    subject: str
    intro: str
    paragraphs: tuple[Paragraph, ...]
    left_out: int
    link: str
    language: str
    severity: str
    thread: str

    def as_text(self) -> str:
        """Return it as plain lines, for chats."""
        parts = [self.intro] if self.intro else []
        for one in self.paragraphs:
            lines = [f"{one.head}: {one.title}", one.text, *one.facts]
            if one.advice:
                lines.append(_("What to do: %(text)s") % {"text": one.advice})
            parts.append("\n".join(line for line in [*lines, one.link] if line))
        if self.left_out:
            parts.append(_("And %(count)d more.") % {"count": self.left_out})
        return "\n\n".join(parts)


def alarm_link(alarm_id: str) -> str:
    """Return the absolute address of the page of an alarm."""
    return f"{settings.PUBLIC_URL}/alarms/{alarm_id}/"


@contextmanager
def reader(content: dict[str, Any]) -> Iterator[None]:
    """Speak the language and tell the time of a target."""
    zone = zone_of(content.get("timezone", "UTC"))
    with translation.override(content.get("language", "en")), timezone.override(zone):
        yield


def write(message: NotificationMessage) -> Letter:
    """Return a message in words; what it says never changes, however often it is sent."""
    content = message.content
    with reader(content):
        notes = content.get("notes", [])
        only = notes[0]["alarm"] if len(notes) == 1 else ""
        return Letter(
            id=message.id, kind=message.kind, subject=message.subject,
            intro=_intro(message), paragraphs=tuple(_paragraph(note) for note in notes),
            left_out=content.get("left_out", 0),
            link=alarm_link(only) if only else _link(content),
            language=content.get("language", "en"), severity=message.severity, thread=only,
        )  # fmt: skip


def _link(content: dict[str, Any]) -> str:
    return f"{settings.PUBLIC_URL}{content.get('path', '/alarms/')}"


def _intro(message: NotificationMessage) -> str:
    if message.kind == MessageKind.TEST:
        return _("This is a test. If you read this, alarms will reach you here.")
    if message.kind in {MessageKind.TROUBLE, MessageKind.AUTOMATION}:
        return str(message.content.get("text", ""))
    if message.content.get("was_held"):
        return _("This happened while you were not to be disturbed.")
    return ""


def _paragraph(note: dict[str, Any]) -> Paragraph:
    is_over = note["what"] in {ENDED, BOTH}
    return Paragraph(
        head=word_of(note), title=f"{note['title']} – {note['subject']}", text=note["text"],
        advice="" if is_over else note["advice"], facts=tuple(_facts(note)),
        link=alarm_link(note["alarm"]),
        colour=_OVER_COLOUR if is_over else _COLOURS[Severity(note["severity"])],
    )  # fmt: skip


def _facts(note: dict[str, Any]) -> Iterator[str]:
    if note["site"]:
        yield _("Site: %(site)s") % {"site": note["site"]}
    if note["value"] is not None:
        yield _value(note)
    yield _("Since %(time)s") % {"time": _time(note["raised_at"])}
    if note["ended_at"]:
        ending = Ending(note["ending"]).label if note["ending"] else ""
        yield _("Until %(time)s: %(why)s") % {"time": _time(note["ended_at"]), "why": ending}
    if note["acknowledged_at"]:
        values = {"time": _time(note["acknowledged_at"]), "who": note["acknowledged_by"] or "–"}
        yield _("Acknowledged %(time)s by %(who)s") % values


def _value(note: dict[str, Any]) -> str:
    unit = symbol(note["unit"]) if note["unit"] else ""
    value = f"{_number(note['value'])} {unit}".strip()
    if note["limit"] is None:
        return _("Value: %(value)s") % {"value": value}
    limit = f"{_number(note['limit'])} {unit}".strip()
    return _("Value: %(value)s, limit: %(limit)s") % {"value": value, "limit": limit}


def _number(value: float) -> str:
    return shown(Decimal(f"{value:.6g}"))


def _time(text: str) -> str:
    local = timezone.localtime(dt.datetime.fromisoformat(text))
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} ({local.tzname()})"
