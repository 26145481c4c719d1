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


@lru_cache(maxsize=1)
def _languages() -> Mapping[str, tuple[str, ...]]:
    found = holidays.list_localized_countries(include_aliases=False)
    return {code: tuple(languages) for code, languages in found.items()}


@lru_cache(maxsize=1_024)
def holidays_of(
    country: str, subdivision: str, year: int, language: str = ""
) -> Mapping[dt.date, str]:
    """Return the public holidays of a year with their names.

    Args: language: such as "en"; that of the country where names are not known in it.

    Raises: NotImplementedError: the country, or its part, is not known.
    """
    known = _languages().get(country, ())
    spoken = next((one for one in known if language and one.split("_")[0] == language), None)
    return dict(
        holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=spoken)
    )


def holiday_on(country: str, subdivision: str, day: dt.date, language: str = "") -> str:
    """Return the name of the public holiday on a day; "" if it is none."""
    return holidays_of(country, subdivision, day.year, language).get(day, "") if country else ""


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
