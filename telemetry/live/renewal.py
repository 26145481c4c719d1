"""Signing in again on an open socket, before what it was signed in with ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from telemetry.live.identity import Identity
from telemetry.live.viewer import Viewer

REMIND_SECONDS = 60


def may_replace(old: Identity, new: Identity) -> bool:
    """Tell whether a new sign-in is of the same person, or program, in the same role."""
    return (old.tenant_id, old.user_id, old.key_id, old.is_guest) == (
        new.tenant_id, new.user_id, new.key_id, new.is_guest,
    )  # fmt: skip


async def remind(viewers: Iterable[Viewer], *, now: dt.datetime) -> None:
    """Ask sockets whose sign-in ends within a minute for a new one, once."""
    soon = now + dt.timedelta(seconds=REMIND_SECONDS)
    for viewer in [one for one in viewers if not one.is_reminded]:
        if viewer.identity.expires_at <= soon and viewer.identity.key_id is None:
            viewer.is_reminded = True
            exp = format_time(viewer.identity.expires_at)
            await viewer.send_message({"type": "reauth", "exp": exp})


def renew(viewer: Viewer, identity: Identity) -> None:
    """Let a socket go on with a new sign-in."""
    viewer.identity = identity
    viewer.is_reminded = False


def format_time(moment: dt.datetime) -> str:
    """Return RFC 3339 in UTC, as the REST API writes it."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
