"""What the address of the energy page asks for, and the addresses beside it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import StrEnum

from django.http import QueryDict
from django.urls import reverse

from metering.analysis.compare import Against, Period
from metering.models import Commodity
from metering.queries.frames import STEPS, Step, Unit, UnknownPeriod, read_day, write_day
from metering.queries.scopes import Scope

AGAINST = {
    "previous": Against.PREVIOUS, "year": Against.LAST_YEAR, "weekday": Against.SAME_WEEKDAY,
}  # fmt: skip
AGAINST_NAMES: dict[Against | None, str] = {against: name for name, against in AGAINST.items()}
AGAINST_NAMES[None] = "none"


class Show(StrEnum):
    """In what the bars are."""

    ENERGY = "energy"
    COST = "cost"
    CO2 = "co2"


@dataclass(frozen=True, slots=True)
class Choice:
    """The parameters of the page; what the address has wrong is taken as not given."""

    site: uuid.UUID | None
    meter: uuid.UUID | None
    commodity: str
    unit: Unit
    step: Step
    date: str
    by: str
    against: Against | None
    show: Show
    currency: str
    query: QueryDict

    def address(self, **changes: str) -> str:
        """Return the page with some parameters changed; a blank one goes."""
        query = self.query.copy()
        for name, value in changes.items():
            if value:
                query[name] = value
            else:
                query.pop(name, None)
        return f"{reverse('energy')}?{query.urlencode()}" if query else reverse("energy")

    def day(self, today: dt.date) -> dt.date:
        """Return a day of the period."""
        try:
            return read_day(self.date, today=today)
        except UnknownPeriod:
            return today


def read_choice(query: QueryDict) -> Choice:
    """Read an address."""
    unit = next((unit for unit in Unit if unit == query.get("period")), Unit.MONTH)
    offered = STEPS[unit]
    step = next((step for step in offered if step == query.get("step")), offered[0])
    commodity = query.get("commodity", "")
    return Choice(
        site=_read_id(query.get("site", "")),
        meter=_read_id(query.get("meter", "")),
        commodity=commodity if commodity in set(Commodity) else "",
        unit=unit,
        step=step,
        date=query.get("date", "")[:10],
        by="circuit" if query.get("by") == "circuit" else "source",
        against=AGAINST.get(query.get("compare", "previous")),
        show=next((show for show in Show if show == query.get("show")), Show.ENERGY),
        currency=query.get("currency", "")[:3],
        query=query,
    )


def step_dates(unit: Unit, period: Period, today: dt.date) -> tuple[str, str]:
    """Return the names of the periods before and after; blank after the current one."""
    before = write_day(unit, period.start - dt.timedelta(days=1))
    after = write_day(unit, period.end) if period.end <= today else ""
    return before, after


def date_in(unit: Unit, period: Period, today: dt.date) -> str:
    """Return the period of another length to go to: the one with today, else the last day's."""
    last = period.end - dt.timedelta(days=1)
    day = today if period.start <= today <= last else period.start
    return write_day(unit, day)


def _read_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def scope_query(scope: Scope) -> dict[str, str]:
    """Return the parameters by which pages know a site or meter again."""
    whose = {"meter": str(scope.root.id)} if scope.root else {"site": str(scope.site.id)}
    return whose | {"commodity": scope.commodity.value}
