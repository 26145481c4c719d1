"""Reads of firmware and campaigns."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices.firmware.rollout import WaveCount
from devices.models import (
    ACTIVE_STATES,
    Campaign,
    CampaignState,
    CampaignTarget,
    Device,
    FirmwareKey,
    FirmwareRelease,
    PublishedRelease,
    TargetState,
)
from devices.services.campaigns import count_waves

CAMPAIGN_ORDERINGS = {"started_at": "started_at"}
RELEASE_ORDERINGS = {"created_at": "created_at"}
TARGET_ORDERINGS = {"wave": "wave", "state_at": "state_at"}
FAILED = (TargetState.FAILED, TargetState.ROLLED_BACK)

# why a device is left out, or a try has failed
REASONS: dict[str, Promise] = {
    "same_version": _("Runs this version already."),
    "downgrade": _("Runs a newer version."),
    "version_unknown": _("Has not said which version it runs."),
    "version_too_old": _("Its version is too old for this step."),
    "other_hardware": _("The firmware is for other hardware."),
    "not_a_box": _("Is behind a gateway; its gateway gets firmware."),
    "decommissioned": _("Is decommissioned."),
    "shut_out": _("Its access is revoked."),
    "in_other_campaign": _("Is in another campaign that has not ended."),
    "same_configuration": _("Is set to this already."),
    "invalid_configuration": _("Its type of device does not allow these settings."),
    "cancelled": _("The campaign was cancelled."),
    "superseded": _("Somebody has configured it otherwise meanwhile."),
    "rolled_back": _("Came back with its old version."),
    "late_offered": _("Did not begin in time."),
    "late_downloading": _("Did not finish loading in time."),
    "late_downloaded": _("Did not begin to install in time."),
    "late_installing": _("Did not come back in time."),
    "unusable_topic": _("Cannot be reached under its name."),
    "hash_mismatch": _("What it loaded is not what was offered."),
    "bad_signature": _("Does not accept the signature."),
    "canary_failures": _("Too many of the first devices failed."),
    "canary_failed": _("All of the first devices failed."),
    "failure_rate": _("Too many devices failed."),
    "release_withdrawn": _("The firmware was withdrawn."),
}


@dataclass(frozen=True, slots=True)
class WaveView:
    """A wave as a picture; `state` is over, running or later."""

    number: int
    count: WaveCount
    state: str

    @property
    def bars(self) -> list[tuple[str, float, float]]:
        """Return the kind, the beginning and the width of each bar, in percent of the wave."""
        found, begin = [], 0.0
        for kind in ("done", "failed", "skipped", "active"):
            width = 100 * getattr(self.count, kind) / max(self.count.total, 1)
            if width:
                found.append((kind, round(begin, 3), round(width, 3)))
            begin += width
        return found

    @property
    def pending(self) -> int:
        """Who waits, at home or away."""
        return self.count.waiting + self.count.away


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with where its devices are."""

    campaign: Campaign
    counts: Sequence[WaveCount]

    @property
    def waves(self) -> list[WaveView]:
        """Each wave with its state: over, running, next or later."""
        return [WaveView(c.wave + 1, c, self._state(c.wave)) for c in self.counts]

    @property
    def total(self) -> WaveCount:
        """All waves together."""
        names = ("done", "failed", "skipped", "active", "waiting", "away", "troubled")
        sums = {name: sum(getattr(count, name) for count in self.counts) for name in names}
        return WaveCount(0, **sums)

    @property
    def next_wave_at(self) -> dt.datetime | None:
        """When the pause between two waves is over."""
        at = self.campaign.wave_over_at
        if at is None or self.campaign.state != CampaignState.RUNNING:
            return None
        return at + dt.timedelta(seconds=self.campaign.pause_seconds)

    def _state(self, wave: int) -> str:
        current = self.campaign.current_wave
        if self.campaign.finished_at is not None or wave < current:
            return "over"
        return "running" if wave == current else "later"


def list_releases() -> QuerySet[FirmwareRelease]:
    """Return the firmware of the tenant."""
    return FirmwareRelease.objects.select_related("profile", "uploaded_by", "published")


def list_published() -> list[PublishedRelease]:
    """Return what the platform offers and the tenant has not adopted, the newest first."""
    adopted = FirmwareRelease.objects.filter(published__isnull=False)
    ids = list(adopted.values_list("published_id", flat=True))
    rows = PublishedRelease.objects.select_related("profile").filter(withdrawn_at=None)
    return list(rows.exclude(id__in=ids).order_by("-created_at", "id")[:100])


def list_keys() -> QuerySet[FirmwareKey]:
    """Return the vendors' keys of the tenant."""
    return FirmwareKey.objects.order_by("revoked_at", "name", "id")


def list_campaigns() -> QuerySet[Campaign]:
    """Return the campaigns of the tenant with how far they are."""
    return Campaign.objects.select_related("release", "profile", "started_by").annotate(
        total=Count("targets"),
        done=Count("targets", filter=Q(targets__state=TargetState.DONE)),
        failed=Count("targets", filter=Q(targets__state__in=FAILED)),
        skipped=Count("targets", filter=Q(targets__state=TargetState.SKIPPED)),
        active=Count("targets", filter=Q(targets__state__in=ACTIVE_STATES)),
    )


def find_campaign(campaign_id: uuid.UUID) -> CampaignView | None:
    """Return a campaign; two queries."""
    rows = Campaign.objects.select_related("release", "profile", "started_by")
    campaign = rows.filter(id=campaign_id).first()
    return CampaignView(campaign, count_waves(campaign)) if campaign else None


def list_targets(
    campaign_id: uuid.UUID, *, state: str = "", wave: int | None = None
) -> QuerySet[CampaignTarget]:
    """Return the devices of a campaign."""
    rows = CampaignTarget.objects.select_related("device__gateway").filter(campaign=campaign_id)
    if state:
        rows = rows.filter(state=state)
    return rows if wave is None else rows.filter(wave=wave)


def firmware_of(device: Device) -> list[CampaignTarget]:
    """Return the newest campaigns of a device."""
    rows = CampaignTarget.objects.select_related("campaign__release").filter(device=device)
    return list(rows.order_by("-created_at", "id")[:10])


def reason_of(code: str) -> str:
    """Return the words for a code; the code itself where there are none."""
    return str(REASONS.get(code, code))
