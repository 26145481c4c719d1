"""Which process of all machines owns a serial port, kept in the database.

The lock of the operating system keeps out only who asks for it, and a port behind TCP has none.
Time is that of the database.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
from pathlib import Path

from django.db import transaction

from devices.models import PortLease
from devices.services.outbox import database_now
from energy.lib.identity import is_gone, own_identity

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
KEPT = dt.timedelta(days=1)  # how long one that ran out is kept for people
_IDENTITY = re.compile(r" \(([^()]*)\)$")


class PortHeld(RuntimeError):
    """Another process owns the port; `holder` says which, for people."""

    def __init__(self, port: str, holder: str) -> None:
        super().__init__(f"{port} is in use by {holder}.")
        self.port = port
        self.holder = holder


def port_key(port: str) -> str:
    """Return the name by which every process knows a port: a URL, or what a path leads to.

    A path means another port on another machine, whatever the machines are called; containers
    of one machine share its ports.
    """
    if "://" in port:
        return port.lower()
    return f"{Path(port).resolve()}@{_machine()}"


class PortClaim:
    """The lease of one port for this process; any thread may call it, one at a time.

    `hold` takes and renews. `fence` grows with each new holder: what a slower one wrote before
    it noticed is told from what the present one wrote.
    """

    def __init__(self, port: str, *, command: str, seconds: float = LEASE_SECONDS) -> None:
        self.port = port
        self.fence = 0
        self._key = port_key(port)
        self._seconds = seconds
        self._holder = f"{_who(command)} ({own_identity()})"[:255]

    @transaction.atomic
    def hold(self) -> None:
        """Take the lease or renew it, when it ran out too unless somebody took it since.

        One whose holder on this machine has certainly ended is taken at once.

        Raises: PortHeld: another process has it: close the port and write nothing more.
            django.db.Error: nothing is known about the lease.
        """
        row, _ = PortLease.objects.select_for_update().get_or_create(
            port=self._key, defaults={"holder": "", "expires_at": _long_ago()}
        )
        now = database_now()
        is_ours = row.holder == self._holder and row.fence == self.fence
        if not is_ours:
            if (self.fence and row.holder) or not _is_free(row, now):
                raise PortHeld(self.port, _for_people(row.holder))
            row.holder, row.fence = self._holder, row.fence + 1
        row.expires_at = now + dt.timedelta(seconds=self._seconds)
        row.save(update_fields=["holder", "fence", "expires_at", "updated_at"])
        self.fence = row.fence

    def release(self) -> None:
        """Let another process take the port at once; the row keeps its number."""
        mine = PortLease.objects.filter(port=self._key, holder=self._holder, fence=self.fence)
        mine.update(holder="", expires_at=database_now())
        self.fence = 0


def holder_of(port: str) -> str:
    """Return who owns a port, for people; "" when nobody does."""
    row = PortLease.objects.filter(port=port_key(port)).first()
    return _for_people(row.holder) if row and not _is_free(row, database_now()) else ""


def delete_old_leases(*, now: dt.datetime) -> int:
    """Delete leases that ran out a day ago; return how many."""
    return PortLease.objects.filter(expires_at__lt=now - KEPT).delete()[0]


def _is_free(row: PortLease, now: dt.datetime) -> bool:
    if not row.holder or row.expires_at <= now:
        return True
    named = _IDENTITY.search(row.holder)
    return named is not None and is_gone(named[1])


def _for_people(holder: str) -> str:
    return _IDENTITY.sub("", holder)


def _who(command: str) -> str:
    return f"{socket.gethostname()[:100]} pid {os.getpid()} {command[:60]}"


def _machine() -> str:
    """Return what all containers of this machine see and no other machine has."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:13]
    except OSError:
        return socket.gethostname()


def _long_ago() -> dt.datetime:
    return dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
