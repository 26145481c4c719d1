"""One value of a mapping, compiled: where it stands, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from energy.lib.units import find_unit
from telemetry.decoding.channels import Targets, check_unit
from telemetry.decoding.errors import MappingError
from telemetry.decoding.moments import read_moment
from telemetry.decoding.paths import Budget, Path, compile_path
from telemetry.decoding.spec import Condition, TimeSpec, UnitSpec, ValueSpec
from telemetry.decoding.text import Text, compile_pattern, compile_text
from telemetry.quality import Quality

Captures = Mapping[str, str]
_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float), "text": (str,), "boolean": (bool,), "array": (list,),
    "object": (dict,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class When:
    """A compiled condition."""

    path: Path
    spec: Condition

    def holds(self, document: Any, captures: Captures, budget: Budget) -> bool:
        """Tell whether one of the values that the path means is as it must be."""
        found = [value for _w, value, _c in self.path.find(document, captures, budget)]
        if self.spec.is_present is not None:
            return any(value is not None for value in found) == self.spec.is_present
        return any(self._fits(value) for value in found)

    def _fits(self, value: Any) -> bool:
        spec = self.spec
        if spec.equals is not None and not _same(value, spec.equals):
            return False
        if spec.one_of and not any(_same(value, one) for one in spec.one_of):
            return False
        if spec.length is not None and not (
            isinstance(value, list | dict | str) and len(value) == spec.length
        ):
            return False
        return not spec.type or (
            isinstance(value, _TYPES[spec.type])
            and (spec.type == "boolean" or not isinstance(value, bool))
        )


def _same(value: Any, wanted: Any) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a time stands and how it is read."""

    path: Path
    form: str
    zone: dt.tzinfo | None

    def read(
        self, document: Any, captures: Captures, budget: Budget, zone: dt.tzinfo, received_at: int
    ) -> tuple[dt.datetime, bool] | None:
        """Return the time in UTC and whether it is sure; None without one.

        Raises: TimeError.
        """
        raw = self.path.first(document, captures, budget)
        return read_moment(raw, self.form, self.zone or zone, received_at)


@dataclass(frozen=True, slots=True)
class ValueRule:
    """A compiled value."""

    spec: ValueSpec
    path: Path
    obis: Text | None
    channel: Text
    targets: Targets
    when: tuple[When, ...]
    unit_path: Path | None
    sign_path: Path | None
    clock: Clock | None
    words: Mapping[str, float]
    quality: Quality

    def unit(self, document: Any, captures: Captures, budget: Budget) -> str:
        """Return the unit of the payload's number."""
        spec = self.spec.unit
        if isinstance(spec, str) or self.unit_path is None:
            return str(spec)
        word = self.unit_path.first(document, captures, budget)
        unit = spec.default if word is None else spec.words.get(str(word))
        if unit is None:
            detail = f"{word!r:.40} is no unit that the mapping knows."
            raise MappingError(self.unit_path.text, "bad_unit", detail)
        return unit

    def scaled(self, number: float, document: Any, captures: Captures, budget: Budget) -> float:
        """Return the number with offset and sign, still in the payload's unit."""
        spec = self.spec
        if spec.offset:
            number = number * spec.scale + spec.offset
        if isinstance(spec.sign, int | float):
            return number * spec.sign if spec.sign != 1 else number
        if self.sign_path is None:
            return number
        word = self.sign_path.first(document, captures, budget)
        said = str(word).lower() if word is not None else ""
        return -abs(number) if said in spec.sign.negative else number


def mapped(captures: Captures, tables: Mapping[str, Mapping[str, str]]) -> Captures | None:
    """Translate captures; None when a table lacks a word and has no `*`."""
    if not tables:
        return captures
    found = dict(captures)
    for name, table in tables.items():
        if name in found:
            word = table.get(found[name], table.get("*"))
            if word is None:
                return None
            found[name] = word
    return found


def compile_value(
    spec: ValueSpec, where: str, known: frozenset[str], words: Mapping[str, float]
) -> ValueRule:
    """Compile a value; `known` are the captures of topic and readings.

    Raises: MappingError.
    """
    path = compile_path(spec.path, f"{where}.path")
    obis = compile_pattern(spec.obis, f"{where}.obis", "bad_path") if spec.obis else None
    channel = compile_text(spec.channel, f"{where}.channel")
    if not spec.channel:
        raise MappingError(f"{where}.channel", "bad_template", "Which channel is meant?")
    captured = known | path.names | frozenset(obis.names if obis else ())
    check_names(frozenset(channel.names), captured, f"{where}.channel")
    check_names(frozenset(spec.map), captured, f"{where}.map")
    unit_path, sign_path = None, None
    if isinstance(spec.unit, UnitSpec):
        unit_path = compile_path(spec.unit.path, f"{where}.unit.path")
    if not isinstance(spec.sign, int | float):
        sign_path = compile_path(spec.sign.path, f"{where}.sign.path")
    rule = ValueRule(
        spec=spec,
        path=path,
        obis=obis,
        channel=channel,
        targets=Targets(spec, where),
        when=compile_conditions(spec.when, f"{where}.when"),
        unit_path=unit_path,
        sign_path=sign_path,
        clock=compile_clock(spec.time, f"{where}.time") if spec.time else None,
        words=lowered({**words, **spec.words}),
        quality=Quality[spec.quality.upper()],
    )
    _check_units(rule, where)
    return rule


def _check_units(rule: ValueRule, where: str) -> None:
    """Refuse units that do not exist, or that the channel's value cannot be in."""
    unit = rule.spec.unit
    units = [unit] if isinstance(unit, str) else [*unit.words.values(), unit.default]
    check_unit(rule.spec.stored, f"{where}.stored", find_unit)
    for one in units:
        check_unit(one, f"{where}.unit", find_unit)
        if rule.channel.is_plain:
            rule.targets.find(rule.channel.literals[0], one)


def check_names(used: frozenset[str], captured: frozenset[str], where: str) -> None:
    """Refuse what uses captures that nothing captures.

    Raises: MappingError: bad_template.
    """
    missing = sorted(used - captured)
    if missing:
        there = ", ".join(sorted(captured)) or "none"
        detail = f"{{{missing[0]}}} is captured nowhere; there are: {there}."
        raise MappingError(where, "bad_template", detail)


def compile_conditions(specs: list[Condition], where: str) -> tuple[When, ...]:
    """Compile conditions.

    Raises: MappingError.
    """
    return tuple(
        When(compile_path(spec.path, f"{where}[{at}].path"), spec) for at, spec in enumerate(specs)
    )


def compile_clock(spec: TimeSpec, where: str) -> Clock:
    """Compile where a time stands.

    Raises: MappingError.
    """
    zone = None
    if spec.zone:
        try:
            zone = zoneinfo.ZoneInfo(spec.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            detail = f"{spec.zone!r:.60} is no time zone; write a name such as Europe/Berlin."
            raise MappingError(f"{where}.zone", "bad_zone", detail) from None
    return Clock(compile_path(spec.path, f"{where}.path"), spec.format, zone)


def lowered(words: Mapping[str, float]) -> dict[str, float]:
    """Return words without regard to case."""
    return {word.lower(): number for word, number in words.items()}
