"""Amounts on pages of meters."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.formats import localize, number_format

from energy.lib.units import symbol
from metering.series import to_decimal
from metering.words import shown

register = template.Library()


@register.filter
def amount(value: int | None, unit: str) -> str:
    """Show millionths in a unit with one digit after the point; a dash for nothing known."""
    if value is None:
        return "–"
    text = number_format(round(to_decimal(value), 1), 1, use_l10n=True, force_grouping=True)
    return f"{text}\N{NO-BREAK SPACE}{symbol(unit)}"


@register.filter
def percent(share: float) -> str:
    """Show a share from 0 to 1 in percent; only the whole is 100 %."""
    shown = int(share * 1000) / 10
    return f"{localize(shown)}\N{NO-BREAK SPACE}%"


@register.filter
def exact(value: Decimal) -> str:
    """Show all digits of a number in the reader's format, without zeros at its end."""
    return shown(value)


@register.filter
def written(text: str) -> str:
    """Show a number of a tariff in the reader's format, with the digits it was written with."""
    return number_format(Decimal(text), use_l10n=True, force_grouping=True)


@register.filter
def whole(value: Decimal) -> int:
    """Return a number of days as one that words can agree with."""
    return round(value)
