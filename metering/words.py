"""What the ledger did, in words for people."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from energy.lib.units import symbol
from metering.ledger.kinds import Judgement, Method
from metering.models import LedgerDecision
from metering.series import Grade, to_decimal

GRADES: dict[Grade, Promise] = {
    Grade.MEASURED: gettext_lazy("measured"),
    Grade.PRORATED: gettext_lazy("prorated"),
    Grade.ESTIMATED: gettext_lazy("estimated"),
    Grade.MANUAL: gettext_lazy("booked by a person"),
}
METHODS: dict[Method, Promise] = {
    Method.REGISTER: gettext_lazy("the difference of the register"),
    Method.SHARED: gettext_lazy("a share of a longer time between two readings"),
    Method.POWER: gettext_lazy("power times time"),
    Method.AMOUNT: gettext_lazy("amounts as they were sent"),
    Method.ROLLOVER: gettext_lazy("the register ran over and began again at zero"),
    Method.RESET: gettext_lazy("the register was reset"),
    Method.SWAP: gettext_lazy("the meter was changed"),
    Method.LINEAR: gettext_lazy("an even share of a gap"),
    Method.PROFILE: gettext_lazy("a share of a gap, as in the same hours of the weeks before"),
    Method.BOOKED: gettext_lazy("booked by a person"),
}
KINDS: dict[Judgement, Promise] = {
    Judgement.FIRST: gettext_lazy("First reading"),
    Judgement.GLITCH: gettext_lazy("Fall to zero and back"),
    Judgement.SPIKE: gettext_lazy("Single high readings"),
    Judgement.OUTLIER: gettext_lazy("Single low readings"),
    Judgement.ROLLOVER: gettext_lazy("Register ran over"),
    Judgement.RESET: gettext_lazy("Register was reset"),
    Judgement.JUMP: gettext_lazy("Implausible jump"),
    Judgement.SCALE: gettext_lazy("Readings in another unit"),
    Judgement.GAP: gettext_lazy("Gap"),
}


def plain(value: Decimal) -> str:
    """Return a number without zeros at its end.

    >>> plain(Decimal("12.500000")), plain(Decimal("1200"))
    ('12.5', '1200')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: Decimal) -> str:
    """Return a number with all of its digits in the reader's format, without zeros at its end."""
    return number_format(Decimal(plain(value)), use_l10n=True, force_grouping=True)


def explain_decision(decision: LedgerDecision, unit: str) -> str:
    """Return what was decided as a sentence or two; `unit` of the meter."""
    values = {
        name: f"{shown(to_decimal(getattr(decision, name)))} {symbol(unit)}"
        for name in ("before", "after", "booked", "withheld")
    }
    return _SENTENCES[Judgement(decision.kind)](decision) % values


def explain_amount(begin: str, end: str, adjustment: str, amount: str) -> str:
    """Return the formula of a quarter hour that has a register."""
    return _("%(end)s − %(begin)s + %(adjustment)s = %(amount)s") % {
        "begin": begin, "end": end, "adjustment": adjustment, "amount": amount,
    }  # fmt: skip


def _set_aside(decision: LedgerDecision) -> str:
    text = ngettext(
        "%(count)d reading did not fit between %%(before)s and %%(after)s and was set aside.",
        "%(count)d readings did not fit between %%(before)s and %%(after)s and were set aside.",
        decision.count,
    )
    return text % {"count": decision.count}


def _jump(decision: LedgerDecision) -> str:
    if decision.before == decision.after:  # of power, which has no register
        text = ngettext(
            "%(count)d value was higher than the connection allows. %%(withheld)s are withheld "
            "until somebody decides.",
            "%(count)d values were higher than the connection allows. %%(withheld)s are withheld "
            "until somebody decides.",
            decision.count,
        )
        return text % {"count": decision.count}
    return _(
        "The register rose from %(before)s to %(after)s, faster than the connection allows. "
        "%(withheld)s are withheld until somebody decides."
    )


def _scale(decision: LedgerDecision) -> str:
    if not decision.withheld:
        return _set_aside(decision)
    return _(
        "The register went from %(before)s to %(after)s and goes on in steps as much too large: "
        "the device seems to send another unit. Nothing has been counted since."
    )


_SENTENCES: dict[Judgement, Callable[[LedgerDecision], str]] = {
    Judgement.FIRST: lambda _decision: _("Counting began at %(after)s."),
    Judgement.GLITCH: _set_aside,
    Judgement.SPIKE: _set_aside,
    Judgement.OUTLIER: _set_aside,
    Judgement.ROLLOVER: lambda _decision: _(
        "The register ran over from %(before)s to %(after)s; %(booked)s were counted."
    ),
    Judgement.RESET: lambda _decision: _(
        "The register fell from %(before)s to %(after)s and went on from there; %(booked)s were "
        "counted."
    ),
    Judgement.JUMP: _jump,
    Judgement.SCALE: _scale,
    Judgement.GAP: lambda _decision: _(
        "No readings came while the register went from %(before)s to %(after)s; %(booked)s were "
        "counted in total and shared out over the time."
    ),
}
