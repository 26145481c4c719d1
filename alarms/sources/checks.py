"""The checks of the platform as they hold here: as shipped, unless staff changed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.utils import translation

from alarms.models import Alarm, AlarmCheck, Source
from alarms.sources.shipped import SHIPPED, Check
from devices.models import Severity


def effective(row: AlarmCheck) -> Check:
    """Return the check of a row as it holds now; one that is shipped no more is off."""
    check = SHIPPED.get(row.code)
    if check is None:
        return Check(row.code, row.code, "", "", Severity.INFO, is_enabled=False)
    return _merge(check, row)


def shipped_title(code: str) -> str:
    """Return what a check is called in the active language."""
    return str(SHIPPED[code].title) if code in SHIPPED else code


def effective_checks() -> Mapping[str, Check]:
    """Return all checks by code, as they hold now; one query."""
    rows = {row.code: row for row in AlarmCheck.objects.all()}
    return {code: _merge(check, rows.get(code)) for code, check in SHIPPED.items()}


def list_checks() -> None:
    """Make a row for each shipped check, so that staff find it in the admin."""
    known = set(AlarmCheck.objects.values_list("code", flat=True))
    AlarmCheck.objects.bulk_create(
        (AlarmCheck(code=code) for code in SHIPPED if code not in known), ignore_conflicts=True
    )


def words_of(check: Check, *, value: float | None, subject: str = "") -> str:
    """Return the text of a check in the active language."""
    return str(check.text).format(
        value="" if value is None else f"{value:g}",
        limit="" if check.limit is None else f"{check.limit:g}",
        unit=check.unit,
        subject=subject,
    )


def words_in_english(check: Check, *, value: float | None, subject: str) -> tuple[str, str, str]:
    """Return title, text and advice as they are stored; pages say them in their own language."""
    with translation.override("en"):
        return str(check.title), words_of(check, value=value, subject=subject), str(check.advice)


def system_words(alarm: Alarm) -> tuple[str, str, str]:
    """Return title, text and advice of an alarm in the active language.

    Those of the platform are known; what devices and rules say stays as it is stored, and so
    does what an alarm tells beyond the words of its check, such as names.
    """
    check = SHIPPED.get(alarm.code) if alarm.source == Source.SYSTEM else None
    if check is None:
        return alarm.title, alarm.text, alarm.advice
    shown = replace(check, limit=alarm.limit)
    _title, known, _advice = words_in_english(shown, value=alarm.value, subject=alarm.subject)
    more = alarm.text.removeprefix(known) if alarm.text.startswith(f"{known} ") else ""
    text = words_of(shown, value=alarm.value, subject=alarm.subject)
    return str(check.title), text + more, str(check.advice)


def _merge(check: Check, row: AlarmCheck | None) -> Check:
    if row is None:
        return check
    return replace(
        check,
        is_enabled=row.is_enabled,
        severity=Severity(row.severity) if row.severity else check.severity,
        limit=check.limit if row.limit is None or check.limit is None else row.limit,
        for_seconds=check.for_seconds if row.for_seconds is None else row.for_seconds,
    )
