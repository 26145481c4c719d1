"""What must be consistent in a definition beyond the types of its members."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from metering.tariffs.components import (
    OWN_DAY_TYPES,
    BandRef,
    Calendar,
    Co2,
    Component,
    Definition,
    Demand,
    Percent,
    Slot,
    Tiers,
    TimeOfUse,
    micro,
)

_LEAP_YEAR = 2024
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):(?:00|15|30|45)|24:00")


class BadDefinition(ValueError):
    """A definition by which nothing can be rated.

    `field` is the place, such as `components[0].rules[2].band`; `code` one of bad_shape,
    too_large, bad_number, bad_time, bad_date, bad_day_type, duplicate_name, duplicate_band,
    unknown_band, unused_band, unknown_day_type, empty_slot, tiers_not_ascending,
    open_tier_not_last, no_open_tier, unknown_component, later_component,
    missing_contracted_power, missing_excess_price, bad_co2, no_components. `message` says
    what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


def check(definition: Definition) -> None:
    """Raise BadDefinition at the first thing that does not fit together."""
    if not definition.components:
        raise BadDefinition("no_components", "components", "Add at least one component.")
    _check_unique((part.name for part in definition.components), "components", "duplicate_name")
    types = _check_calendar(definition.calendar)
    for number, component in enumerate(definition.components):
        _check_component(component, f"components[{number}]", definition, types)
    if definition.co2 is not None:
        _check_co2(definition.co2)


