"""Values of one message, gathered into readings: one for each device, time and quality."""

from __future__ import annotations

import datetime as dt
from typing import Any

from devices.canonical import ChannelTemplate
from telemetry.decoding.channels import Target
from telemetry.ingest.decode import MAX_VALUES, DecodeError, Reading
from telemetry.quality import Quality

Key = tuple[str | None, dt.datetime | None, int]


class Gathered:
    """Readings in the order in which they began."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Reading] = {}
        self._templates: dict[int, list[ChannelTemplate]] = {}
        self._numbers: dict[tuple[str | None, int, int], None] = {}
        self._count = 0

    def add(
        self,
        target: Target,
        number: float,
        *,
        device: str | None,
        moment: dt.datetime | None,
        quality: Quality,
    ) -> None:
        """Add a value; the first one of a channel at a time stays.

        Raises: DecodeError: too_many_values.
        """
        self._count += 1
        if self._count > MAX_VALUES:
            raise DecodeError("too_many_values", f"More than {MAX_VALUES} values at once.")
        reading = self.reading(device, moment, quality)
        source = target.template.source
        if source not in reading.values:
            reading.values[source] = target.convert(number)
            if not target.is_new:
                self._templates[id(reading)].append(target.template)

    def reading(
        self, device: str | None, moment: dt.datetime | None = None, quality: Quality = Quality.GOOD
    ) -> Reading:
        """Return the reading of a device and time."""
        key = (device, moment, int(quality))
        found = self._by_key.get(key)
        if found is None:
            templates: list[ChannelTemplate] = []
            found = Reading(moment, {}, device, quality=quality, templates=templates)
            self._by_key[key] = found
            self._templates[id(found)] = templates
        return found

    def note(self, device: str | None, code: str, detail: str) -> None:
        """Note what was left out of a device's values."""
        self.reading(device).problems.append((code, detail))

    def count(self, device: str | None, number: tuple[int, int] | None) -> None:
        """Note the (boot, seq) of a device; a message may bring several."""
        if number is not None:
            self._numbers[device, *number] = None

    def readings(self) -> list[Reading]:
        """Return what holds anything; each number is a reading of its own."""
        found = [reading for reading in self._by_key.values() if is_worth(reading)]
        for device, boot, seq in self._numbers:
            found.append(Reading(None, {}, device, number=(boot, seq)))
        return found


def is_worth(reading: Reading) -> bool:
    """Tell whether a reading says anything."""
    said: tuple[Any, ...] = (
        reading.values, reading.problems, reading.announced, reading.answer, reading.number,
    )  # fmt: skip
    return any(said) or reading.presence is not None
