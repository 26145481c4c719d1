"""Meters: made, fed, changed. The reactor builds the ledger from what is stored."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from devices.models import Channel, Direction, Kind, Site
from metering.build.due import mark_due
from metering.ledger.flows import Integration, Part
from metering.models import (
    Commodity,
    Meter,
    MeterInstallation,
    MeterTerm,
    Quantity,
    Register,
    RegisterFeed,
    Role,
)
from telemetry.ingest.batch import to_microseconds
from telemetry.storage.watch import forget_channels, watch_channels

_FEEDABLE = {Kind.COUNTER, Kind.GAUGE, Kind.INTERVAL}
# stored unit → what a meter of this unit is fed by, and how much of it that is
_UNITS: dict[str, dict[str, Decimal]] = {
    "kWh": {"kWh": Decimal(1), "kW": Decimal(1), "kW.h": Decimal(1)},
    "m3": {"m3": Decimal(1), "m3/h": Decimal(1)},
}
MAX_DEPTH = 8


class MeterRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What hangs on the wall. Ratios and multiplier: register × them = the meter's unit."""

    serial: str = ""
    ct_ratio: Decimal = Decimal(1)
    vt_ratio: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    digits: int | None = None
    wraps_at: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The channel (its uuid) that feeds a register, and the register when it was installed."""

    channel: uuid.UUID
    initial: Decimal | None = None
    part: str = Part.ALL.value
    integration: str = Integration.TRAPEZOID.value


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a meter shall be; `terms` are the meters (id → factor) of a computed one."""

    name: str
    commodity: str = Commodity.ELECTRICITY.value
    role: str = Role.LOAD.value
    parent: uuid.UUID | None = None
    accuracy_percent: Decimal | None = None
    most_per_hour: Decimal | None = None
    contracted_kw: Decimal | None = None
    is_active: bool = True
    terms: Mapping[uuid.UUID, Decimal] = field(default_factory=dict)


@transaction.atomic
def create_meter(
    *,
    site_id: uuid.UUID,
    wanted: Wanted,
    sources: Mapping[str, Source] | None = None,
    hardware: Hardware | None = None,
    installed_at: dt.datetime | None = None,
    now: dt.datetime,
) -> Meter:
    """Make a meter of a site; its past is built from what its channels have stored.

    Args: sources: by quantity (import, export); none for a computed meter.
        installed_at: default: from the first sample on.

    Raises: Site.DoesNotExist. Channel.DoesNotExist. MeterRefused.
    """
    site = Site.objects.select_for_update(no_key=True).get(id=site_id)
    meter = Meter(tenant_id=site.tenant_id, site=site, is_virtual=bool(wanted.terms))
    _apply(meter, wanted)
    meter.save()
    _save_terms(meter, wanted.terms)
    if sources:
        if wanted.terms:
            raise MeterRefused("computed", _("A computed meter has no channels."), "sources")
        since = installed_at or dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
        _install(meter, hardware or Hardware(), sources, since=since, now=now)
    _record("meter.created", meter, {"name": meter.name}, now)
    return meter


@transaction.atomic
def change_meter(*, meter_id: uuid.UUID, wanted: Wanted, now: dt.datetime) -> Meter:
    """Change what is known about a meter; another limit is applied to all of its past.

    Raises: Meter.DoesNotExist. MeterRefused.
    """
    meter = Meter.objects.select_for_update(of=("self",)).get(id=meter_id)
    before = meter.most
    if meter.commodity != wanted.commodity and meter.installations.exists():
        raise MeterRefused("in_use", _("A meter that counts keeps its commodity."), "commodity")
    _apply(meter, wanted)
    meter.save()
    if meter.is_virtual:
        MeterTerm.objects.filter(virtual=meter).delete()
        _save_terms(meter, wanted.terms)
    if meter.most != before:
        _mark_all(meter, now=now)
    _record("meter.changed", meter, {"name": meter.name}, now)
    return meter


@transaction.atomic
def replace_installation(
    *,
    meter_id: uuid.UUID,
    removed_at: dt.datetime,
    finals: Mapping[str, Decimal],
    hardware: Hardware,
    sources: Mapping[str, Source],
    installed_at: dt.datetime | None = None,
    now: dt.datetime,
) -> MeterInstallation:
    """Note that the hardware was changed: the ledger goes on with the new registers.

    Args: finals: what the old registers showed at the end, by quantity. installed_at: when the
        new hardware began; default: at once.

    Raises: Meter.DoesNotExist. Channel.DoesNotExist. MeterRefused.
    """
    meter = Meter.objects.select_for_update(of=("self",)).get(id=meter_id)
    current = meter.installations.filter(removed_at=None).first()
    if current is None:
        raise MeterRefused("nothing_installed", _("Nothing is installed at this meter."))
    since = installed_at or removed_at
    if not current.installed_at < removed_at <= since <= now:
        raise MeterRefused(
            "out_of_order",
            _("It has to be removed after it was installed, and before now."),
            "removed_at",
        )
    current.removed_at = removed_at
    current.save()
    for feed in current.feeds.select_related("register"):
        feed.final = finals.get(feed.register.quantity)
        feed.save()
    found = _install(meter, hardware, sources, since=since, now=now)
    _mark_all(meter, now=now, since=removed_at)
    detail = {"removed": current.serial, "installed": hardware.serial, "at": str(removed_at)}
    _record("meter.replaced", meter, detail, now)
    return found


