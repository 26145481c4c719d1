"""Campaigns as people see them: previewed, started, paused, resumed, cancelled."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.firmware.rollout import BadWaves, WaveCount, failures_of
from devices.models import (
    ACTIVE_STATES,
    Campaign,
    CampaignKind,
    CampaignState,
    CampaignTarget,
    FirmwareRelease,
    TargetState,
)
from devices.services.campaign_selection import Plan, Preview, reachable, select_devices
from devices.services.firmware import ReleaseGone

BATCH = 1000


class BadPlan(Refusal):
    """What was asked for means nothing."""

    code = "bad_plan"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class NobodyEligible(Refusal):
    """There is no device to start with."""

    code = "nobody_eligible"
    message = _("No device is eligible. Look at the preview for the reasons.")


class FleetMoved(Refusal):
    """Another campaign took one of the devices at the same moment."""

    code = "fleet_moved"
    message = _("Another campaign was started meanwhile. Look at the preview again.")


class CampaignGone(Refusal):
    """There is no such campaign."""

    code = "campaign_gone"
    message = _("There is no such campaign.")


class WrongState(Refusal):
    """The campaign has ended, or is there already."""

    code = "wrong_state"
    message = _("The campaign is not in a state in which this is possible.")


def preview_campaign(*, plan: Plan, now: dt.datetime) -> Preview:
    """Return who would get it when, and who would not.

    Raises: BadPlan, ReleaseGone.
    """
    _check(plan)
    try:
        return select_devices(plan=plan, now=now)
    except BadWaves as error:
        raise BadPlan(str(error)) from error


@transaction.atomic
def start_campaign(*, plan: Plan, actor: User | None, now: dt.datetime) -> Campaign:
    """Begin: the canary is offered it within seconds.

    Raises: BadPlan, ReleaseGone, NobodyEligible, FleetMoved.
    """
    if plan.release is not None:  # nobody withdraws it meanwhile
        FirmwareRelease.objects.select_for_update(no_key=True).get(id=plan.release.id)
    preview = preview_campaign(plan=plan, now=now)
    if not preview.eligible:
        raise NobodyEligible
    campaign = Campaign.objects.create(
        name=plan.name[:100],
        kind=plan.kind,
        profile=plan.profile,
        release=plan.release,
        configuration=dict(plan.configuration),
        criteria={**plan.criteria(), "skipped": preview.skipped_by_code},
        allows_downgrade=plan.allows_downgrade,
        wave_sizes=list(preview.wave_sizes),
        pause_seconds=plan.pause_seconds,
        halt_percent=plan.halt_percent,
        max_tries=plan.max_tries,
        started_by=actor,
        started_at=now,
    )
    _add_targets(campaign, preview, now)
    _record("campaign.started", campaign, now, devices=len(preview.eligible))
    return campaign


def pause_campaign(*, campaign_id: uuid.UUID, reason: str, now: dt.datetime) -> Campaign:
    """Offer it to nobody else for the time being; what is under way goes on.

    Pausing again only changes the reason.

    Raises: CampaignGone, WrongState: it has ended or halted.
    """
    going = [CampaignState.RUNNING, CampaignState.PAUSED]
    return _change(campaign_id, going, CampaignState.PAUSED, "campaign.paused", reason, now)


@transaction.atomic
def resume_campaign(*, campaign_id: uuid.UUID, reason: str, now: dt.datetime) -> Campaign:
    """Go on; failures that are there now count no more.

    Raises: CampaignGone, WrongState, ReleaseGone: its firmware was withdrawn.
    """
    stopped = [CampaignState.PAUSED, CampaignState.HALTED]
    campaign = _change(campaign_id, stopped, CampaignState.RUNNING, "campaign.resumed", reason, now)
    if campaign.release is not None and campaign.release.withdrawn_at is not None:
        raise ReleaseGone
    campaign.forgiven = failures_of(count_waves(campaign))
    campaign.save(update_fields=["forgiven"])
    return campaign


@transaction.atomic
def cancel_campaign(*, campaign_id: uuid.UUID, reason: str, now: dt.datetime) -> Campaign:
    """End it: who has not begun to install gets nothing more.

    Raises: CampaignGone, WrongState: it has ended.
    """
    open_states = [CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.HALTED]
    campaign = _change(
        campaign_id, open_states, CampaignState.CANCELLED, "campaign.cancelled", reason, now
    )
    before = [TargetState.PENDING, *(s for s in ACTIVE_STATES if s != TargetState.INSTALLING)]
    CampaignTarget.objects.filter(campaign=campaign, state__in=before).update(
        state=TargetState.SKIPPED, state_at=now, deadline_at=None, job_id=None,
        error_code="cancelled", updated_at=now,
    )  # fmt: skip
    if not CampaignTarget.objects.filter(campaign=campaign, state__in=ACTIVE_STATES).exists():
        campaign.finished_at = now
        campaign.save(update_fields=["finished_at"])
    return campaign


def count_waves(campaign: Campaign) -> list[WaveCount]:
    """Return how many devices of each wave are where; one query."""
    is_pending, is_active = Q(state=TargetState.PENDING), Q(state__in=ACTIVE_STATES)
    can_reach = reachable("device__")
    rows = (
        CampaignTarget.objects.filter(campaign=campaign)
        .values("wave")
        .annotate(
            done=Count("id", filter=Q(state=TargetState.DONE)),
            failed=Count("id", filter=Q(state__in=[TargetState.FAILED, TargetState.ROLLED_BACK])),
            skipped=Count("id", filter=Q(state=TargetState.SKIPPED)),
            active=Count("id", filter=is_active),
            waiting=Count("id", filter=is_pending & can_reach),
            away=Count("id", filter=is_pending & ~can_reach),
            troubled=Count("id", filter=(is_pending | is_active) & ~Q(error_code="")),
        )
        .order_by("wave")
    )
    return [WaveCount(**row) for row in rows]


def _check(plan: Plan) -> None:
    if plan.kind == CampaignKind.FIRMWARE:
        if plan.release is None or plan.release.withdrawn_at is not None:
            raise ReleaseGone
        if plan.release.profile_id != plan.profile.id:
            raise BadPlan("The firmware is for another type of device.")
    elif not plan.configuration:
        raise BadPlan("Say what to configure.")


def _add_targets(campaign: Campaign, preview: Preview, now: dt.datetime) -> None:
    wave_of = [wave for wave, size in enumerate(preview.wave_sizes) for _i in range(size)]
    targets = [
        CampaignTarget(
            campaign=campaign,
            device=device,
            wave=wave,
            state_at=now,
            from_version=device.firmware_version,
        )
        for device, wave in zip(preview.eligible, wave_of, strict=True)
    ]
    try:
        with transaction.atomic():
            CampaignTarget.objects.bulk_create(targets, batch_size=BATCH)
    except IntegrityError as error:
        raise FleetMoved from error


@transaction.atomic
def _change(
    campaign_id: uuid.UUID,
    allowed: list[CampaignState],
    to: CampaignState,
    action: str,
    reason: str,
    now: dt.datetime,
) -> Campaign:
    rows = Campaign.objects.select_related("release").select_for_update(of=("self",))
    campaign = rows.filter(id=campaign_id).first()
    if campaign is None:
        raise CampaignGone
    if campaign.state not in allowed:
        raise WrongState
    campaign.state, campaign.reason_code, campaign.reason = to, "", reason[:500]
    campaign.save(update_fields=["state", "reason_code", "reason", "updated_at"])
    _record(action, campaign, now, reason=campaign.reason)
    return campaign


def _record(action: str, campaign: Campaign, now: dt.datetime, **detail: object) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=campaign.tenant_id,
        obj=campaign,
        label=campaign.name,
        detail={
            **detail,
            "kind": campaign.kind,
            "version": campaign.release.version if campaign.release else "",
        },
    )
