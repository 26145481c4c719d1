"""Which meters of a site or meter bear its costs, and which of them have no tariff."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from metering.models import Meter
from metering.queries.scopes import Scope
from metering.queries.tariffs import Segment, connection_meters, find_segments
from metering.tariffs.definition import read_definition

Segments = Mapping[uuid.UUID, Sequence[Segment]]
Holds = Callable[[Segment], bool]


@dataclass(frozen=True, slots=True)
class Lack:
    """A meter without a tariff, or without a factor of CO₂, on so many of the days asked for."""

    meter: Meter
    days: int
    of: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The tariffs of a scope on some days. `share`: of the days of the meters that are billed."""

    segments: Segments
    lacks: tuple[Lack, ...]
    share: float


def find_coverage(
    scope: Scope, start: dt.date, end: dt.date, holds: Holds | None = None
) -> Coverage:
    """Look which tariffs hold on the local days [start, end); `holds` leaves out segments.

    Billed are the connections of a site (`connection_meters`), or the meter asked for.
    """
    found = find_segments(scope.site, scope.meters, start, end)
    segments = {
        meter: kept
        for meter, parts in found.items()
        if (kept := [part for part in parts if holds is None or holds(part)])
    }
    days, billed = max((end - start).days, 0), _billed(scope)
    lacks = [
        Lack(meter, missing, days)
        for meter in billed
        if (
            missing := days
            - sum((part.end - part.start).days for part in segments.get(meter.id, ()))
        )
    ]
    asked = days * len(billed)
    share = 1 - sum(lack.days for lack in lacks) / asked if asked else 0.0
    return Coverage(segments, tuple(lacks), share)


def has_factor(part: Segment) -> bool:
    """Tell whether a version says how much CO₂ a kWh is."""
    return read_definition(part.version.definition).co2 is not None


def topmost(scope: Scope, bearing: Collection[uuid.UUID]) -> list[Meter]:
    """Return the meters that bear something and lie below none that does.

    What a submeter with a tariff of its own costs is part of what its connection counts: it
    is shown with that meter, and never added to the connection.
    """
    parents = {meter.id: meter.parent_id for meter in scope.meters}

    def is_below(meter: Meter) -> bool:
        above, seen = meter.parent_id, {meter.id}
        while above is not None and above in parents and above not in seen:
            if above in bearing:
                return True
            seen.add(above)
            above = parents[above]
        return False

    return [meter for meter in scope.meters if meter.id in bearing and not is_below(meter)]


def _billed(scope: Scope) -> list[Meter]:
    if scope.root is not None:
        return [scope.root]
    connected = connection_meters(scope.site)
    return [meter for meter in scope.meters if meter.id in connected]
