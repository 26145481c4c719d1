"""Which routes an alarm takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from alarms.rules.week import Week

# as `devices.models.Severity`, which plans know nothing of
RANK = {name: rank for rank, name in enumerate(("debug", "info", "warning", "error", "critical"))}


@dataclass(frozen=True, slots=True)
class Path:
    """What a route takes. slots: None: at any time."""

    id: UUID
    min_severity: str
    site_id: UUID | None = None
    tag: str = ""
    slots: Week | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What routes look at of an alarm."""

    severity: str
    at: dt.datetime
    site_id: UUID | None = None
    tags: frozenset[str] = frozenset()


def matching(paths: Sequence[Path], trouble: Trouble) -> list[Path]:
    """Return the routes that an alarm takes, in their order; all that fit are taken."""
    return [path for path in paths if _fits(path, trouble)]


def _fits(path: Path, trouble: Trouble) -> bool:
    return (
        RANK[trouble.severity] >= RANK[path.min_severity]
        and (path.site_id is None or path.site_id == trouble.site_id)
        and (not path.tag or path.tag in trouble.tags)
        and (path.slots is None or path.slots.holds(trouble.at))
    )
