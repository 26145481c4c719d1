"""Numbers, times and the few words of our own, as the reader writes them."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from energy.lib.units import symbol
from reports.documents.content import (
    AMOUNTS,
    Cell,
    Column,
    Document,
    Kind,
    Number,
    QualityLine,
    finite,
)

NBSP = "\u00a0"
ABSENT = "–"
CURRENCY_SYMBOLS = {"EUR": "€", "TRY": "₺", "USD": "$", "GBP": "£"}

_EXACT = Context(prec=400)  # the longest float has 309 digits before the point
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Wording:
    """How a document writes; its words are those of the language that is active."""

    decimal_mark: str
    thousands_mark: str
    day_pattern: str
    zone: zoneinfo.ZoneInfo

    def number(self, value: Number | None, digits: int) -> str:
        """Write a number with a real minus; a half is rounded up."""
        exact = to_decimal(value)
        if exact is None:
            return ABSENT
        plain = f"{round_half_up(exact, digits):,f}"
        return plain.translate(
            {ord(","): self.thousands_mark, ord("."): self.decimal_mark, ord("-"): "−"}
        )

    def amount(self, value: Number | None, digits: int, unit: str) -> str:
        """Write a number with its unit."""
        text = self.number(value, digits)
        sign = unit_sign(unit)
        return f"{text}{NBSP}{sign}" if sign and text != ABSENT else text

    def cell(self, value: Cell, column: Column) -> str:
        """Write a cell without its unit, which stands in the header."""
        if value is None:
            return ABSENT if column.kind in AMOUNTS else ""
        if isinstance(value, dt.datetime):
            return self.time(value)
        if isinstance(value, dt.date):
            return value.strftime(self.day_pattern)
        return value if isinstance(value, str) else self.number(value, column.digits)

    def time(self, value: dt.datetime) -> str:
        """Write a local time; an hour that comes twice with its offset from UTC."""
        local = value.astimezone(self.zone)
        text = local.strftime(f"{self.day_pattern} %H:%M")
        return f"{text} {write_offset(local)}" if _comes_twice(local) else text


def wording_of(document: Document) -> Wording:
    """Return how a document writes; its language must be active, as in `speaking`."""
    language = document.language
    return Wording(
        decimal_mark=str(get_format("DECIMAL_SEPARATOR", language, use_l10n=True)),
        thousands_mark=str(get_format("THOUSAND_SEPARATOR", language, use_l10n=True)),
        day_pattern=day_pattern(language),
        zone=document.zone,
    )


def day_pattern(language: str) -> str:
    """Return how days are written in a language."""
    return "%d.%m.%Y" if language[:2] in {"tr", "de"} else "%Y-%m-%d"


def speaking(document: Document) -> override:
    """Make the language of a document the active one, for a `with`."""
    return override(document.language)


def to_decimal(value: Number | None) -> Decimal | None:
    """Return an exact number; None for what is no finite number."""
    if value is None or finite(value) is None:
        return None
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def round_half_up(value: Decimal, digits: int) -> Decimal:
    """Round to digits after the point; never to minus zero."""
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, context=_EXACT)
    return rounded or abs(rounded)


def write_offset(local: dt.datetime) -> str:
    """Return an offset from UTC, such as +03:00."""
    return local.isoformat()[-6:]


def unit_sign(unit: str) -> str:
    """Return how people write a unit or a currency."""
    return CURRENCY_SYMBOLS.get(unit) or symbol(unit)


def heading_of(column: Column) -> str:
    """Return the name of a column with its unit."""
    sign = "%" if column.kind is Kind.PERCENT else unit_sign(column.unit)
    return f"{column.name} ({sign})" if sign else column.name


def quality_text(quality: QualityLine, wording: Wording) -> str:
    """Say what the data is worth, such as "99.2 % measured, 0.8 % estimated".

    What is not measured never disappears by rounding.
    """
    parts = [
        (quality.prorated, pgettext("share", "%(share)s %% shared out evenly")),
        (quality.estimated, pgettext("share", "%(share)s %% estimated")),
        (quality.manual, pgettext("share", "%(share)s %% entered by hand")),
        (quality.missing, pgettext("share", "%(share)s %% missing")),
    ]
    shown = [(_visible_tenth(share), words) for share, words in parts if share]
    rest = sum((share for share, _words in shown), Decimal())
    measured = min(_floor_tenth(quality.measured), max(Decimal(100) - rest, Decimal()))
    pairs = [(measured, pgettext("share", "%(share)s %% measured")), *shown]
    return ", ".join(words % {"share": wording.number(share, 1)} for share, words in pairs)


def printable(text: str) -> str:
    """Return a text for one line, without what neither paper nor XML can hold."""
    return _UNPRINTABLE.sub(" ", text)


def no_data() -> str:
    """Say that there is nothing."""
    return _("No data in this period.")


def _floor_tenth(share: Number) -> Decimal:
    return Decimal(repr(float(share))).quantize(_TENTH, ROUND_FLOOR)


def _visible_tenth(share: Number) -> Decimal:
    return max(round_half_up(Decimal(repr(float(share))), 1), _TENTH)


def _comes_twice(local: dt.datetime) -> bool:
    first, second = local.replace(fold=0), local.replace(fold=1)
    return first.utcoffset() > second.utcoffset()  # type: ignore[operator]
