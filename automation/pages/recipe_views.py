"""Recipes as templates show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.control.recipe import Phase, PhaseSchedule
from automation.pages.pairs import write_pairs
from automation.schedules.definition import Every, Once, Times, Window


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """A phase in words; x, width: its place on the timeline, in percent."""

    number: int
    phase: Phase
    lasts: str
    schedules: Sequence[tuple[PhaseSchedule, str, str]]
    x: float
    width: float


def phases_as_lines(phases: Sequence[Phase]) -> list[PhaseLine]:
    """Return phases with their lengths and times in words."""
    return [
        PhaseLine(
            number, phase, describe_hours(phase.hours),
            [(one, describe_times(one), write_pairs(one.params)) for one in phase.schedules],
            x, width,
        )
        for number, (phase, (x, width)) in enumerate(zip(phases, places_of(phases), strict=True))
    ]  # fmt: skip


def places_of(phases: Sequence[Phase]) -> list[tuple[float, float]]:
    """Return where phases lie on a line of 100, and how wide; open ones are as the others are."""
    known = [phase.hours for phase in phases if phase.hours is not None]
    usual = sum(known) / len(known) if known else 1.0
    lengths = [max(usual if one.hours is None else one.hours, usual / 8) for one in phases]
    whole, x = sum(lengths), 0.0
    places = []
    for length in lengths:
        places.append((round(x, 3), round(100 * length / whole, 3)))
        x += 100 * length / whole
    return places


def describe_hours(hours: float | None) -> str:
    """Say how long a phase lasts."""
    if hours is None:
        return _("until somebody goes on")
    days = hours / 24
    if days >= 2:
        return ngettext("%(number)s day", "%(number)s days", round(days)) % {"number": f"{days:g}"}
    return ngettext("%(number)s hour", "%(number)s hours", round(hours)) % {"number": f"{hours:g}"}


def describe_times(one: PhaseSchedule) -> str:
    """Say when a schedule runs."""
    match one.times.when:
        case Times(at=at):
            text = ", ".join(at)
        case Window(start=start, end=end):
            text = f"{start}–{end}"
        case Every(seconds=seconds, start=start, end=end):
            text = _("every %(minutes)s min, %(start)s–%(end)s") % {
                "minutes": f"{seconds / 60:g}", "start": start, "end": end,
            }  # fmt: skip
        case Once(at=at):
            text = at.replace("T", " ")
        case _:
            text = _("by a calendar of its own")
    days = ", ".join(str(WEEKDAYS_ABBR[day - 1]) for day in sorted(one.times.days))
    return f"{days} {text}".strip()
