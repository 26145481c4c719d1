"""Where a schedule holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import dawn, dusk, sunrise, sunset

_EVENTS: Mapping[str, Callable[..., dt.datetime]] = {
    "sunrise": sunrise,
    "sunset": sunset,
    "dawn": dawn,
    "dusk": dusk,
}


class Place(NamedTuple):
    """A time zone, and degrees north and east if they are known."""

    zone: ZoneInfo
    latitude: float | None = None
    longitude: float | None = None

    @property
    def is_located(self) -> bool:
        """Tell whether the sun can be worked out."""
        return self.latitude is not None and self.longitude is not None


# what takes a place takes a bare zone as well
Where = Place | ZoneInfo


def place_of(where: Where) -> Place:
    """Return a place of a zone without coordinates, or the place that it is."""
    return where if isinstance(where, Place) else Place(where)


def sun_at(event: str, place: Place, day: dt.date) -> dt.datetime | None:
    """Return when the sun does something on a day, in UTC, to the second.

    Args:
        event: sunrise, sunset, dawn or dusk.
        day: from midnight to midnight by the sun, so that an event after midnight by the clock
            belongs to the day before.
    Returns: None where it does not that day, or nobody knows where the place is.
    """
    if place.latitude is None or place.longitude is None:
        return None
    by_sun = dt.timezone(dt.timedelta(minutes=round(place.longitude * 4)))
    try:
        at = _EVENTS[event](Observer(place.latitude, place.longitude), date=day, tzinfo=by_sun)
    except ValueError:  # the sun stays up, or down
        return None
    return at.astimezone(dt.UTC).replace(microsecond=0)
