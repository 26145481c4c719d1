"""How far a value can be trusted."""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    """Trust in a sample; the numbers are stored and never change their meaning."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    ESTIMATED = 3
    MANUAL = 4
    MISSING = 5

    @property
    def label(self) -> str:
        """The stable lower-case name used in the API."""
        return self.name.lower()


QUALITY_NAMES = {quality.value: quality.label for quality in Quality}
