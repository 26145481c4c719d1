"""Why an alarm was quiet, in the active language; events hold `because: detail`."""

from __future__ import annotations

from alarms.models import Suppression


def suppression_text(text: str) -> str:
    """Return the reason of an event SUPPRESSED as people read it.

    >>> suppression_text("maintenance: New fuse")
    'Maintenance: New fuse'
    """
    because, colon, detail = text.partition(": ")
    if because not in Suppression.values or not because:
        return text
    return f"{Suppression(because).label}{colon}{detail}"
