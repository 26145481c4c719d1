"""What devices say about firmware: how far they are, and what they run after a boot.

Only the version that a device tells after its boot makes a target done, or rolled back.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction

from devices.firmware.rollout import DEADLINES
from devices.firmware.versions import is_same, read_reported
from devices.models import (
    ACTIVE_STATES,
    Campaign,
    CampaignKind,
    CampaignTarget,
    Device,
    TargetState,
)
from devices.services.campaign_targets import fail_try, move, roll_back
from devices.services.firmware_offers import renew_offer

_RANK = {state: rank for rank, state in enumerate(ACTIVE_STATES)}
FAILED, ROLLED_BACK, RENEW, BOOTED = "failed", "rolled_back", "renew", "booted"
INSTALLED = "done"


@dataclass(frozen=True, slots=True)
class FirmwareReport:
    """What a device says: a `TargetState`, or failed, rolled_back, renew, booted, done.

    `progress` in percent; `job_id` names the try, None where a device does not tell.
    """

    word: str
    version: str = ""
    progress: int | None = None
    error_code: str = ""
    error: str = ""
    job_id: uuid.UUID | None = None


@transaction.atomic
def note_report(*, device: Device, report: FirmwareReport, now: dt.datetime) -> bool:
    """Move the device's target on; False when the report is about nothing that goes on.

    A report that comes twice, late, or about an earlier try changes nothing.
    """
    target = _find(device)
    if target is None or (report.job_id is not None and report.job_id != target.job_id):
        return False
    campaign = target.campaign
    if report.word == RENEW:
        return renew_offer(target, campaign, now=now)
    if report.word == FAILED:
        code = report.error_code or "device_error"
        fail_try(target, campaign, now=now, code=code, detail=report.error)
        return True
    if report.word in {BOOTED, INSTALLED, ROLLED_BACK}:
        return _judge_version(target, campaign, report, now)
    return _advance(target, TargetState(report.word), report.progress, now)


@transaction.atomic
def note_boot(
    *,
    device: Device,
    version: str,
    at: dt.datetime,
    now: dt.datetime,
    uptime_seconds: float | None,
) -> bool:
    """Judge the version that a device tells in its status or heartbeat.

    The new version is success, whenever. The old one counts only after a boot: a device that
    installs goes on telling the old version until then.

    Args: at: when it was heard. uptime_seconds: of a heartbeat, None when it tells none; 0 for
        a status, which devices send when they connect.
    """
    if read_reported(version) is None:
        return False
    target = _find(device)
    if target is None or target.campaign.release is None:
        return False
    if not is_same(version, target.campaign.release.version):
        if uptime_seconds is None:
            return False
        if at - dt.timedelta(seconds=uptime_seconds) <= target.state_at:
            return False  # has not booted since
    return _judge_version(target, target.campaign, FirmwareReport(BOOTED, version), now)


def _find(device: Device) -> CampaignTarget | None:
    return (
        CampaignTarget.objects.select_related("campaign__release", "device__gateway")
        .select_related("device__profile", "device__zone")
        .select_for_update(of=("self",))
        .filter(device=device, campaign__kind=CampaignKind.FIRMWARE, state__in=ACTIVE_STATES)
        .first()
    )


def _judge_version(
    target: CampaignTarget, campaign: Campaign, report: FirmwareReport, now: dt.datetime
) -> bool:
    release = campaign.release
    if release is None:
        return False
    if report.version and is_same(report.version, release.version):
        if report.word == ROLLED_BACK:
            return False  # contradicts itself; the next boot tells
        move(target, TargetState.DONE, now=now, progress=100)
        return True
    if report.word == ROLLED_BACK:
        roll_back(target, now=now, detail=report.error or f"Runs {report.version}."[:60])
        return True
    if not report.version:
        return _advance(target, TargetState.INSTALLING, None, now)
    if target.state == TargetState.INSTALLING:
        roll_back(target, now=now, detail=f"Booted {report.version}."[:60])
        return True
    # it lost power on the way: the same try goes on where the bytes end
    return renew_offer(target, campaign, now=now)


def _advance(
    target: CampaignTarget, to: TargetState, progress: int | None, now: dt.datetime
) -> bool:
    """Go forward only; progress in the same state gives it more time."""
    rank = _RANK[to] - _RANK[TargetState(target.state)]
    if rank < 0:
        return False
    if rank > 0:
        move(target, to, now=now, progress=_percent(progress, 0))
        return True
    known = target.progress
    percent = _percent(progress, known)
    if percent <= known:
        return False
    target.progress = percent
    target.deadline_at = now + dt.timedelta(seconds=DEADLINES[to.value])
    target.save(update_fields=["progress", "deadline_at", "updated_at"])
    return True


def _percent(progress: int | None, otherwise: int) -> int:
    return otherwise if progress is None else max(0, min(100, progress))
