"""What people changed lately: workers read it again within seconds, not when it expires.

The tables of changes that the database keeps of devices, channels and types are read by number.
A transaction that commits late may come with a lower number, so the last ones are read again.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connection

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LATE_NUMBERS = 64
MAX_ROWS = 5_000
# New channels are made by the worker itself, and what is unknown is asked for soon anyway.
_CHANGED = """
(SELECT 'device', pgh_id, pgh_obj_id, gateway_id FROM devices_devicechange
    WHERE pgh_id > %(device)s AND pgh_label <> 'insert' ORDER BY pgh_id LIMIT %(limit)s)
UNION ALL
(SELECT 'channel', pgh_id, device_id, NULL FROM devices_channelchange
    WHERE pgh_id > %(channel)s AND pgh_label <> 'insert' ORDER BY pgh_id LIMIT %(limit)s)
UNION ALL
(SELECT 'profile', pgh_id, pgh_obj_id, NULL FROM devices_deviceprofilechange
    WHERE pgh_id > %(profile)s ORDER BY pgh_id LIMIT %(limit)s)
"""
_NEWEST = """
SELECT (SELECT coalesce(max(pgh_id), 0) FROM devices_devicechange),
    (SELECT coalesce(max(pgh_id), 0) FROM devices_channelchange),
    (SELECT coalesce(max(pgh_id), 0) FROM devices_deviceprofilechange)
"""
_KINDS = ("device", "channel", "profile")


@dataclass(frozen=True, slots=True)
class Changed:
    """Whose messages may mean something else now."""

    devices: frozenset[uuid.UUID] = frozenset()
    gateways: frozenset[uuid.UUID] = frozenset()
    profiles: frozenset[uuid.UUID] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.devices or self.profiles)


@dataclass(slots=True)
class ChangeWatch:
    """Looks for changes, every two seconds."""

    _at: dict[str, int] = field(default_factory=dict)
    _seen: set[tuple[str, int]] = field(default_factory=set)
    _look_at: float = 0.0

    def look(self, *, clock: float) -> Changed:
        """Return what changed since the last look; nothing when it is too early, or the first."""
        if clock < self._look_at:
            return Changed()
        self._look_at = clock + LOOK_SECONDS
        try:
            return self._read() if self._at else self._begin()
        except DatabaseError as error:
            logger.warning("Changes not read: %s", error)
            return Changed()

    def _begin(self) -> Changed:
        with connection.cursor() as cursor:
            cursor.execute(_NEWEST)
            self._at = dict(zip(_KINDS, cursor.fetchone(), strict=True))
            # those that are there already are known to be seen
            cursor.execute(_CHANGED, self._floors())
            self._seen = {(kind, number) for kind, number, *_ in cursor.fetchall()}
        return Changed()

    def _read(self) -> Changed:
        with connection.cursor() as cursor:
            cursor.execute(_CHANGED, self._floors())
            found = [row for row in cursor.fetchall() if row[:2] not in self._seen]
        for kind, number, _id, _gateway in found:
            self._at[kind] = max(self._at[kind], number)
            self._seen.add((kind, number))
        self._seen = {(k, n) for k, n in self._seen if n > self._at[k] - LATE_NUMBERS}
        return Changed(
            frozenset(id_ for kind, _n, id_, _g in found if kind != "profile"),
            frozenset(gateway for *_, gateway in found if gateway),
            frozenset(id_ for kind, _n, id_, _g in found if kind == "profile"),
        )

    def _floors(self) -> dict[str, int]:
        return {kind: self._at[kind] - LATE_NUMBERS for kind in _KINDS} | {"limit": MAX_ROWS}
