"""The admin's first page for a tenant's administrators: their own fleet, site by site."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.db.models import Count

from accounts.models import User
from devices.models import Device, Gateway, Site
from devices.presence import Presence
from devices.queries import with_presence
from devices.queries_gateways import with_gateway_presence
from energy.presence_counts import PresenceCounts

MAX_SITES, MAX_ACTS = 50, 8


@dataclass(frozen=True, slots=True)
class SiteFleet:
    """The devices of one site."""

    id: uuid.UUID
    name: str
    devices: PresenceCounts

    @property
    def troubles(self) -> int:
        """Count what is not as it should be, to put such sites first."""
        return self.devices.late + self.devices.offline


@dataclass(frozen=True, slots=True)
class TenantOverview:
    """Everything on the page."""

    now: dt.datetime
    gateways: PresenceCounts
    devices: PresenceCounts
    sites: list[SiteFleet]
    site_count: int
    acts: list[LogEntry]


def read_tenant_fleet(*, user: User, now: dt.datetime) -> TenantOverview:
    """Return the figures of the tenant in scope; four queries."""
    by_site: dict[uuid.UUID, dict[str, int]] = defaultdict(dict)
    rows = with_presence(Device.objects.all(), now=now).order_by()
    for row in rows.values("site_id", "presence").annotate(number=Count("id")):
        by_site[row["site_id"]][Presence(row["presence"]).value] = row["number"]
    sites = [
        SiteFleet(id_, name, PresenceCounts(**by_site.get(id_, {})))
        for id_, name in Site.objects.order_by("name", "id").values_list("id", "name")
    ]
    sites.sort(key=lambda site: -site.troubles)
    return TenantOverview(
        now=now,
        gateways=_count_gateways(now=now),
        devices=sum((site.devices for site in sites), PresenceCounts()),
        sites=sites[:MAX_SITES],
        site_count=len(sites),
        acts=_own_acts(user),
    )


def _count_gateways(*, now: dt.datetime) -> PresenceCounts:
    rows = with_gateway_presence(Gateway.objects.all(), now=now).order_by()
    counts = {
        Presence(row["presence"]).value: row["number"]
        for row in rows.values("presence").annotate(number=Count("id"))
    }
    return PresenceCounts(**counts)


def _own_acts(user: User) -> list[LogEntry]:
    """Return what the person did lately to devices of this tenant that still exist.

    The log knows no tenant, and one person may administer several.
    """
    recent = LogEntry.objects.filter(user=user).select_related("content_type")
    entries = list(recent.order_by("-action_time")[: MAX_ACTS * 4])
    known = {
        (model._meta.label_lower, str(key))
        for model in (Site, Gateway, Device)
        for key in model.objects.filter(
            pk__in=[e.object_id for e in entries if _is_about(e, model)]
        ).values_list("pk", flat=True)
    }
    return [e for e in entries if (_label(e), e.object_id) in known][:MAX_ACTS]


def _label(entry: LogEntry) -> str:
    kind = entry.content_type
    return f"{kind.app_label}.{kind.model}" if kind else ""


def _is_about(entry: LogEntry, model: type) -> bool:
    return _label(entry) == model._meta.label_lower  # type: ignore[attr-defined]
