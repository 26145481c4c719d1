"""What the main menu says about alarms."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from alarms.queries.inbox import MANY, count_fresh


def alarm_count(request: HttpRequest) -> dict[str, Any]:
    """Offer the number of open alarms nobody has acknowledged as text, "" for none.

    A context processor; reads when a page shows it.
    """
    return {"alarm_count": SimpleLazyObject(lambda: _text(request))}


def _text(request: HttpRequest) -> str:
    acting = getattr(request, "acting", None)
    if acting is None or "read:alarm" not in acting.codes:
        return ""
    number = count_fresh(now=timezone.now())
    return f"{MANY}+" if number > MANY else str(number or "")
