"""Which devices a campaign is for, and why others are left out."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from devices.firmware.rollout import plan_waves
from devices.firmware.versions import is_same, order_of, read_reported
from devices.models import (
    OPEN_STATES,
    CampaignKind,
    CampaignTarget,
    Device,
    DeviceConfiguration,
    DeviceProfile,
    FirmwareRelease,
    Lifecycle,
    ShutOut,
)
from devices.parameters import check_configuration

MAX_DEVICES = 50_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants to roll out, to whom, and how.

    `version`: only devices that run it; `device_ids`: only these. `canary` and `waves` are
    numbers of devices, or shares such as "10%"; what is left over makes the last wave.
    """

    name: str
    kind: str
    profile: DeviceProfile
    release: FirmwareRelease | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    site_id: uuid.UUID | None = None
    zone_id: uuid.UUID | None = None
    version: str = ""
    device_ids: Sequence[uuid.UUID] = ()
    canary: str = "1"
    waves: Sequence[str] = ()
    pause_seconds: int = 3600
    halt_percent: int = 10
    max_tries: int = 3
    allows_downgrade: bool = False

    def criteria(self) -> dict[str, Any]:
        """Return what was asked for, as it is kept."""
        return {
            "site": str(self.site_id) if self.site_id else None,
            "zone": str(self.zone_id) if self.zone_id else None,
            "version": self.version,
            "devices": len(self.device_ids),
            "canary": self.canary,
            "waves": list(self.waves),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """Who would get it, in the order of the waves; who would not, with a code; sizes of waves."""

    eligible: Sequence[Device]
    skipped: Sequence[tuple[Device, str]]
    wave_sizes: Sequence[int]
    away: int

    @property
    def skipped_by_code(self) -> dict[str, int]:
        """Return how many are left out for which reason, the most frequent first."""
        return dict(Counter(code for _device, code in self.skipped).most_common())


def reachable(prefix: str = "") -> Q:
    """Return the condition under which a message gets to a device now; `prefix` such as device__.

    Devices behind a gateway are reached through it, whatever they say themselves.
    """
    own = {
        f"{prefix}gateway": None,
        f"{prefix}offline_since": None,
        f"{prefix}last_seen_at__isnull": False,
    }
    through = {
        f"{prefix}gateway__offline_since": None,
        f"{prefix}gateway__last_seen_at__isnull": False,
    }
    return Q(**own) | Q(**through)


def is_reachable(device: Device) -> bool:
    """Tell the same of a device whose gateway is loaded."""
    speaker = device.gateway or device
    return speaker.offline_since is None and speaker.last_seen_at is not None


def select_devices(*, plan: Plan, now: dt.datetime) -> Preview:
    """Return what would happen; five queries, however many devices.

    Raises: BadWaves.
    """
    rows = list(_candidates(plan)[:MAX_DEVICES])
    judge = _Judge(plan, rows)
    skipped = [(device, code) for device in rows if (code := judge.why_not(device))]
    left_out = {device.id for device, _code in skipped}
    eligible = [device for device in rows if device.id not in left_out]
    # who is there comes first: a canary that is away tells nothing. Then by chance, but the same
    # each time, so that the preview is what happens
    eligible.sort(key=lambda device: (not is_reachable(device), _shuffled(device.id, plan.name)))
    away = sum(not is_reachable(device) for device in eligible)
    sizes = plan_waves(len(eligible), canary=plan.canary, sizes=plan.waves)
    return Preview(eligible, skipped, sizes, away)


def why_not(device: Device, release: FirmwareRelease, *, allows_downgrade: bool) -> str:
    """Return the code of what speaks against firmware on a device; "" when nothing does."""
    if not device.is_box:
        return "not_a_box"
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        return "decommissioned"
    if release.hardware and device.profile.model not in release.hardware:
        return "other_hardware"
    if is_same(device.firmware_version, release.version):
        return "same_version"
    present = read_reported(device.firmware_version)
    if present is None:
        return "" if allows_downgrade and not release.min_version else "version_unknown"
    if release.min_version and present < order_of(release.min_version):
        return "version_too_old"
    if present > order_of(release.version) and not allows_downgrade:
        return "downgrade"
    return ""


class _Judge:
    """Knows of all candidates what speaks against some."""

    def __init__(self, plan: Plan, rows: Sequence[Device]) -> None:
        self.plan = plan
        ids = [device.id for device in rows]
        open_targets = CampaignTarget.objects.filter(device__in=ids, state__in=OPEN_STATES)
        self.busy = set(open_targets.values_list("device_id", flat=True))
        self.shut_out = set(
            ShutOut.objects.filter(device__in=ids).values_list("device_id", flat=True)
        )
        self.bodies = newest_bodies(ids) if plan.kind == CampaignKind.CONFIGURATION else {}

    def why_not(self, device: Device) -> str:
        if device.id in self.busy:
            return "in_other_campaign"
        if device.id in self.shut_out:
            return "shut_out"
        if self.plan.release is not None:
            return why_not(device, self.plan.release, allows_downgrade=self.plan.allows_downgrade)
        return self._why_not_configured(device)

    def _why_not_configured(self, device: Device) -> str:
        if device.lifecycle == Lifecycle.DECOMMISSIONED:
            return "decommissioned"
        present = self.bodies.get(device.id, {})
        wanted = {**present, **self.plan.configuration}
        if wanted == present:
            return "same_configuration"
        problems = check_configuration(wanted, device.profile.parameters)
        return "invalid_configuration" if problems else ""


def newest_bodies(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what devices should be set to, by id."""
    rows = DeviceConfiguration.objects.filter(device__in=ids).order_by("device", "-revision")
    return dict(rows.distinct("device").values_list("device_id", "body"))


def _candidates(plan: Plan) -> QuerySet[Device]:
    rows = Device.objects.select_related("gateway", "profile").filter(profile=plan.profile)
    if plan.site_id:
        rows = rows.filter(site=plan.site_id)
    if plan.zone_id:
        rows = rows.filter(zone=plan.zone_id)
    if plan.version:
        rows = rows.filter(firmware_version=plan.version)
    if plan.device_ids:
        rows = rows.filter(id__in=plan.device_ids)
    return rows.order_by("id")


def _shuffled(device_id: uuid.UUID, salt: str) -> bytes:
    return hashlib.sha256(device_id.bytes + salt.encode()).digest()
