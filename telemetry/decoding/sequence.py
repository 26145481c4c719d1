"""Where a message stands in the count of its device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.decoding.frames.reading import FrameReading
from telemetry.decoding.paths import Budget, Path, compile_path
from telemetry.decoding.spec import SequenceSpec
from telemetry.decoding.text import Text, compile_pattern
from telemetry.truth.numbers import read_number

Captures = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counting:
    """The paths of `seq` and `boot` in a document."""

    seq: Path
    boot: Path | None

    def read(
        self, places: Sequence[Any], captures: Captures, budget: Budget
    ) -> tuple[int, int] | None:
        """Return (boot, seq) from the first place that has a number; None without one."""
        for place in places:
            seq = whole(self.seq.first(place, captures, budget))
            if seq is not None:
                return read_number(self._boot(places, captures, budget), seq)
        return None

    def _boot(self, places: Sequence[Any], captures: Captures, budget: Budget) -> object:
        if self.boot is None:
            return None
        found = (whole(self.boot.first(place, captures, budget)) for place in places)
        return next((boot for boot in found if boot is not None), None)


@dataclass(frozen=True, slots=True)
class FrameCounting:
    """The codes or names of the values of a frame that hold `seq` and `boot`."""

    seq: Text
    boot: Text | None

    def read(self, readings: Iterable[FrameReading]) -> tuple[int, int] | None:
        """Return (boot, seq); None without a number."""
        seq = boot = None
        for reading in readings:
            if self.seq.match(reading.name) is not None:
                seq = whole(reading.value)
            elif self.boot is not None and self.boot.match(reading.name) is not None:
                boot = whole(reading.value)
        return None if seq is None else read_number(boot, seq)


def compile_counting(spec: SequenceSpec, where: str) -> Counting:
    """Compile the place of a number in documents.

    Raises: MappingError: bad_path.
    """
    boot = compile_path(spec.boot, f"{where}.boot") if spec.boot else None
    return Counting(compile_path(spec.path, f"{where}.path"), boot)


def compile_frame_counting(spec: SequenceSpec, where: str) -> FrameCounting:
    """Compile the names of a number in frames.

    Raises: MappingError: bad_path.
    """
    boot = compile_pattern(spec.boot, f"{where}.boot", "bad_path") if spec.boot else None
    return FrameCounting(compile_pattern(spec.path, f"{where}.path", "bad_path"), boot)


def whole(raw: Any) -> int | None:
    """Return a whole number, also from a text or a float; None for anything else.

    >>> whole(7.0), whole("7"), whole(7.5), whole(True), whole("-1")
    (7, 7, None, None, None)
    """
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else None
    if isinstance(raw, str):
        text = raw.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    return raw if isinstance(raw, int) else None
