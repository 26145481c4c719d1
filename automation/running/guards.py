"""The part of the process that looks after demand guards."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Mapping, Sequence

from django.db import transaction

from accounts.tenancy import all_tenants
from automation.models import DemandGuard, SheddableLoad
from automation.queries.guards import Picture, loads_of, pictures_of
from automation.queries.modes import zone_modes
from automation.services.shedding import act, settle

logger = logging.getLogger(__name__)

EVERY = dt.timedelta(seconds=10)
BATCH = 50


class Guards:
    """Looks at every guard each ten seconds; two processes share them."""

    def round(self, now: dt.datetime) -> bool:
        """Look at guards that are due; tell whether more are.

        The rows of a guard and its loads stay locked until what follows is kept with it: a
        crash leaves nothing half done.
        """
        with all_tenants(), transaction.atomic():
            guards = list(
                DemandGuard.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("site")
                .filter(next_at__lte=now)
                .order_by("next_at", "id")[:BATCH]
            )
            if not guards:
                return False
            self._look(guards, now)
        return len(guards) == BATCH

    def _look(self, guards: Sequence[DemandGuard], now: dt.datetime) -> None:
        ids = [guard.id for guard in guards]
        list(SheddableLoad.objects.select_for_update(of=("self",)).filter(guard_id__in=ids))
        by_guard = loads_of(ids)
        loads = [load for own in by_guard.values() for load in own]
        settled = [load for load in loads if settle(load, now=now)]
        SheddableLoad.objects.bulk_update(settled, ["is_shed", "since", "asked"])
        modes = zone_modes({load.device.zone_id for load in loads if load.device.zone_id})
        pictures = pictures_of(guards, now=now, loads=by_guard)
        for picture in pictures:
            _act(picture, modes, now)
            picture.guard.next_at = _next(picture, now)
        DemandGuard.objects.bulk_update(guards, ["window_at", "next_at"])


def _act(picture: Picture, modes: Mapping[uuid.UUID, str], now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            act(picture, modes, now=now)
    except Exception:
        logger.exception("The demand guard %s could not act", picture.guard.id)


def _next(picture: Picture, now: dt.datetime) -> dt.datetime | None:
    """Return when to look again; never at one that is off and has given everything back."""
    is_over = not any(load.is_shed or load.asked for load in picture.loads)
    return None if not picture.guard.is_enabled and is_over else now + EVERY
