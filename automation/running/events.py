"""Looks at events that rules wait for."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from accounts.tenancy import all_tenants
from automation.models import AutomationEventNote
from automation.services.deciding import decide_triggers
from automation.services.events import fired_by

BATCH = 200


class Events:
    """Part of `manage.py run_automation`: an event and what follows from it are one transaction."""

    def round(self, now: dt.datetime) -> bool:
        """Look at what waits; True if there may be more."""
        with all_tenants(), transaction.atomic():
            waiting = AutomationEventNote.objects.select_for_update(skip_locked=True)
            notes = list(waiting.order_by("id")[:BATCH])
            if notes:
                decide_triggers(fired_by(notes), now=now)
                AutomationEventNote.objects.filter(id__in=[note.id for note in notes]).delete()
        return len(notes) == BATCH
