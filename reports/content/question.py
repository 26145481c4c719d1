"""A report that is asked for, with absolute days."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from metering.analysis.compare import Period

_AUTO_STEPS = ((2, "1h"), (62, "1d"))


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """What a report is about and how it is written; days are local and both included.

    `meter_ids`: empty for all meters of the site. Choices are those of `ReportTemplate`.
    """

    title: str
    kind: str
    site_id: uuid.UUID
    first_day: dt.date
    last_day: dt.date
    meter_ids: tuple[uuid.UUID, ...] = ()
    step: str = "auto"
    compare: str = "none"
    format: str = "pdf"
    separator: str = "comma"
    decimal_mark: str = "."
    language: str = "en"

    @property
    def period(self) -> Period:
        """Return the local days [start, end)."""
        return Period(self.first_day, self.last_day + dt.timedelta(days=1))

    @property
    def width(self) -> str:
        """Return the step: hours up to two days, days up to two months, months beyond."""
        if self.step != "auto":
            return self.step
        days = self.period.days
        return next((step for longest, step in _AUTO_STEPS if days <= longest), "1mo")

    def as_json(self) -> dict[str, Any]:
        """Return plain values; `read_question` reads them."""
        found = asdict(self)
        for name in ("site_id", "first_day", "last_day"):
            found[name] = str(found[name])
        return found | {"meter_ids": [str(id_) for id_ in self.meter_ids]}


def read_question(stored: dict[str, Any]) -> ReportQuestion:
    """Return a question that `as_json` wrote."""
    return ReportQuestion(
        **stored
        | {
            "site_id": uuid.UUID(stored["site_id"]),
            "first_day": dt.date.fromisoformat(stored["first_day"]),
            "last_day": dt.date.fromisoformat(stored["last_day"]),
            "meter_ids": tuple(uuid.UUID(id_) for id_ in stored["meter_ids"]),
        }
    )
