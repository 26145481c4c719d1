"""What a bus or a unit looks like to the poller; pure. The words are those of WireState."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.modbus.types import Value

UNKNOWN, ONLINE, STALE, FAILING, OFFLINE = "unknown", "online", "stale", "failing", "offline"
MAX_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """How a bus or a unit was last seen. at: seconds since 1970. code: a word for programs."""

    state: str
    code: str
    detail: str
    at: float

    def is_like(self, other: Seen | None) -> bool:
        """Tell whether another says the same, whatever its time and its words."""
        return other is not None and (self.state, self.code) == (other.state, other.code)


@dataclass(slots=True)
class Notes:
    """What is to be written down about buses and units: the last word on what changed.

    The loop adds, the thread of the database takes.
    """

    buses: dict[uuid.UUID, Seen] = field(default_factory=dict)
    units: dict[uuid.UUID, Seen] = field(default_factory=dict)
    identities: dict[uuid.UUID, dict[str, Value]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.buses or self.units or self.identities)

    def note_bus(self, id_: uuid.UUID, seen: Seen) -> None:
        """Add a word on a bus."""
        with self._lock:
            self.buses[id_] = seen

    def note_unit(self, id_: uuid.UUID, seen: Seen) -> None:
        """Add a word on a unit."""
        with self._lock:
            self.units[id_] = seen

    def note_identity(self, id_: uuid.UUID, identity: Mapping[str, Value]) -> None:
        """Add what a unit says of itself."""
        with self._lock:
            self.identities[id_] = dict(identity)

    def take(self) -> Notes:
        """Return what was added since the last time."""
        with self._lock:
            taken = Notes(self.buses, self.units, self.identities)
            self.buses, self.units, self.identities = {}, {}, {}
        return taken

    def older_than(self, newer: Notes) -> Notes:
        """Return these, overruled by newer ones; for notes that could not be written yet."""
        return Notes(
            self.buses | newer.buses,
            self.units | newer.units,
            self.identities | newer.identities,
        )