def _check_unique(names: Iterable[str], field: str, code: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise BadDefinition(
                code, f"{field}[{number}].name", f"{name!r} is there twice: rename one of them."
            )
        seen.add(name)


def _check_calendar(calendar: Calendar) -> frozenset[str]:
    """Return the names of day types that rules may use."""
    _check_yearly(calendar.yearly, "calendar.yearly")
    _check_unique(
        (kind.name for kind in calendar.day_types), "calendar.day_types", "duplicate_name"
    )
    for number, kind in enumerate(calendar.day_types):
        field = f"calendar.day_types[{number}]"
        if kind.name in OWN_DAY_TYPES:
            raise BadDefinition(
                "duplicate_name", f"{field}.name",
                f"{kind.name!r} is there already: choose another name.",
            )  # fmt: skip
        if not (kind.dates or kind.yearly or kind.easter or kind.weekdays):
            raise BadDefinition(
                "bad_day_type", field, "Give dates, yearly, easter or weekdays: no day is in it."
            )
        _check_yearly(kind.yearly, f"{field}.yearly")
    return frozenset(OWN_DAY_TYPES) | {kind.name for kind in calendar.day_types}


def _check_yearly(days: Sequence[str], field: str) -> None:
    for number, day in enumerate(days):
        try:
            if len(day) != 5:
                raise ValueError
            dt.date.fromisoformat(f"{_LEAP_YEAR}-{day}")
        except ValueError:
            raise BadDefinition(
                "bad_date", f"{field}[{number}]",
                f"{day!r} is no day of a year: write month and day, such as 12-24.",
            ) from None  # fmt: skip


def _check_component(
    component: Component, field: str, definition: Definition, types: frozenset[str]
) -> None:
    match component:
        case TimeOfUse():
            _check_time_of_use(component, field, types)
        case Tiers():
            _check_tiers(component, field)
        case Demand():
            _check_demand(component, field, definition, types)
        case Percent():
            _check_percent(component, field, definition)


def _check_time_of_use(component: TimeOfUse, field: str, types: frozenset[str]) -> None:
    names = [band.name for band in component.bands]
    _check_unique(names, f"{field}.bands", "duplicate_band")
    _check_band(component.default, names, f"{field}.default")
    for number, rule in enumerate(component.rules):
        place = f"{field}.rules[{number}]"
        _check_band(rule.band, names, f"{place}.band")
        _check_slot(rule, place, types)
    used = {component.default, *(rule.band for rule in component.rules)}
    for number, name in enumerate(names):
        if name not in used:
            raise BadDefinition(
                "unused_band", f"{field}.bands[{number}]",
                f"{name!r} never applies: add a rule for it, or take it out.",
            )  # fmt: skip


def _check_band(name: str, names: Sequence[str], field: str) -> None:
    if name not in names:
        known = ", ".join(names) or "none"
        raise BadDefinition(
            "unknown_band", field, f"There is no band {name!r}: use one of these: {known}."
        )


def _check_slot(slot: Slot, field: str, types: frozenset[str]) -> None:
    for member, text in (("from", slot.start), ("to", slot.end)):
        if not _CLOCK.fullmatch(text):
            raise BadDefinition(
                "bad_time", f"{field}.{member}",
                f"{text!r} is no time on a quarter hour: write 00:00 to 24:00, such as 06:15.",
            )  # fmt: skip
    if slot.start == slot.end or slot.start == "24:00":
        raise BadDefinition(
            "empty_slot", f"{field}.from",
            "The slot is empty: for the whole day write from 00:00 to 24:00.",
        )  # fmt: skip
    for number, name in enumerate(slot.day_types):
        if name not in types:
            raise BadDefinition(
                "unknown_day_type", f"{field}.day_types[{number}]",
                f"There is no day type {name!r}: define it in the calendar, or use one of "
                f"these: {', '.join(sorted(types))}.",
            )  # fmt: skip


def _check_tiers(component: Tiers, field: str) -> None:
    limits = [tier.up_to for tier in component.tiers]
    if not limits or limits[-1] is not None:
        raise BadDefinition(
            "no_open_tier", f"{field}.tiers",
            "What is used above the last limit has no price: add a tier without up_to.",
        )  # fmt: skip
    before = 0
    for number, limit in enumerate(limits[:-1]):
        place = f"{field}.tiers[{number}].up_to"
        if limit is None:
            raise BadDefinition(
                "open_tier_not_last",
                place,
                "Only the last tier may be without up_to: give a limit.",
            )
        if micro(limit) <= before:
            raise BadDefinition(
                "tiers_not_ascending", place, "Each limit must be higher than the one before it."
            )
        before = micro(limit)


def _check_demand(
    component: Demand, field: str, definition: Definition, types: frozenset[str]
) -> None:
    if component.contracted_kw is None:
        if component.excess_price is not None or component.billed == "contracted":
            raise BadDefinition(
                "missing_contracted_power", f"{field}.contracted_kw", "Give the contracted power."
            )
    elif component.excess_price is None:
        raise BadDefinition(
            "missing_excess_price", f"{field}.excess_price",
            "Give the price of a kW above the contracted power; it may be 0.",
        )  # fmt: skip
    match component.within:
        case BandRef() as wanted:
            _check_band_reference(wanted, f"{field}.within", definition)
        case tuple() as slots:
            for number, slot in enumerate(slots):
                _check_slot(slot, f"{field}.within[{number}]", types)


def _check_band_reference(wanted: BandRef, field: str, definition: Definition) -> None:
    for component in definition.components:
        if component.name == wanted.component and isinstance(component, TimeOfUse):
            names = [band.name for band in component.bands]
            return _check_band(wanted.band, names, f"{field}.band")
    raise BadDefinition(
        "unknown_component", f"{field}.component",
        f"There is no time of use component {wanted.component!r}: name one that has bands.",
    )  # fmt: skip


def _check_percent(component: Percent, field: str, definition: Definition) -> None:
    names = [part.name for part in definition.components]
    earlier = names[: names.index(component.name)]
    if not earlier:
        raise BadDefinition(
            "later_component", field, "Nothing stands before this tax: move it behind its base."
        )
    for number, name in enumerate(component.on):
        place = f"{field}.on[{number}]"
        if name not in names:
            raise BadDefinition(
                "unknown_component", place,
                f"There is no component {name!r}: use one of these: {', '.join(earlier)}.",
            )  # fmt: skip
        if name not in earlier:
            raise BadDefinition(
                "later_component", place, f"{name!r} stands behind this tax: move it before it."
            )
    _check_unique(component.on, f"{field}.on", "duplicate_name")


def _check_co2(co2: Co2) -> None:
    if (co2.grams_per_kwh is None) == (co2.series is None):
        raise BadDefinition("bad_co2", "co2", "Give either grams_per_kwh or series.")
