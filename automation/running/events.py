"""Looks at events that rules wait for."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from django.db import DataError, IntegrityError, transaction

from accounts.tenancy import all_tenants
from automation.models import AutomationEventNote
from automation.services.deciding import decide_triggers
from automation.services.events import fired_by

logger = logging.getLogger(__name__)

BATCH = 200


class Events:
    """Part of `manage.py run_automation`: an event and what follows from it are one transaction."""

    def round(self, now: dt.datetime) -> bool:
        """Look at what waits; True if there may be more."""
        with all_tenants(), transaction.atomic():
            waiting = AutomationEventNote.objects.select_for_update(skip_locked=True)
            notes = list(waiting.order_by("id")[:BATCH])
            _look(notes, now)
        return len(notes) == BATCH


def _look(notes: Sequence[AutomationEventNote], now: dt.datetime) -> None:
    """Look at notes; one of which nothing can be kept never holds up the others."""
    if not notes:
        return
    try:
        with transaction.atomic():
            decide_triggers(fired_by(notes), now=now)
            _remove(notes)
    except (DataError, IntegrityError) as error:
        if len(notes) == 1:
            logger.warning("What %s sets off cannot be kept: %s", notes[0], error)
            _remove(notes)
            return
        half = len(notes) // 2
        _look(notes[:half], now)
        _look(notes[half:], now)


def _remove(notes: Sequence[AutomationEventNote]) -> None:
    AutomationEventNote.objects.filter(id__in=[note.id for note in notes]).delete()
