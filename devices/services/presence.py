"""What was last heard of gateways and devices."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from devices.models import Gateway, ReportedStatus

FIRMWARE_LENGTH = 50

# Rows are locked in the order of their ids, so that two workers never wait for each other.
# {table} is one of two constants; every value is a parameter.
_TOUCH = """
    UPDATE {table} AS thing SET last_seen_at = heard.at
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS heard (id, at),
         (SELECT id FROM {table} WHERE id = ANY (%s::uuid[]) ORDER BY id FOR NO KEY UPDATE)
             AS locked
    WHERE thing.id = heard.id AND thing.id = locked.id
      AND (thing.last_seen_at IS NULL OR thing.last_seen_at < heard.at)
"""


class UnknownStatus(ValueError):
    """A status report says neither online nor offline."""


@transaction.atomic
def touch_last_seen(
    *, gateway_ids: Mapping[uuid.UUID, datetime], device_ids: Mapping[uuid.UUID, datetime]
) -> None:
    """Move "last seen" forward to the given moments (UTC); it never goes back.

    One statement for each table. The caller has resolved the ids within their tenants.
    """
    with connection.cursor() as cursor:
        for table, heard in (("devices_gateway", gateway_ids), ("devices_device", device_ids)):
            if heard:
                ids = list(heard)
                cursor.execute(_TOUCH.format(table=table), [ids, list(heard.values()), ids])


def apply_status_report(
    *, gateway_id: uuid.UUID, status: str, at: datetime, firmware_version: str = ""
) -> bool:
    """Keep what a gateway says about itself unless something newer is known.

    Returns: whether the report was news.

    Raises:
        UnknownStatus: `status` is neither online nor offline.
    """
    if status not in {ReportedStatus.ONLINE, ReportedStatus.OFFLINE}:
        raise UnknownStatus(f"{status!r} is no status; send online or offline.")
    changes: dict[str, object] = {"reported_status": status, "reported_status_at": at}
    if firmware_version:
        changes["firmware_version"] = firmware_version[:FIRMWARE_LENGTH]
    changed = Gateway.objects.filter(
        Q(reported_status_at=None) | Q(reported_status_at__lt=at), id=gateway_id
    ).update(**changes)
    return changed > 0
