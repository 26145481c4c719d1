"""The way of a vehicle through charging, as a line of stations with the present one marked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from charging.models import Connector, ConnectorState
from charging.words import state_name, trouble_of

FRESH = dt.timedelta(seconds=20)
LEFT, GAP = 50, 100  # of the circles on the line
_STATIONS = (
    ConnectorState.IDLE, ConnectorState.CABLE_DETECT, ConnectorState.EV_CONNECTED,
    ConnectorState.READY, ConnectorState.CHARGING, ConnectorState.STOPPED,
)  # fmt: skip
_PLACE = {state: place for place, state in enumerate(_STATIONS)} | {ConnectorState.PAUSED: 4}
_KINDS = {
    ConnectorState.CHARGING: "good", ConnectorState.PAUSED: "uncertain",
    ConnectorState.FAULT_HARD: "bad", ConnectorState.HARDFAULT_END: "late",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stop:
    """A station of the line; `x` of 0 to 600."""

    x: int
    label: str
    is_passed: bool
    is_here: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The state of a connector. `kind` names a badge, `name` says it.

    `trouble`, `advice`: what is wrong and what to do; "" where all is well. `is_fresh`: the
    controller was heard just now; otherwise nobody knows what it is like now.
    """

    name: str
    kind: str
    stops: tuple[Stop, ...]
    reach: int
    trouble: str
    advice: str
    is_fresh: bool
    summary: str


def picture_of(connector: Connector, *, now: dt.datetime) -> Picture:
    """Return the picture in the active language."""
    state = connector.state
    here = _PLACE.get(ConnectorState(state)) if state in ConnectorState.values else None
    stops = tuple(
        Stop(
            x=LEFT + GAP * place, label=label,
            is_passed=here is not None and place < here, is_here=place == here,
        )
        for place, label in enumerate(_labels(state))
    )  # fmt: skip
    trouble, advice = trouble_of(state, connector.fault, connector.pilot) or ("", "")
    is_fresh = connector.seen_at is not None and now - connector.seen_at <= FRESH
    kind = "missing" if state is None else _KINDS.get(ConnectorState(state), "waiting")
    name = state_name(state)
    return Picture(
        name=name, kind=kind, stops=stops, reach=LEFT + GAP * (here or 0), trouble=trouble,
        advice=advice, is_fresh=is_fresh, summary=_summary(name, trouble),
    )  # fmt: skip


def _labels(state: int | None) -> list[str]:
    charging = (
        pgettext("charging", "Paused")
        if state == ConnectorState.PAUSED
        else pgettext("charging", "Charging")
    )
    return [
        pgettext("charging", "Free"), pgettext("charging", "Cable"),
        pgettext("charging", "Vehicle"), pgettext("charging", "Ready"), charging,
        pgettext("charging", "Stopped"),
    ]  # fmt: skip


def _summary(name: str, trouble: str) -> str:
    text = _("State: %(state)s.") % {"state": name}
    return f"{text} {trouble}." if trouble else text
