"""Sessions as rows of pages, and what addresses ask for; nonsense is left out."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from charging.models import ChargingSession, SessionState
from charging.queries.connectors import Live
from charging.queries.pages_sessions import SessionFilter
from charging.words import estimate_words

TEXT = 100
PERIODS: Mapping[str, tuple[Promise, int]] = {
    "1": (_("24 hours"), 1), "7": (_("7 days"), 7), "30": (_("30 days"), 30),
    "90": (_("90 days"), 90), "365": (_("a year"), 365),
}  # fmt: skip
BADGES: Mapping[str, str] = {
    SessionState.AUTHORISED: "waiting", SessionState.CHARGING: "good",
    SessionState.PAUSED: "uncertain", SessionState.ENDED: "silent", SessionState.FAULTED: "bad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with what pages say of it. `badge` names the look of its state."""

    session: ChargingSession
    badge: str
    who: str
    estimate: str
    energy_kwh: Decimal | None
    cost: Decimal | None
    currency: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What the list of sessions shows."""

    wanted: SessionFilter
    period: str
    is_filtered: bool


def session_row(
    session: ChargingSession, *, now: dt.datetime, live: Live | None = None
) -> SessionRow:
    """Return a session as a row. Args: live: newer figures of one that has not ended."""
    end = session.ended_at or now
    return SessionRow(
        session=session,
        badge=BADGES.get(session.state, "silent"),
        who=who_of(session),
        estimate=estimate_words(session.estimate_note) if session.is_estimated else "",
        energy_kwh=live.energy_kwh if live else session.energy_kwh,
        cost=live.cost if live else session.cost,
        currency=session.currency,
        seconds=max(0.0, (end - session.started_at).total_seconds()),
    )


def who_of(session: ChargingSession) -> str:
    """Return who charged: the name of the tag, the tag, or who pressed the button."""
    tag = session.id_tag
    return (tag.label if tag else "") or session.tag_uid or session.principal_label


def read_sessions_asked(given: QueryDict, *, now: dt.datetime) -> Asked:
    """Return which sessions an address asks for."""
    period = given.get("period", "")
    period = period if period in PERIODS else "30"
    state = given.get("state", "")
    base = SessionFilter(
        site_id=read_uuid(given.get("site", "")),
        charge_point_id=read_uuid(given.get("point", "")),
        id_tag_id=read_uuid(given.get("tag", "")),
        state=state if state in SessionState.values else "",
        text=given.get("q", "").replace("\0", "").strip()[:TEXT],
    )
    is_filtered = base != SessionFilter() or period != "30"
    wanted = replace(base, start=now - dt.timedelta(days=PERIODS[period][1]))
    return Asked(wanted, period, is_filtered)


def read_uuid(text: str) -> uuid.UUID | None:
    """Return an id; None for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
