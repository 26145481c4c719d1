"""Series for the tests of tariffs."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from metering.series import Series, to_micro
from metering.tariffs.components import Definition
from metering.tariffs.definition import read_definition
from metering.tariffs.items import CostItem, Rating
from metering.tariffs.rating import rate

BERLIN = ZoneInfo("Europe/Berlin")
ISTANBUL = ZoneInfo("Europe/Istanbul")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
ZONES = (BERLIN, ISTANBUL, LORD_HOWE)


def tariff(*components: dict, **others: object) -> Definition:
    return read_definition({"components": list(components), **others})


def quarter(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) // 900


def series(amounts: dict[int, str]) -> Series:
    """Return a series of kWh by quarter."""
    numbers = sorted(amounts)
    return Series(
        np.array(numbers, dtype=np.int64),
        np.array([to_micro(Decimal(amounts[number])) for number in numbers], dtype=np.int64),
        np.zeros(len(numbers), dtype=np.int8),
    )


def steady(start: str, end: str, zone: ZoneInfo, kwh: str = "0.25") -> Series:
    """Return the same amount for each quarter of [start, end) local days."""
    return shaped(start, end, zone, lambda _: kwh)


def shaped(start: str, end: str, zone: ZoneInfo, amount: Callable[[dt.datetime], str]) -> Series:
    """Return what `amount` says for the local begin of each quarter."""
    numbers = range(quarter(start, zone), quarter(end, zone))
    return series({n: amount(dt.datetime.fromtimestamp(n * 900, tz=zone)) for n in numbers})


def by_band(items: tuple[CostItem, ...]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return quantity and amount by band."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for item in items:
        quantity, amount = sums.get(item.band, (Decimal(0), Decimal(0)))
        sums[item.band] = quantity + item.quantity, amount + item.amount
    return sums


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


THREE_RATES = {
    "kind": "time_of_use",
    "name": "energy",
    "bands": [
        {"name": "day", "price": "2.5"},
        {"name": "peak", "price": "4"},
        {"name": "night", "price": "1.5"},
    ],
    "default": "night",
    "rules": [
        {"band": "day", "from": "06:00", "to": "17:00"},
        {"band": "peak", "from": "17:00", "to": "22:00"},
    ],
}

PEAKS = series(
    {
        quarter("2026-03-10T18:00"): "10", quarter("2026-03-10T18:15"): "12",
        quarter("2026-03-10T18:30"): "2", quarter("2026-03-10T18:45"): "2",
        quarter("2026-03-11T09:00"): "9", quarter("2026-03-11T09:15"): "9",
        quarter("2026-03-11T09:30"): "9", quarter("2026-03-11T09:45"): "9",
    }
)  # fmt: skip


def rated(
    definition: Definition, start: str, end: str, zone: ZoneInfo, imported: Series, **others: object
) -> Rating:
    return rate(definition, start=day(start), end=day(end), zone=zone, imported=imported, **others)
