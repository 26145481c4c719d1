"""Looks at what the meter measures: too much current, or current where the contactor is open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from django.db.models import Q

from accounts.tenancy import all_tenants, tenant_scope
from charging.events import Kind
from charging.models import ChargingEvent, Connector
from charging.services.keeping import keep_event
from charging.services.sessions import open_session_of
from charging.states import S
from telemetry.ingest.batch import SampleBatch
from telemetry.quality import Quality
from telemetry.storage.reads import raw_samples

TOO_MUCH = 1.1  # of the limit
WELDED_KW = 0.2  # more than the controller itself draws
LASTING = dt.timedelta(seconds=5)
WINDOW = dt.timedelta(seconds=60)
LONGEST = dt.timedelta(hours=1)  # after which it is said again, should it last
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)


@dataclass(frozen=True, slots=True)
class Excess:
    """Power that should not be, at a connector.

    `value`, `limit`: A for overcurrent, else kW. `limit_kw`: the same limit, as power.
    """

    connector: Connector
    kind: Kind
    value: float
    limit: float
    limit_kw: float
    since: dt.datetime


def find_excess(*, now: dt.datetime) -> list[Excess]:
    """Return where for five seconds, to the newest sample, more flows than should."""
    with all_tenants():
        rows = Connector.objects.filter(power_channel__isnull=False).filter(
            Q(state=S.CHARGING) | Q(is_relay_on=False)
        )
        found = list(rows.select_related("charge_point").order_by("id"))
    return [one for connector in found if (one := _excess_of(connector, now)) is not None]


def tell_excess(found: list[Excess], *, now: dt.datetime) -> None:
    """Keep an event of each, once for as long as it lasts."""
    for one in found:
        with tenant_scope(one.connector.tenant_id):
            _tell(one, now)


def _tell(one: Excess, now: dt.datetime) -> None:
    told = ChargingEvent.objects.filter(connector=one.connector, kind=one.kind.value)
    last = told.order_by("-at").values_list("at", flat=True).first()
    if last is not None and last > now - LONGEST and not _was_fine(one, last, now):
        return
    unit = "a" if one.kind == Kind.OVERCURRENT else "kw"
    keep_event(
        one.connector, one.kind, at=max(one.since, now - WINDOW),
        session=open_session_of(one.connector),
        detail={f"value_{unit}": round(one.value, 3), f"limit_{unit}": round(one.limit, 3)},
    )  # fmt: skip


def _excess_of(connector: Connector, now: dt.datetime) -> Excess | None:
    point = connector.charge_point
    if connector.state == S.CHARGING:
        amps = min(connector.current_limit_a or point.max_current_a, point.max_current_a)
        factor = 1000 / (point.phases * point.voltage_v)
        kind, limit = Kind.OVERCURRENT, amps * TOO_MUCH
    else:
        factor, kind, limit = 1.0, Kind.CONTACTOR_MISMATCH, WELDED_KW
    found = _lasting(connector, limit / factor, now)
    if found is None:
        return None
    return Excess(connector, kind, found[0] * factor, limit, limit / factor, found[1])


def _lasting(
    connector: Connector, limit_kw: float, now: dt.datetime
) -> tuple[float, dt.datetime] | None:
    """Return the newest power and since when it has been above a limit, if for long enough."""
    begin = now - WINDOW
    if connector.state_since is not None:
        begin = max(begin, connector.state_since)
    rows = _powers(connector, begin, now)
    fine = np.flatnonzero(rows["value"] <= limit_kw)
    above = rows[int(fine[-1]) + 1 :] if len(fine) else rows
    if len(above) < 2:
        return None
    first, last = (dt.datetime.fromtimestamp(int(t) / 1e6, dt.UTC) for t in above["time"][[0, -1]])
    return (float(above["value"][-1]), first) if last - first >= LASTING else None


def _was_fine(one: Excess, since: dt.datetime, now: dt.datetime) -> bool:
    return bool((_powers(one.connector, since, now)["value"] <= one.limit_kw).any())


def _powers(connector: Connector, start: dt.datetime, end: dt.datetime) -> SampleBatch:
    channel = connector.power_channel_id
    channels = [] if channel is None else [channel]
    rows = raw_samples(channels, start, end, tenant_id=connector.tenant_id)
    return rows[~np.isin(rows["quality"], _UNUSABLE)]
