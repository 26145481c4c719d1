"""Whether a tag may charge at a connector now."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum

from charging.models import ChargingSession, Connector, IdTag
from charging.services.refusals import (
    BadTag,
    OtherTag,
    TagBlocked,
    TagBusy,
    TagElsewhere,
    TagNotValid,
    TagUsedUp,
)

_ZERO = Decimal(0)


def check_tag(*, uid: str, connector: Connector, now: dt.datetime) -> IdTag:
    """Return the tag of an identifier, locked until the end of the transaction.

    Locked, so that two chargers do not both begin its last permitted session.

    Raises: BadTag: why it may not charge here and now.
    """
    tag = IdTag.objects.select_for_update(no_key=True).filter(uid=uid.strip().upper()).first()
    if tag is None:
        raise BadTag
    if tag.is_blocked:
        raise TagBlocked
    if (tag.valid_from and now < tag.valid_from) or (tag.valid_until and now >= tag.valid_until):
        raise TagNotValid
    site = connector.charge_point.site
    if tag.site_id and tag.site_id != site.id:
        raise TagElsewhere
    running = ChargingSession.objects.filter(id_tag=tag, ended_at=None, stopped_at=None)
    if running.exclude(connector=connector).count() >= tag.max_active:
        raise TagBusy
    if tag.kwh_quota is not None and used_this_month(tag, ZoneInfo(site.timezone), now=now) >= (
        tag.kwh_quota
    ):
        raise TagUsedUp
    return tag


def used_this_month(tag: IdTag, zone: ZoneInfo, *, now: dt.datetime) -> Decimal:
    """Return the kWh of the sessions of a tag that began in this calendar month of a zone."""
    begin = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = ChargingSession.objects.filter(id_tag=tag, started_at__gte=begin)
    return rows.aggregate(total=Sum("energy_kwh"))["total"] or _ZERO


def check_may_stop(*, uid: str, session: ChargingSession) -> None:
    """Refuse that a tag ends a session of another, unless both are of one group.

    Raises: OtherTag.
    """
    uid = uid.strip().upper()
    if not session.tag_uid or uid == session.tag_uid:
        return
    group = IdTag.objects.filter(uid=uid, is_blocked=False).values_list("group", flat=True).first()
    own = session.id_tag.group if session.id_tag else ""
    if not group or group != own:
        raise OtherTag
