"""What the fleet page shows; every function runs in a tenant's scope.

The number of queries does not depend on the size of the fleet, and every number counts
exactly the rows that its filter lists.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import (
    Count,
    Exists,
    F,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)

from devices.command_states import OPEN
from devices.models import (
    Claim,
    Command,
    Device,
    DeviceCertificate,
    DeviceConfiguration,
    DeviceEvent,
    Lifecycle,
    ReportedConfiguration,
    Site,
)
from devices.models.claim import OPEN_STATES
from devices.presence import Presence
from devices.queries import DEVICE_ORDERINGS, list_devices, with_presence
from devices.queries_certificates import ENDS_SOON
from devices.shipped_words import shipped_word

NO_VERSION = "-"  # stands for devices that never told their firmware
SHOWN_SITES = 50
SHOWN_VERSIONS = 30


class Trouble(StrEnum):
    """What may need a person, besides silence."""

    CERTIFICATE = "certificate"  # the newest one ends within 30 days, or has ended
    CONFIGURATION = "configuration"  # the device says something else than it should
    COMMAND = "command"  # a command has not come to its end


FLEET_ORDERINGS: dict[str, Any] = {
    "name": "name",
    "site": "site__name",
    "type": "profile__name",
    "firmware": "firmware_version",
    "last_seen": DEVICE_ORDERINGS["last_seen_at"],
}


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """Which devices, in which order; blank fields let everything through.

    Decommissioned devices are only listed when `lifecycle` asks for them. `order` is a key of
    `FLEET_ORDERINGS`, with a leading minus the other way round.
    """

    text: str = ""
    site_id: uuid.UUID | None = None
    zone_id: uuid.UUID | None = None
    profile: str = ""
    presence: str = ""
    lifecycle: str = ""
    firmware: str = ""
    trouble: str = ""
    tag: str = ""
    order: str = "name"


@dataclass(frozen=True, slots=True)
class PresenceNumbers:
    """How many devices are in each presence."""

    online: int = 0
    late: int = 0
    offline: int = 0
    silent: int = 0

    @property
    def total(self) -> int:
        """Count all."""
        return self.online + self.late + self.offline + self.silent

    @property
    def pairs(self) -> tuple[tuple[str, int], ...]:
        """Return (presence, number), in the order of the page."""
        return tuple((state.value, getattr(self, state.value)) for state in Presence)

    def __add__(self, other: PresenceNumbers) -> PresenceNumbers:
        return PresenceNumbers(
            self.online + other.online,
            self.late + other.late,
            self.offline + other.offline,
            self.silent + other.silent,
        )


@dataclass(frozen=True, slots=True)
class SiteNumbers:
    """The devices of one site."""

    id: uuid.UUID
    name: str
    devices: PresenceNumbers


@dataclass(frozen=True, slots=True)
class VersionNumbers:
    """How many devices of a type have a firmware; `share` is per cent of the type."""

    profile_key: str
    profile: str
    version: str
    number: int
    share: int


@dataclass(frozen=True, slots=True)
class FleetNumbers:
    """Everything above the list. `claims` is None for who may not provision."""

    devices: PresenceNumbers
    sites: Sequence[SiteNumbers]
    site_count: int
    versions: Sequence[VersionNumbers]
    version_count: int
    profiles: Sequence[tuple[str, str]]
    certificates: int
    configurations: int
    commands: int
    claims: int | None = field(default=None)


def read_fleet_numbers(*, now: dt.datetime, with_claims: bool) -> FleetNumbers:
    """Return the numbers of all devices in service; six queries, seven with claims."""
    in_service = _in_service()
    sites = _count_sites(now=now)
    versions = _count_versions()
    troubles = {
        trouble: in_service.filter(_has_trouble(trouble, now=now)).count() for trouble in Trouble
    }
    return FleetNumbers(
        devices=sum((site.devices for site in sites), PresenceNumbers()),
        sites=sites[:SHOWN_SITES],
        site_count=len(sites),
        versions=versions[:SHOWN_VERSIONS],
        version_count=len(versions),
        profiles=list(dict.fromkeys((row.profile_key, row.profile) for row in versions)),
        certificates=troubles[Trouble.CERTIFICATE],
        configurations=troubles[Trouble.CONFIGURATION],
        commands=troubles[Trouble.COMMAND],
        claims=Claim.objects.filter(state__in=OPEN_STATES).count() if with_claims else None,
    )


def find_fleet(wanted: FleetFilter, *, now: dt.datetime) -> QuerySet[Device]:
    """Return the devices that match, ordered, with `presence` and one flag for each trouble."""
    devices = with_presence(list_devices(now=now, text=wanted.text, tag=wanted.tag), now=now)
    if wanted.lifecycle:
        devices = devices.filter(lifecycle=wanted.lifecycle)
    else:
        devices = devices.exclude(lifecycle=Lifecycle.DECOMMISSIONED)
    for name, value in _equalities(wanted).items():
        devices = devices.filter(**{name: value})
    if wanted.trouble:
        devices = devices.filter(_has_trouble(Trouble(wanted.trouble), now=now))
    flags = {f"has_{trouble.value}": _has_trouble(trouble, now=now) for trouble in Trouble}
    key: Any = FLEET_ORDERINGS[wanted.order.removeprefix("-")]
    expression = F(key) if isinstance(key, str) else key
    order = expression.desc() if wanted.order.startswith("-") else expression.asc()
    return devices.annotate(**flags).order_by(order, "name", "id")


def list_events(
    *, device_id: uuid.UUID, kind: str = "", severity: str = ""
) -> QuerySet[DeviceEvent]:
    """Return what happened at a device; the caller orders."""
    events: QuerySet[DeviceEvent] = DeviceEvent.objects.filter(device_id=device_id)
    if kind:
        events = events.filter(kind=kind)
    return events.filter(severity=severity) if severity else events


def _equalities(wanted: FleetFilter) -> dict[str, Any]:
    given = {
        "site_id": wanted.site_id,
        "zone_id": wanted.zone_id,
        "profile__key": wanted.profile,
        "presence": wanted.presence,
        "firmware_version": wanted.firmware,
    }
    found = {name: value for name, value in given.items() if value}
    if wanted.firmware == NO_VERSION:
        found["firmware_version"] = ""
    return found


def _in_service() -> QuerySet[Device]:
    devices: QuerySet[Device] = Device.objects.exclude(lifecycle=Lifecycle.DECOMMISSIONED)
    return devices.order_by()


def _count_sites(*, now: dt.datetime) -> list[SiteNumbers]:
    """Count by site and presence; the sites with most trouble come first."""
    counts: dict[uuid.UUID, dict[str, int]] = {}
    rows = with_presence(_in_service(), now=now).values("site_id", "presence")
    for row in rows.annotate(number=Count("id")):
        counts.setdefault(row["site_id"], {})[row["presence"]] = row["number"]
    sites = [
        SiteNumbers(id_, name, PresenceNumbers(**counts.get(id_, {})))
        for id_, name in Site.objects.order_by("name", "id").values_list("id", "name")
    ]
    return sorted(sites, key=lambda site: -(site.devices.late + site.devices.offline))


def _count_versions() -> list[VersionNumbers]:
    rows = _in_service().values("profile__key", "profile__name", "firmware_version")
    counted = list(rows.annotate(number=Count("id")))
    totals: dict[str, int] = {}
    for row in counted:
        totals[row["profile__key"]] = totals.get(row["profile__key"], 0) + row["number"]
    counted.sort(key=lambda r: (r["profile__name"], r["profile__key"], -r["number"]))
    return [
        VersionNumbers(
            profile_key=row["profile__key"],
            profile=shipped_word(row["profile__name"]),
            version=row["firmware_version"],
            number=row["number"],
            share=round(100 * row["number"] / totals[row["profile__key"]]),
        )
        for row in counted
    ]


def _has_trouble(trouble: Trouble, *, now: dt.datetime) -> Any:
    """Return a condition on devices."""
    if trouble is Trouble.CERTIFICATE:
        return _ends_soon(now)
    if trouble is Trouble.COMMAND:
        return Exists(Command.objects.filter(device=OuterRef("pk"), state__in=list(OPEN)))
    return _is_drifting()


def _ends_soon(now: dt.datetime) -> Any:
    """A certificate ends, and no newer one takes its place; those who have none need none."""
    own = DeviceCertificate.objects.filter(device=OuterRef("pk"), revoked_at=None)
    return Exists(own.filter(not_after__lte=now + ENDS_SOON)) & ~Exists(
        own.filter(not_after__gt=now + ENDS_SOON)
    )


def _is_drifting() -> Any:
    """The newest configuration is not contained in what the device says.

    The database's form of `config_diff.differences`, but for lists: it ignores their order.
    """
    newest = DeviceConfiguration.objects.filter(device=OuterRef("device_id"))
    desired = Subquery(newest.order_by("-revision").values("body")[:1], output_field=JSONField())
    reports = ReportedConfiguration.objects.filter(device=OuterRef("pk")).annotate(desired=desired)
    return Exists(reports.filter(Q(desired__isnull=False) & ~Q(body__contains=F("desired"))))
