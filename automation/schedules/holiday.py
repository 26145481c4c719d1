"""Public holidays of countries and their parts, worked out offline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import holidays

from automation.schedules.refusal import BadSchedule


@lru_cache(maxsize=1)
def countries() -> Mapping[str, tuple[str, ...]]:
    """Return the countries whose holidays are known, with the codes of their parts."""
    known = holidays.list_supported_countries(include_aliases=False)
    return {code: tuple(parts) for code, parts in sorted(known.items())}


@lru_cache(maxsize=512)
def holidays_of(country: str, subdivision: str, year: int) -> Mapping[dt.date, str]:
    """Return the public holidays of a year with their names, in the country's language.

    Raises: NotImplementedError: the country, or its part, is not known.
    """
    return dict(holidays.country_holidays(country, subdiv=subdivision or None, years=year))


def holiday_on(country: str, subdivision: str, day: dt.date) -> str:
    """Return the name of the public holiday on a day; "" if it is none."""
    return holidays_of(country, subdivision, day.year).get(day, "") if country else ""


def check_country(country: str, subdivision: str, *, is_needed: bool) -> None:
    """Refuse a country or part of which no holidays are known. Raises: BadSchedule."""
    if not country:
        if is_needed or subdivision:
            raise BadSchedule("no_country", "country", "Name the country of the holidays.")
        return
    if country not in countries():
        raise BadSchedule(
            "unknown_country", "country", "Its holidays are not known; use a code such as DE."
        )
    if subdivision and subdivision not in countries()[country]:
        raise BadSchedule(
            "unknown_country", "subdivision", "The country has no such part; use a code such as BY."
        )
