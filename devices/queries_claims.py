"""Reads of what is on its way into the fleet; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.formats import number_format

from devices.labels import name_channel, pick_headlines
from devices.models import (
    Channel,
    Claim,
    ClaimState,
    Device,
    DeviceProfile,
    DeviceTransfer,
    Gateway,
    Lifecycle,
    PendingDevice,
    ProvisioningPolicy,
    TransferState,
)
from devices.models.claim import HOLDING_STATES, OPEN_STATES
from energy.lib.units import symbol

CLOCK_TOLERANCE = dt.timedelta(minutes=2)
LISTED_CLAIMS = 100
FAILED_SHOWN = dt.timedelta(days=1)
LISTED_NODES = 200


class TickState(StrEnum):
    """What is known of one step."""

    WAITING = "waiting"
    DONE = "done"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Tick:
    """One line of the list that an installer watches; `value` is a number or a word."""

    key: str
    state: TickState
    value: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstReading:
    """The newest value of one channel."""

    name: str
    unit: str
    value: float
    decimals: int
    time: dt.datetime
    received_at: dt.datetime
    is_discovered: bool


def list_claims(*, is_open: bool = True) -> QuerySet[Claim]:
    """Return claims, the newest first; open ones only unless told otherwise."""
    claims = Claim.objects.select_related("device__site", "device__profile", "claimed_by")
    if is_open:
        claims = claims.filter(state__in=OPEN_STATES)
    return claims.order_by("-claimed_at", "-id")[:LISTED_CLAIMS]


def list_failed(*, now: dt.datetime) -> QuerySet[Claim]:
    """Return claims of the last day that came to nothing."""
    failed = Claim.objects.filter(state=ClaimState.EXPIRED, ended_at__gt=now - FAILED_SHOWN)
    return failed.select_related("device", "claimed_by").order_by("-ended_at", "-id")[:20]


def find_claim(claim_id: uuid.UUID) -> Claim | None:
    """Return a claim with what a page needs; None when the tenant has none of this id."""
    claims = Claim.objects.select_related(
        "pending", "device__site", "device__zone", "device__gateway", "device__profile"
    )
    return claims.filter(id=claim_id).first()


def lists_nodes() -> bool:
    """Tell whether new nodes behind the tenant's gateways are listed by themselves."""
    return ProvisioningPolicy.objects.filter(lists_nodes=True).exists()


def list_nodes() -> list[PendingDevice]:
    """Return unbound nodes that the tenant's gateways heard, if the tenant wants a list."""
    if not lists_nodes():
        return []
    uids = Gateway.objects.values_list("uid", flat=True)
    bound = Claim.objects.filter(state__in=HOLDING_STATES).values_list("pending_id", flat=True)
    heard = PendingDevice.objects.filter(gateway_uid__in=list(uids)).exclude(id__in=list(bound))
    return list(heard.order_by("-last_heard_at", "id")[:LISTED_NODES])


def unclaimed_boxes() -> QuerySet[PendingDevice]:
    """Return the boxes that said hello and that nobody holds; for the platform's staff."""
    held = Claim.objects.filter(pending=OuterRef("pk"), state__in=HOLDING_STATES)
    return PendingDevice.objects.filter(~Exists(held))


def list_waiting() -> QuerySet[Device]:
    """Return registered boxes that were never heard: labels and tokens are for these."""
    boxes = Device.objects.filter(Q(gateway=None) | Q(gateway__uid=F("uid")))
    waiting = boxes.filter(lifecycle=Lifecycle.REGISTERED, last_seen_at=None)
    return waiting.select_related("site", "profile", "gateway").order_by("name", "id")[:500]


def list_offers(*, now: dt.datetime) -> QuerySet[DeviceTransfer]:
    """Return the offers of the tenant that may still be accepted."""
    offers = DeviceTransfer.objects.filter(state=TransferState.OFFERED, expires_at__gt=now)
    return offers.select_related("device__site").order_by("expires_at", "id")


def guess_profile(model: str) -> DeviceProfile | None:
    """Return the profile that a box names, by key or by model."""
    if not model:
        return None
    found = DeviceProfile.objects.filter(Q(key__iexact=model) | Q(model__iexact=model))
    return found.order_by("key").first()


def list_ticks(claim: Claim, *, now: dt.datetime) -> list[Tick]:
    """Return the steps from the carton to the first reading, in order."""
    device = claim.device
    readings = newest_readings(device, since=claim.claimed_at) if device else []
    is_box = device is not None and device.is_box
    return [
        Tick("heard", TickState.DONE, at=claim.pending.last_heard_at),
        Tick("claimed", TickState.DONE, at=claim.claimed_at),
        _step("delivered", claim.delivered_at if is_box else claim.owned_at),
        _step("connected", claim.owned_at),
        _clock(readings),
        _topic(claim, device),
        _units(readings),
        _reading(readings),
    ]


def newest_readings(device: Device, *, since: dt.datetime) -> Sequence[FirstReading]:
    """Return the newest values of a device that came after a moment, the newest first."""
    rows = (
        Channel.objects.filter(device=device, latest__received_at__gte=since)
        .exclude(latest__value=None)
        .order_by("-latest__received_at", "name", "id")
        .values_list(
            "name", "unit", "latest__value", "decimals", "latest__time", "latest__received_at",
            "is_discovered",
        )[:50]
    )  # fmt: skip
    found: Iterable[tuple[Any, ...]] = rows  # a value that is there has its times
    return [FirstReading(*row) for row in found]


def _step(key: str, at: dt.datetime | None) -> Tick:
    return Tick(key, TickState.DONE if at else TickState.WAITING, at=at)


def _clock(readings: Sequence[FirstReading]) -> Tick:
    """Compare the newest reading's own time with the time at which it came."""
    if not readings:
        return Tick("clock", TickState.WAITING)
    newest = readings[0]
    off = newest.time - newest.received_at
    is_right = abs(off) <= CLOCK_TOLERANCE
    state = TickState.DONE if is_right else TickState.WRONG
    return Tick("clock", state, f"{off.total_seconds():+.0f}", newest.time)


def _topic(claim: Claim, device: Device | None) -> Tick:
    seen_at = device.last_seen_at if device else None
    return _step("topic", seen_at if seen_at and seen_at >= claim.claimed_at else None)


def _units(readings: Sequence[FirstReading]) -> Tick:
    """Values whose names nobody knows have no unit: a person must look."""
    if not readings:
        return Tick("units", TickState.WAITING)
    unknown = [reading.name for reading in readings if reading.is_discovered]
    if unknown:
        return Tick("units", TickState.WRONG, ", ".join(unknown[:5]))
    return Tick("units", TickState.DONE, str(len(readings)))


def _reading(readings: Sequence[FirstReading]) -> Tick:
    if not readings:
        return Tick("reading", TickState.WAITING)
    telling = pick_headlines({reading.name for reading in readings}, 1)[0]
    shown = next(reading for reading in readings if reading.name == telling)
    value = number_format(shown.value, decimal_pos=min(shown.decimals, 6))
    text = f"{name_channel(shown.name).label} {value} {symbol(shown.unit)}".strip()
    return Tick("reading", TickState.DONE, text, shown.received_at)
