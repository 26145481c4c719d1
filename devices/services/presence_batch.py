"""Status reports of a whole herd, in few statements.

When thousands of boxes come back at once each of them reports. One by one that is ten
statements and a commit for each; here it is four statements and one commit for all.
"""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from accounts.tenancy import all_tenants
from devices.models import (
    ACTIVE_STATES,
    CampaignTarget,
    ConfigurationState,
    Device,
    DeviceCertificate,
    DeviceConfiguration,
)
from devices.services.presence import FIRMWARE_LENGTH, THINGS, add_events

# As apply_status_report: what is newest by time has the last word, `offline_since` stays where
# it was, an offline that is older than the last message changes the word only.
_APPLY = """
WITH said AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[])
        AS said (id, status, at, version)
), locked AS (
    SELECT thing.id, thing.offline_since FROM {table} AS thing JOIN said ON said.id = thing.id
    ORDER BY thing.id FOR NO KEY UPDATE OF thing
), moved AS (
    UPDATE {table} AS thing SET
        reported_status = said.status,
        reported_status_at = said.at,
        updated_at = now(),
        firmware_version = coalesce(nullif(said.version, ''), thing.firmware_version),
        last_seen_at = CASE WHEN said.status = 'online'
            THEN greatest(thing.last_seen_at, said.at) ELSE thing.last_seen_at END,
        offline_since = CASE
            WHEN said.status = 'online' THEN NULL
            WHEN thing.last_seen_at IS NULL OR thing.last_seen_at <= said.at
            THEN coalesce(thing.offline_since, said.at)
            ELSE thing.offline_since END
    FROM said, locked
    WHERE thing.id = said.id AND thing.id = locked.id
      AND (thing.reported_status_at IS NULL OR thing.reported_status_at < said.at)
    RETURNING thing.id, thing.tenant_id, said.at,
        locked.offline_since IS NOT NULL AS was_offline, thing.offline_since IS NOT NULL AS is_off
)
SELECT id, tenant_id, at, is_off FROM moved WHERE was_offline <> is_off
"""


class Thing(NamedTuple):
    """A gateway, or a device with a connection of its own."""

    id: uuid.UUID
    is_gateway: bool


@dataclass(frozen=True, slots=True)
class StatusSaid:
    """What a thing says of itself; `status` is online or offline.

    names_certificate: it says with which certificate it connects.
    """

    thing: Thing
    status: str
    at: datetime
    firmware_version: str = ""
    names_certificate: bool = False


@transaction.atomic
def apply_status_reports(*, reports: Sequence[StatusSaid]) -> None:
    """Keep many reports as `apply_status_report` keeps one; several of a thing in their order.

    The caller has resolved the ids within their tenants.
    """
    for turn in _turns(reports):
        for kind, table, joins, _activate in THINGS:
            is_gateway = table == "devices_gateway"
            own = [report for report in turn if report.thing.is_gateway == is_gateway]
            if own:
                _apply(own, kind, table, joins)


def find_plain(
    tenants: Mapping[Thing, uuid.UUID | None], *, certificate_named: Container[Thing] = ()
) -> set[Thing]:
    """Return those of some things to which a status means nothing more.

    The others wait for a configuration, for firmware, or to be seen with a new certificate;
    or they are not their tenant's any more.
    """
    gateways = [thing.id for thing in tenants if thing.is_gateway]
    direct = [thing.id for thing in tenants if not thing.is_gateway]
    with all_tenants():
        own = Device.objects.filter(gateway_id__in=gateways, uid=F("gateway__uid"))
        rows = [
            *((Thing(g, True), d, t) for g, d, t in own.values_list("gateway_id", "id", "tenant")),
            *((Thing(d, False), d, t) for d, t in Device.objects.filter(
                id__in=direct, gateway=None
            ).values_list("id", "tenant")),
        ]  # fmt: skip
        waiting = _waiting([device_id for _thing, device_id, _tenant in rows])
        named = [device_id for thing, device_id, _tenant in rows if thing in certificate_named]
        waiting |= _unseen(named)
    return {
        thing
        for thing, device_id, tenant in rows
        if device_id not in waiting and tenants[thing] == tenant
    }


def _waiting(ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return the devices that something waits for which a status may be the sign of."""
    found: set[uuid.UUID] = set()
    for rows in (
        DeviceConfiguration.objects.filter(state=ConfigurationState.PENDING),
        CampaignTarget.objects.filter(state__in=ACTIVE_STATES),
    ):
        found.update(rows.filter(device_id__in=ids).values_list("device_id", flat=True))
    return found


def _unseen(ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return the devices with a certificate that was not seen in use yet."""
    rows = DeviceCertificate.objects.filter(device_id__in=ids, first_seen_at=None, revoked_at=None)
    return set(rows.values_list("device_id", flat=True)) if ids else set()


def _turns(reports: Iterable[StatusSaid]) -> list[list[StatusSaid]]:
    """Split reports so that no thing is twice in a turn: the first of each, the second …"""
    turns: list[list[StatusSaid]] = []
    count: dict[Thing, int] = {}
    for report in sorted(reports, key=lambda report: report.at):
        turn = count.get(report.thing, 0)
        count[report.thing] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(report)
    return turns


def _apply(reports: Sequence[StatusSaid], kind: str, table: str, joins: str) -> None:
    columns: list[Any] = [
        [report.thing.id for report in reports],
        [report.status for report in reports],
        [report.at for report in reports],
        [report.firmware_version[:FIRMWARE_LENGTH] for report in reports],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_APPLY.format(table=table), columns)
        changed = cursor.fetchall()
    for is_off, said in ((True, ("OFFLINE", "warning")), (False, ("ONLINE", "info"))):
        add_events([row[:3] for row in changed if row[3] == is_off], kind, table, joins, said)
