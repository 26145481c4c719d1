"""The form of one version of a tariff, as it is stored. See docs/reference/tariffs.md.

Numbers stand as text with at most six digits after the point, so that none is ever rounded
on its way through JSON. All is immutable, and may key a cache.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from metering.series import to_micro

Flow = Literal["import", "export"]
Period = Literal["day", "month", "year"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Number = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?\Z")]
Positive = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?\Z")]
Month = Annotated[int, msgspec.Meta(ge=1, le=12)]
IsoWeekday = Annotated[int, msgspec.Meta(ge=1, le=7)]
EasterOffset = Annotated[int, msgspec.Meta(ge=-100, le=100)]

Dates = Annotated[tuple[dt.date, ...], msgspec.Meta(max_length=1000)]
DaysOfYear = Annotated[tuple[str, ...], msgspec.Meta(max_length=366)]

OWN_DAY_TYPES = ("weekday", "saturday", "sunday", "holiday")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class DayType(_Strict, frozen=True):
    """Days with a name of their own; any of what is given makes a day one of them.

    yearly: month and day, `12-24`. easter: days after Easter Sunday. weekdays: Monday is 1.
    """

    name: Name
    dates: Dates = ()
    yearly: DaysOfYear = ()
    easter: tuple[EasterOffset, ...] = ()
    weekdays: tuple[IsoWeekday, ...] = ()


class Calendar(_Strict, frozen=True):
    """Which days are holidays, and which are of a named type besides."""

    holidays: Dates = ()
    yearly: DaysOfYear = ()
    easter: tuple[EasterOffset, ...] = ()
    church: Literal["western", "orthodox"] = "western"
    day_types: Annotated[tuple[DayType, ...], msgspec.Meta(max_length=50)] = ()


class Slot(_Strict, frozen=True):
    """A part of local days; what is left out does not restrict it.

    A slot that crosses midnight is both ends of the same day.
    """

    months: tuple[Month, ...] = ()
    day_types: tuple[str, ...] = ()
    start: str = msgspec.field(default="00:00", name="from")
    end: str = msgspec.field(default="24:00", name="to")


Slots = Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=500)]


class Rule(Slot, frozen=True, kw_only=True):
    """In this slot this band applies."""

    band: str


class Band(_Strict, frozen=True):
    """A price with a name."""

    name: Name
    price: Number


class Flat(_Strict, frozen=True, tag_field="kind", tag="flat"):
    """The same price for every kWh. An export is credited."""

    name: Name
    price: Number
    flow: Flow = "import"


class TimeOfUse(_Strict, frozen=True, tag_field="kind", tag="time_of_use"):
    """A price that depends on the local time. The first rule that fits decides."""

    name: Name
    bands: Annotated[tuple[Band, ...], msgspec.Meta(max_length=50)]
    default: str
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=500)] = ()
    flow: Flow = "import"


class Tier(_Strict, frozen=True):
    """A price up to so many kWh in the period; the last tier has no end."""

    price: Number
    up_to: Positive | None = None


class Tiers(_Strict, frozen=True, tag_field="kind", tag="tiers"):
    """A price that depends on what was used in the local period so far."""

    name: Name
    per: Period
    tiers: Annotated[tuple[Tier, ...], msgspec.Meta(max_length=50)]
    flow: Flow = "import"


class BandRef(_Strict, frozen=True):
    """A band of a time of use component."""

    component: str
    band: str


class Demand(_Strict, frozen=True, tag_field="kind", tag="demand"):
    """A price per kW of the highest mean over a window in the period.

    billed: `measured`, or the contracted power whatever was used; what lies above the
    contracted power costs `excess_price`.
    """

    name: Name
    price: Number
    per: Literal["month", "year"] = "month"
    window_minutes: Literal[15, 30, 60] = 15
    within: BandRef | Slots | None = None
    contracted_kw: Positive | None = None
    excess_price: Number | None = None
    billed: Literal["measured", "contracted"] = "measured"


class Fixed(_Strict, frozen=True, tag_field="kind", tag="fixed"):
    """A fee per day, month or year, spread evenly over the days of it."""

    name: Name
    price: Number
    per: Period


class Levy(_Strict, frozen=True, tag_field="kind", tag="levy"):
    """A tax per kWh."""

    name: Name
    price: Number
    flow: Flow = "import"


class Percent(_Strict, frozen=True, tag_field="kind", tag="percent"):
    """A tax on the components named, or on all that stand before it."""

    name: Name
    percent: Number
    on: tuple[str, ...] = ()


class Dynamic(_Strict, frozen=True, tag_field="kind", tag="dynamic"):
    """The price of a price series, times a factor, plus a surcharge per kWh."""

    name: Name
    series: Name
    factor: Number = "1"
    surcharge: Number = "0"
    flow: Flow = "import"


class Co2(_Strict, frozen=True):
    """Grams of CO₂ for each kWh imported: one number, or a series of them."""

    grams_per_kwh: Positive | None = None
    series: Name | None = None


Energy = Flat | TimeOfUse | Tiers | Levy | Dynamic
Component = Flat | TimeOfUse | Tiers | Demand | Fixed | Levy | Percent | Dynamic


class Definition(_Strict, frozen=True):
    """One version of a tariff. Which currency it is in, the tariff says."""

    components: Annotated[tuple[Component, ...], msgspec.Meta(max_length=100)]
    calendar: Calendar = Calendar()
    co2: Co2 | None = None


def kind_of(component: Component) -> str:
    """Return how the kind is called in a definition."""
    return str(component.__struct_config__.tag)


def micro(number: str) -> int:
    """Return a number of a definition in whole millionths."""
    return to_micro(Decimal(number))


def quarter_of_day(text: str) -> int:
    """Return 0 to 96 for `00:00` to `24:00`."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 4 + int(minutes) // 15
