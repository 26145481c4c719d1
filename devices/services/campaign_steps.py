"""Moves campaigns on: every ten seconds, one transaction for each campaign.

A step reads where everything stands, decides and writes; a process that dies in it leaves
nothing behind, and another process passes a campaign by that one is working on.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.services.audit import record_event
from accounts.tenancy import all_tenants, tenant_scope
from devices.downlink import UnusableTopic
from devices.firmware.rollout import Halt, WaveCount, find_halt, is_wave_over
from devices.models import (
    OPEN_STATES,
    Campaign,
    CampaignKind,
    CampaignState,
    CampaignTarget,
    TargetState,
)
from devices.services.campaign_configuration import configure, read_answers
from devices.services.campaign_selection import reachable, why_not
from devices.services.campaign_targets import fail_try, move, put_back
from devices.services.campaigns import count_waves
from devices.services.firmware_keys import signing_key
from devices.services.firmware_offers import offer_firmware

MAX_ACTIVE = 50  # devices of one campaign at a time
BATCH = 200
_WORDS = {
    "canary_failures": "Failures in the canary: {failures} of {of}.",
    "canary_failed": "The whole canary failed: {failures} of {of}.",
    "failure_rate": "Failures: {failures} of {of} devices.",
    "release_withdrawn": "The firmware was withdrawn.",
}
_OFFERED = (TargetState.OFFERED, TargetState.DOWNLOADING, TargetState.DOWNLOADED)

logger = logging.getLogger(__name__)


def step_campaigns(*, now: dt.datetime) -> int:
    """Move every campaign on that has not ended; return how many were moved."""
    with all_tenants():
        rows = Campaign.objects.filter(finished_at=None).order_by("updated_at", "id")
        found = list(rows.values_list("id", "tenant_id"))
    moved = 0
    for campaign_id, tenant_id in found:
        try:
            with tenant_scope(tenant_id):
                moved += step_campaign(campaign_id=campaign_id, now=now)
        except Exception:  # one campaign's trouble must not stop the others
            logger.exception("Campaign %s could not be moved on", campaign_id)
    return moved


@transaction.atomic
def step_campaign(*, campaign_id: uuid.UUID, now: dt.datetime) -> bool:
    """Move one campaign on; False when another process is doing it."""
    campaign = (
        Campaign.objects.select_related("release", "profile", "started_by")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(id=campaign_id, finished_at=None)
        .first()
    )
    if campaign is None:
        return False
    _end_late(campaign, now)
    if campaign.kind == CampaignKind.CONFIGURATION:
        read_answers(campaign, now=now)
    counts = count_waves(campaign)
    if campaign.state == CampaignState.RUNNING and not _halt(campaign, counts, now):
        _begin_next_wave(campaign, counts, now)
        _offer(campaign, counts, now)
        counts = count_waves(campaign)
    _finish(campaign, counts, now)
    campaign.save()
    return True


def _end_late(campaign: Campaign, now: dt.datetime) -> None:
    """End tries whose state has lasted too long; who is away, or must wait, is not to blame."""
    late = _targets(campaign).filter(deadline_at__lte=now)
    away = set(late.exclude(reachable("device__")).values_list("id", flat=True))
    for target in _locked(late)[:BATCH]:
        waits = target.id in away or campaign.state != CampaignState.RUNNING
        if target.state in _OFFERED and waits:
            put_back(target, now=now, tries=max(target.tries - 1, 0))
        else:
            detail = f"The device stayed in the state {target.state} too long."
            fail_try(target, campaign, now=now, code=f"late_{target.state}", detail=detail)


def _halt(campaign: Campaign, counts: list[WaveCount], now: dt.datetime) -> bool:
    found = find_halt(
        counts,
        current_wave=campaign.current_wave,
        halt_percent=campaign.halt_percent,
        forgiven=campaign.forgiven,
    )
    if campaign.release is not None and campaign.release.withdrawn_at is not None:
        found = Halt("release_withdrawn", 0, 0)
    if found is None:
        return False
    campaign.state, campaign.reason_code = CampaignState.HALTED, found.code
    campaign.reason = _WORDS[found.code].format(failures=found.failures, of=found.of)
    _record("campaign.halted", campaign, now)
    return True


def _begin_next_wave(campaign: Campaign, counts: list[WaveCount], now: dt.datetime) -> None:
    """After the last device of a wave, and the pause, comes the next wave."""
    last = len(campaign.wave_sizes) - 1
    reached = [count for count in counts if count.wave <= campaign.current_wave]
    if campaign.current_wave >= last or not all(map(is_wave_over, reached)):
        campaign.wave_over_at = None
        return
    campaign.wave_over_at = campaign.wave_over_at or now
    if now - campaign.wave_over_at >= dt.timedelta(seconds=campaign.pause_seconds):
        campaign.current_wave, campaign.wave_over_at = campaign.current_wave + 1, None


def _offer(campaign: Campaign, counts: list[WaveCount], now: dt.datetime) -> None:
    room = MAX_ACTIVE - sum(count.active for count in counts)
    due = _targets(campaign).filter(
        Q(next_try_at=None) | Q(next_try_at__lte=now),
        reachable("device__"),
        state=TargetState.PENDING,
        wave__lte=campaign.current_wave,
    )
    targets = _locked(due)[: max(room, 0)]
    if campaign.kind == CampaignKind.CONFIGURATION:
        for target in targets:
            configure(target, campaign, now=now)
    elif targets and campaign.release is not None:
        private_key = signing_key(now=now)
        for target in targets:
            _offer_one(target, campaign, private_key, now)


def _offer_one(
    target: CampaignTarget, campaign: Campaign, private_key: bytes, now: dt.datetime
) -> None:
    release = campaign.release
    if release is None:
        return
    code = why_not(target.device, release, allows_downgrade=campaign.allows_downgrade)
    if hasattr(target.device, "shut_out"):
        code = "shut_out"
    if code == "same_version" and target.tries:
        move(target, TargetState.DONE, now=now, progress=100)
        return
    if code:
        move(target, TargetState.SKIPPED, now=now, code=code)
        return
    try:
        offer_firmware(target, release, private_key=private_key, now=now)
    except UnusableTopic as error:
        move(target, TargetState.FAILED, now=now, code="unusable_topic", detail=str(error))


def _finish(campaign: Campaign, counts: list[WaveCount], now: dt.datetime) -> None:
    if any(count.is_open for count in counts):
        return
    if campaign.state == CampaignState.RUNNING:
        campaign.state, campaign.finished_at = CampaignState.DONE, now
        _record("campaign.finished", campaign, now)
    elif campaign.state == CampaignState.CANCELLED:
        campaign.finished_at = now


def _targets(campaign: Campaign) -> QuerySet[CampaignTarget]:
    return CampaignTarget.objects.filter(campaign=campaign, state__in=OPEN_STATES)


def _locked(rows: QuerySet[CampaignTarget]) -> QuerySet[CampaignTarget]:
    """Lock what nobody is at: a report of the device, or its download, comes first."""
    return (
        rows.select_related(
            "device__gateway", "device__profile", "device__zone", "device__shut_out"
        )
        .order_by("wave", F("next_try_at").asc(nulls_first=True), "id")
        .select_for_update(of=("self",), skip_locked=True)
    )


def _record(action: str, campaign: Campaign, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=campaign.tenant_id,
        obj=campaign,
        label=campaign.name,
        detail={"code": campaign.reason_code, "reason": campaign.reason},
    )
