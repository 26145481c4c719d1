"""Makes the broker's accounts those of the boxes in the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings

from accounts.tenancy import all_tenants
from devices.boxes import username_of
from devices.models import BrokerChange, Device, DeviceCertificate, Gateway
from devices.queries_certificates import shut_out_usernames
from devices.services.broker_accounts import (
    TOLERATED,
    Connect,
    bootstrap_grant,
    box_grant,
    ensure_commands,
    find_accounts,
    removal_commands,
    set_commands,
)
from devices.wires.broker import connect_control


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was changed: accounts of boxes that had none, and of boxes that are gone."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def sync_accounts(
    *, now: dt.datetime, connect: Connect = connect_control, rights_too: bool = False
) -> SyncReport:
    """Give boxes with a valid certificate their account, take it from boxes that are gone.

    Accounts that we did not make are left alone; so are those of boxes that have a password
    only, because the database does not know it. What is noted as pending is left to its own
    order. `rights_too` sets the topics of all accounts anew, which ends their sessions.

    Raises: BrokerError.
    """
    with connect() as control:
        present = find_accounts(control)
        with all_tenants():
            known = _known_usernames()
            boxes = {username_of(box): box for box in _boxes_with_certificate(now)}
        pending = set(BrokerChange.objects.values_list("username", flat=True))
        removed = sorted(present - known - pending)
        added = sorted(boxes.keys() - present - pending)
        changed = sorted(present & boxes.keys() - pending) if rights_too else []
        commands = [command for name in removed for command in removal_commands(name)]
        with all_tenants():
            for name in added:
                commands += ensure_commands(box_grant(boxes[name]))
            for name in changed:
                commands += set_commands(box_grant(boxes[name]))
        if settings.BOOTSTRAP_MQTT_PASSWORD:
            commands += ensure_commands(bootstrap_grant(settings.BOOTSTRAP_MQTT_PASSWORD))
        control.run(commands, tolerate=TOLERATED)
    return SyncReport(tuple(added), tuple(removed))


def _known_usernames() -> set[str]:
    """Return the names of all boxes that may have an account, with or without certificate."""
    gateways = set(Gateway.objects.order_by("id").values_list("uid", flat=True))
    direct = Device.objects.filter(gateway=None).order_by("id").values_list("id", flat=True)
    return (gateways | {str(device_id) for device_id in direct}) - shut_out_usernames()


def _boxes_with_certificate(now: dt.datetime) -> list[Device]:
    valid = DeviceCertificate.objects.filter(revoked_at=None, not_after__gt=now)
    boxes = Device.objects.select_related("gateway").filter(
        id__in=valid.values("device_id"), shut_out=None
    )
    return list(boxes.order_by("id"))
