"""Campaigns that bring a configuration: through the one door that configurations have."""

from __future__ import annotations

import datetime as dt

from devices.models import (
    ACTIVE_STATES,
    Campaign,
    CampaignTarget,
    ConfigurationState,
    DeviceConfiguration,
    Lifecycle,
    TargetState,
)
from devices.services.campaign_selection import newest_bodies
from devices.services.campaign_targets import move
from devices.services.configuration import InvalidConfiguration, set_configuration


def configure(target: CampaignTarget, campaign: Campaign, *, now: dt.datetime) -> None:
    """Give a device its own configuration with the campaign's values in it."""
    device = target.device
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        move(target, TargetState.SKIPPED, now=now, code="decommissioned")
        return
    present = newest_bodies([device.id]).get(device.id, {})
    try:
        made = set_configuration(
            device=device,
            body={**present, **campaign.configuration},
            reason=f"Campaign {campaign.name}"[:200],
            author=campaign.started_by,
            now=now,
        )
    except InvalidConfiguration as refusal:
        text = "; ".join(f"{problem.path}: {problem.detail}" for problem in refusal.problems)
        move(target, TargetState.FAILED, now=now, code="invalid_configuration", detail=text)
        return
    tries = target.tries + 1
    move(target, TargetState.OFFERED, now=now, revision=made.revision, tries=tries)


def read_answers(campaign: Campaign, *, now: dt.datetime) -> None:
    """Take over what devices answered to their revisions."""
    waiting = CampaignTarget.objects.filter(campaign=campaign, state__in=ACTIVE_STATES)
    targets = list(
        waiting.select_related("device").select_for_update(of=("self",), skip_locked=True)
    )
    answers = {
        (row.device_id, row.revision): row
        for row in DeviceConfiguration.objects.filter(
            device__in=[target.device_id for target in targets]
        ).exclude(state=ConfigurationState.PENDING)
    }
    for target in targets:
        row = answers.get((target.device_id, target.revision or 0))
        if row is not None:
            _take_over(target, row, now)


def _take_over(target: CampaignTarget, row: DeviceConfiguration, now: dt.datetime) -> None:
    if row.state == ConfigurationState.APPLIED:
        move(target, TargetState.DONE, now=now, progress=100)
    elif row.state == ConfigurationState.REFUSED:
        code = row.error_code or "refused"
        move(target, TargetState.FAILED, now=now, code=code, detail=row.error)
    else:
        move(target, TargetState.SKIPPED, now=now, code="superseded")
