"""The stored past of channels, and what of it rules may ask about.

What devices, alarms and zones were like is not stored: it is unknown, and those who ask say so.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astral import Observer
from astral.sun import elevation

from automation.rules.compiled import Compiled, Sample, Truth, compile_condition
from automation.rules.definition import (
    SECOND_US,
    ActuatorIs,
    AlarmIs,
    DeviceIs,
    Formula,
    ModeIs,
    Payload,
    RuleDefinition,
    Value,
    conditions,
    parts,
)
from automation.schedules.place import Place
from automation.services.facts import HORIZON
from automation.services.ready import Ready, formula_channels, units_of
from telemetry.ingest.batch import SampleBatch, from_microseconds
from telemetry.rows import UNUSABLE
from telemetry.storage.reads import raw_samples

FORGOTTEN = (AlarmIs, DeviceIs, ActuatorIs, ModeIs, Payload)
_MAX_LEAD = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """Usable samples of channels, by channel and time; `place` is that of the rule."""

    rows: SampleBatch
    place: Place

    def at(self, channels: Collection[int], moment: int) -> dict[int, Sample]:
        """Return the newest samples of channels at a moment in µs."""
        found = {}
        for channel in channels:
            times, values = self._of(channel)
            number = int(np.searchsorted(times, moment, side="right"))
            if number:
                found[channel] = (int(times[number - 1]), float(values[number - 1]))
        return found

    def lasted(self, part: Value, moment: int) -> Truth:
        """Tell whether a value was beyond its limit for as long as it should; as `facts` does."""
        times, values = self._of(part.channel)
        since = moment - part.for_ * SECOND_US
        begin = int(np.searchsorted(times, since, side="right"))
        end = int(np.searchsorted(times, moment, side="right"))
        if not begin or times[begin - 1] < since - part.max_age * SECOND_US:
            return None
        looked_at = values[begin - 1 : end]
        high = float("inf") if part.above is None else part.above
        low = float("-inf") if part.below is None else part.below
        return bool(((looked_at > high) | (looked_at < low)).all())

    def _of(self, channel: int) -> tuple[Any, Any]:
        begin = np.searchsorted(self.rows["channel"], channel, side="left")
        end = np.searchsorted(self.rows["channel"], channel, side="right")
        return self.rows["time"][begin:end], self.rows["value"][begin:end]


@dataclass(frozen=True, slots=True)
class PastFacts:
    """What is known of a moment (µs) long ago."""

    past: Past
    moment: int

    def lasted(self, part: Value) -> Truth:
        """Tell whether a value has been beyond its limit for `for_` seconds."""
        return self.past.lasted(part, self.moment)

    def daylight(self) -> Truth:
        """Tell whether the sun was up; unknown without coordinates."""
        place = self.past.place
        if place.latitude is None or place.longitude is None:
            return None
        observer = Observer(latitude=place.latitude, longitude=place.longitude)
        return elevation(observer, from_microseconds(self.moment)) > HORIZON

    def has_alarm(self, part: AlarmIs) -> Truth:
        """Return None: nobody knows."""
        return None

    def is_online(self, part: DeviceIs) -> Truth:
        """Return None: nobody knows."""
        return None

    def is_on(self, part: ActuatorIs) -> Truth:
        """Return None: nobody knows."""
        return None

    def mode(self, part: ModeIs) -> str | None:
        """Return None: nobody knows."""
        return None

    def member(self, part: Payload) -> Any:
        """Return None: nobody knows."""
        return None


def make_ready(definition: RuleDefinition, place: Place) -> Ready:
    """Return a definition made ready for a place, whether it is kept or not. Raises: BadRule."""
    units = units_of(formula_channels(definition))
    only_if: Compiled | None = None
    if definition.if_ is not None:
        only_if = compile_condition(definition.if_, zone=place.zone, units=units, place="if")
    return Ready(definition, only_if, place.zone, units)


def read_usable(
    channels: Iterable[int],
    start: dt.datetime,
    end: dt.datetime,
    *,
    most: int,
    tenant_id: uuid.UUID,
) -> SampleBatch:
    """Return the usable samples of [start, end), the first so many of each channel."""
    rows = raw_samples(sorted(set(channels)), start, end, most, tenant_id=tenant_id)
    return rows[~np.isin(rows["quality"], UNUSABLE)]


def lead_of(definition: RuleDefinition) -> dt.timedelta:
    """Return how much earlier to look, so that what is under way at the start is known."""
    seconds = [getattr(trigger, "for_", 0) for trigger in definition.when]
    for _place, condition, _of_samples in conditions(definition):
        for _where, part, _depth in parts(condition):
            if isinstance(part, Value | Formula):
                seconds.append(part.max_age + getattr(part, "for_", 0))
    return min(_MAX_LEAD, dt.timedelta(seconds=2 * max(seconds, default=0)))
