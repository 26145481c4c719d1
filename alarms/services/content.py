"""What a message says, kept as it was when the message was made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from alarms.models import Alarm, Notification, NotificationTarget
from alarms.sources.checks import system_words
from devices.models import Severity

MAX_DESCRIBED = 100
RAISED, ENDED, BOTH, AGAIN = "raised", "ended", "raised_and_ended", "still_open"


def describe(due: Sequence[Notification], target: NotificationTarget) -> dict[str, Any]:
    """Return what is told: one entry an alarm, the worst that is open first.

    Each has `what`: raised, still_open (a later step), ended, or raised_and_ended, which came
    and went before anybody was told. `left_out`: how many more there were.
    """
    by_alarm: dict[Any, list[Notification]] = {}
    for one in due:
        by_alarm.setdefault(one.alarm_id, []).append(one)
    with override(target.language):  # what the platform says of itself; others keep their words
        notes = sorted((_note(its) for its in by_alarm.values()), key=_order)
    return {
        "tenant": {"id": str(target.tenant_id), "name": target.tenant.name},
        "notes": notes[:MAX_DESCRIBED],
        "left_out": max(0, len(notes) - MAX_DESCRIBED),
        "was_held": any(one.was_held for one in due),
        "language": target.language,
        "timezone": target.timezone,
    }


def subject_of(content: dict[str, Any]) -> str:
    """Return one line in the language of the target."""
    with override(content["language"]):
        notes = content["notes"]
        if len(notes) > 1:
            return _several(notes, content["left_out"], was_held=content["was_held"])
        note = notes[0]
        return f"{word_of(note)}: {note['title']} – {note['subject']}"


def word_of(note: dict[str, Any]) -> str:
    """Return how a note begins, in the active language."""
    severity = str(Severity(note["severity"]).label)
    return {
        RAISED: severity,
        AGAIN: _("%(severity)s, still open") % {"severity": severity},
        ENDED: _("Over"),
        BOTH: _("Came and went"),
    }[note["what"]]


def _several(notes: list[dict[str, Any]], left_out: int, *, was_held: bool) -> str:
    count = len(notes) + left_out
    begin = ngettext("%(count)d alarm", "%(count)d alarms", count) % {"count": count}
    still = sum(1 for note in notes if note["what"] in {RAISED, AGAIN})
    state = ngettext("%(count)d open", "%(count)d open", still) % {"count": still}
    text = f"{begin}, {state}: {notes[0]['title']} – {notes[0]['subject']} …"
    return _("While it was quiet: %(text)s") % {"text": text} if was_held else text


def _note(its: list[Notification]) -> dict[str, Any]:
    alarm = its[0].alarm
    kinds = {one.kind for one in its}
    title, text, advice = system_words(alarm)
    return {
        "alarm": str(alarm.id), "what": _what(alarm, its, kinds), "title": title,
        "subject": alarm.subject, "severity": alarm.severity, "text": text,
        "advice": advice, "value": alarm.value, "limit": alarm.limit, "unit": alarm.unit,
        "site": alarm.site.name if alarm.site else "", "raised_at": _iso(alarm.raised_at),
        "ended_at": _iso(alarm.cleared_at), "ending": alarm.ending, "source": alarm.source,
        "code": alarm.code, "acknowledged_at": _iso(alarm.acknowledged_at),
        "acknowledged_by": _name(alarm), "step": max(one.step for one in its),
    }  # fmt: skip


def _what(alarm: Alarm, its: list[Notification], kinds: set[str]) -> str:
    if kinds == {Notification.Kind.ENDED}:
        return ENDED
    if not alarm.is_open:
        return BOTH
    return AGAIN if all(one.step for one in its) else RAISED


def _name(alarm: Alarm) -> str:
    return alarm.acknowledged_by.get_full_name() if alarm.acknowledged_by else ""


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).isoformat() if moment else None


def _order(note: dict[str, Any]) -> tuple[bool, int, str]:
    is_over = note["what"] in {ENDED, BOTH}
    return is_over, -Severity.values.index(note["severity"]), note["raised_at"]
