"""How many devices or gateways are in each presence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresenceCounts:
    """How many are in each presence."""

    online: int = 0
    late: int = 0
    offline: int = 0
    silent: int = 0

    @property
    def total(self) -> int:
        """Count all."""
        return self.online + self.late + self.offline + self.silent

    def __add__(self, other: PresenceCounts) -> PresenceCounts:
        return PresenceCounts(
            self.online + other.online,
            self.late + other.late,
            self.offline + other.offline,
            self.silent + other.silent,
        )
