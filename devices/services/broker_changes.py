"""What the broker still has to do: noted with the decision, carried out afterwards.

The order in which access ends (each step may be repeated, a crash between two is mended by
the next sweep):

1. the role is taken away: the device has no right any more, within milliseconds;
2. the revocation list is signed, put in place and read by the broker;
3. the account is deleted, which ends the session: its certificate opens no other one.

A box that keeps another certificate gets its role back after the third step.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from accounts.tenancy import all_tenants
from devices.models import BrokerChange, Device
from devices.services.authorities import NoAuthority
from devices.services.broker_accounts import (
    TOLERATED,
    Connect,
    NotDirect,
    box_grant,
    ensure_commands,
    readmit_commands,
    removal_commands,
    strip_commands,
)
from devices.services.gateways import UnusableIdentifier
from devices.services.revocation_list import publish_if_due
from devices.wires.broker import (
    BrokerControl,
    BrokerError,
    Command,
    CommandFailed,
    connect_control,
)
from devices.wires.crl_file import ListNotPlaced

logger = structlog.get_logger(__name__)

BATCH = 200
MAX_TRIES = 30_000  # counted no further: nothing is given up


def ask_for_account(*, device_id: uuid.UUID, username: str, now: dt.datetime) -> None:
    """Note that a box shall have its account; a session that runs is left alone."""
    _note(username, now, device_id=device_id, is_wanted=True, must_cut=False)


def ask_for_cut(*, device_id: uuid.UUID, username: str, now: dt.datetime) -> None:
    """Note that a box's session shall end, and its account stay for another certificate."""
    _note(username, now, device_id=device_id, is_wanted=True, must_cut=True)


def ask_for_removal(*, username: str, now: dt.datetime) -> None:
    """Note that an account shall go with its session."""
    _note(username, now, device_id=None, is_wanted=False, must_cut=True)


def carry_out_soon(*, now: dt.datetime) -> None:
    """Carry out what is noted once this transaction commits."""
    transaction.on_commit(lambda: carry_out_due(now=now), robust=True)


def carry_out(*, now: dt.datetime, connect: Connect = connect_control) -> int:
    """Do what is noted, in the order above; return how many changes are left.

    Whatever cannot be done now stays noted: broker away, list not written.
    """
    noted = list(BrokerChange.objects.order_by("asked_at", "username")[:BATCH])
    try:
        with connect() as control:
            _strip_roles(control, noted)
            is_published = _publish(now)
            _apply(control, noted, with_cuts=is_published)
    except BrokerError as error:
        logger.warning("the broker's accounts could not be changed", error=str(error))
        tries = Least(F("tries") + 1, MAX_TRIES)
        BrokerChange.objects.update(tries=tries, error=str(error)[:500])
        _publish(now)
    return BrokerChange.objects.count()


def carry_out_due(*, now: dt.datetime, connect: Connect = connect_control) -> int:
    """Do what is noted, else only keep the list fresh: without work nobody is asked."""
    if BrokerChange.objects.exists():
        return carry_out(now=now, connect=connect)
    _publish(now)
    return 0


def _strip_roles(control: BrokerControl, noted: Sequence[BrokerChange]) -> None:
    commands = [
        command for row in noted if row.must_cut for command in strip_commands(row.username)
    ]
    control.run(commands, tolerate=TOLERATED)


def _publish(now: dt.datetime) -> bool:
    """Sign and place the list if it is due; False when the broker does not have it."""
    try:
        publish_if_due(now=now)
    except (ListNotPlaced, NoAuthority) as error:
        logger.error("the revocation list did not reach the broker", error=str(error))
        return False
    return True


def _apply(control: BrokerControl, noted: Sequence[BrokerChange], *, with_cuts: bool) -> None:
    """Do what was noted before the list was signed, and not asked for anew since then.

    Without a list in force nobody gets a role back after a cut.
    """
    asked = {row.username: row.asked_at for row in noted}
    with transaction.atomic():
        rows = BrokerChange.objects.filter(username__in=asked).order_by("asked_at", "username")
        changes = [
            row
            for row in rows.select_for_update(skip_locked=True)
            if row.asked_at == asked[row.username]
            and (with_cuts or not (row.is_wanted and row.must_cut))
        ]
        _forget([change for change in changes if _is_done(control, change)])


def _is_done(control: BrokerControl, change: BrokerChange) -> bool:
    """Do one change; one that the broker refuses does not hold up the others."""
    try:
        control.run(_commands_of(change), tolerate=TOLERATED)
    except CommandFailed as error:
        logger.error("the broker refused a change", username=change.username, error=str(error))
        change.tries, change.error = min(change.tries + 1, MAX_TRIES), str(error)[:500]
        change.save(update_fields=["tries", "error"])
        return False
    return True


def _forget(changes: Sequence[BrokerChange]) -> None:
    BrokerChange.objects.filter(username__in=[row.username for row in changes]).delete()


def _commands_of(change: BrokerChange) -> list[Command]:
    """Return what the broker must do; a box that is gone since then loses its account."""
    if not change.is_wanted or change.device_id is None:
        return removal_commands(change.username)
    with all_tenants():
        box = Device.objects.select_related("gateway").filter(id=change.device_id).first()
        try:
            grant = box_grant(box) if box else None
        except (NotDirect, UnusableIdentifier):
            grant = None
    if grant is None or grant.username != change.username:
        return removal_commands(change.username)
    return readmit_commands(grant) if change.must_cut else ensure_commands(grant)


def _note(
    username: str,
    now: dt.datetime,
    *,
    device_id: uuid.UUID | None,
    is_wanted: bool,
    must_cut: bool,
) -> None:
    """Write the wish, which takes the place of an older one; a cut that is due stays due."""
    with transaction.atomic():
        present = BrokerChange.objects.select_for_update().filter(username=username).first()
        BrokerChange.objects.update_or_create(
            username=username,
            defaults={
                "device_id": device_id,
                "is_wanted": is_wanted,
                "must_cut": must_cut or (present is not None and present.must_cut),
                "asked_at": now,
                "tries": 0,
                "error": "",
            },
        )