@transaction.atomic
def remove_meter(*, meter_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete a meter with its ledger.

    Raises: Meter.DoesNotExist. MeterRefused: others are computed from it, or it was billed.
    """
    meter = Meter.objects.select_for_update(of=("self",)).get(id=meter_id)
    if meter.cost_lines.filter(period__isnull=False).exists():
        raise MeterRefused("billed", _("It was billed; take it out of use instead."))
    if meter.used_by.exists():
        raise MeterRefused("in_use", _("Another meter is computed from it."))
    feeds = RegisterFeed.objects.filter(register__meter=meter)
    channels = list(feeds.values_list("channel_id", flat=True))
    _record("meter.removed", meter, {"name": meter.name}, now)
    meter.delete()
    still = RegisterFeed.objects.filter(channel_id__in=channels)
    forget_channels(set(channels) - set(still.values_list("channel_id", flat=True)))


def _apply(meter: Meter, wanted: Wanted) -> None:
    for name in (
        "name", "commodity", "role", "accuracy_percent", "most_per_hour", "contracted_kw",
        "is_active",
    ):  # fmt: skip
        setattr(meter, name, getattr(wanted, name))
    meter.parent = None
    if wanted.parent is not None:
        meter.parent = Meter.objects.get(id=wanted.parent)
        check_parent(meter)
    try:
        meter.full_clean(exclude=["tenant", "site", "parent"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise MeterRefused("invalid", messages[0], name) from None


def check_parent(meter: Meter) -> None:
    """Refuse a meter above that would not make a tree. Raises: MeterRefused."""
    above: Meter | None = meter.parent
    for _level in range(MAX_DEPTH):
        if above is None:
            return
        if above.id == meter.id:
            raise MeterRefused("circle", _("A meter cannot be below itself."), "parent")
        if above.site_id != meter.site_id or above.commodity != meter.commodity:
            raise MeterRefused(
                "other_kind", _("It has to be of the same site and commodity."), "parent"
            )
        above = above.parent
    raise MeterRefused("too_deep", _("At most 8 levels of meters."), "parent")


def _save_terms(meter: Meter, terms: Mapping[uuid.UUID, Decimal]) -> None:
    for term, factor in terms.items():
        source = Meter.objects.get(id=term)
        if source.is_virtual:
            raise MeterRefused("computed", _("Take the meters that it is computed from."), "terms")
        if source.unit != meter.unit:
            raise MeterRefused("other_unit", _("All of them need the same unit."), "terms")
        MeterTerm.objects.create(virtual=meter, meter=source, factor=factor)


def _install(
    meter: Meter,
    hardware: Hardware,
    sources: Mapping[str, Source],
    *,
    since: dt.datetime,
    now: dt.datetime,
) -> MeterInstallation:
    found = MeterInstallation(
        tenant_id=meter.tenant_id, meter=meter, installed_at=since, serial=hardware.serial,
        ct_ratio=hardware.ct_ratio, vt_ratio=hardware.vt_ratio, multiplier=hardware.multiplier,
        digits=hardware.digits, wraps_at=hardware.wraps_at,
    )  # fmt: skip
    try:
        found.full_clean(exclude=["tenant", "meter"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise MeterRefused("invalid", messages[0], name) from None
    found.save()
    for quantity, source in sources.items():
        _feed(meter, found, quantity, source)
    _mark_all(meter, now=now, since=since)
    return found


def _feed(
    meter: Meter, installation: MeterInstallation, quantity: str, source: Source
) -> RegisterFeed:
    channel = Channel.objects.select_related("device").get(uuid=source.channel)
    if channel.kind not in _FEEDABLE:
        raise MeterRefused(
            "wrong_kind",
            _("A counter, a power or amounts of intervals can feed a meter."),
            quantity,
        )
    if channel.unit not in _UNITS[meter.unit] and installation.multiplier == 1:
        raise MeterRefused(
            "other_unit",
            _("%(channel)s is in %(unit)s; give a multiplier that makes it %(wanted)s.")
            % {"channel": channel.name, "unit": channel.unit or "-", "wanted": meter.unit},
            quantity,
        )
    register, _made = Register.objects.get_or_create(
        tenant_id=meter.tenant_id, meter=meter, quantity=quantity
    )
    watch_channels([channel.id])
    return RegisterFeed.objects.create(
        tenant_id=meter.tenant_id, installation=installation, register=register, channel=channel,
        initial=source.initial, part=_part(channel, quantity, source),
        integration=source.integration,
    )  # fmt: skip


def _part(channel: Channel, quantity: str, source: Source) -> str:
    """Of a net power each register takes its own part unless somebody said otherwise."""
    if source.part == Part.ALL.value and channel.direction == Direction.NET:
        return (Part.POSITIVE if quantity == Quantity.IMPORT else Part.NEGATIVE).value
    return source.part


def _mark_all(meter: Meter, *, now: dt.datetime, since: dt.datetime | None = None) -> None:
    start = 0 if since is None else max(0, to_microseconds(since))
    mark_due(
        [(register.id, start, to_microseconds(now)) for register in meter.registers.all()],
        now=now,
    )


def _record(action: str, meter: Meter, detail: Mapping[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=meter.tenant_id,
        obj=meter,
        label=meter.name,
        detail=dict(detail),
    )
