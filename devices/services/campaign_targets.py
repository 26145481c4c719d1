"""How the devices of a campaign move from state to state; ends are never left."""

from __future__ import annotations

import datetime as dt
from typing import Any

from devices.firmware.rollout import DEADLINES, RETRY_SECONDS, ROLLBACKS_RETRIED
from devices.models import Campaign, CampaignTarget, Severity, TargetState
from devices.services.device_events import record_device_event

MAX_HISTORY = 60
# trying again would not help
PERMANENT = frozenset(
    {"bad_signature", "incompatible", "wrong_hardware", "downgrade", "not_supported"}
)
_TOLD = {
    TargetState.DONE: Severity.INFO,
    TargetState.FAILED: Severity.ERROR,
    TargetState.ROLLED_BACK: Severity.ERROR,
}


def move(
    target: CampaignTarget,
    to: TargetState,
    *,
    now: dt.datetime,
    code: str = "",
    detail: str = "",
    **fields: Any,
) -> None:
    """Put a target, which the caller has locked, into a state, with its deadline."""
    seconds = DEADLINES.get(to.value)
    target.state, target.state_at = to, now
    target.deadline_at = now + dt.timedelta(seconds=seconds) if seconds else None
    if code or to == TargetState.DONE:
        target.error_code, target.error = code[:60], detail[:500]
    for name, value in fields.items():
        setattr(target, name, value)
    note(target, to, now=now, code=code, detail=detail)
    target.save()
    if to in _TOLD:
        _tell(target, to, now)


def note(
    target: CampaignTarget,
    state: TargetState,
    *,
    now: dt.datetime,
    code: str = "",
    detail: str = "",
) -> None:
    """Add a line to the history of a target, without saving it."""
    entry = {"state": state.value, "at": now.astimezone(dt.UTC).isoformat(), "try": target.tries}
    if code:
        entry |= {"code": code[:60], "detail": detail[:200]}
    target.history = [*target.history, entry][-MAX_HISTORY:]


def fail_try(
    target: CampaignTarget, campaign: Campaign, *, now: dt.datetime, code: str, detail: str = ""
) -> None:
    """End a try: the device gets it again after 1, 2, 4 … minutes, or has failed."""
    if code in PERMANENT or target.tries >= campaign.max_tries:
        move(target, TargetState.FAILED, now=now, code=code, detail=detail)
        return
    wait = RETRY_SECONDS * 2 ** max(target.tries - 1, 0)
    put_back(target, now=now, code=code, detail=detail, wait=wait)


def put_back(
    target: CampaignTarget, *, now: dt.datetime, code: str = "", detail: str = "",
    wait: float = 0, **fields: Any,
) -> None:  # fmt: skip
    """Let a target wait for its next try; what comes in about the last one counts no more."""
    again = now + dt.timedelta(seconds=wait)
    move(
        target, TargetState.PENDING, now=now, code=code, detail=detail,
        job_id=None, next_try_at=again, progress=0, **fields,
    )  # fmt: skip


def roll_back(target: CampaignTarget, *, now: dt.datetime, detail: str = "") -> None:
    """Keep that a device went back to its old firmware; the first time it is tried again."""
    target.rollbacks += 1
    if target.rollbacks > ROLLBACKS_RETRIED:
        move(target, TargetState.ROLLED_BACK, now=now, code="rolled_back", detail=detail)
        return
    note(target, TargetState.ROLLED_BACK, now=now, code="rolled_back", detail=detail)
    _tell(target, TargetState.ROLLED_BACK, now)
    put_back(target, now=now, code="rolled_back", detail=detail, wait=RETRY_SECONDS)


def _tell(target: CampaignTarget, state: TargetState, now: dt.datetime) -> None:
    record_device_event(
        device=target.device,
        kind="campaign",
        code=state.value if state == TargetState.DONE else target.error_code or state.value,
        severity=_TOLD[state],
        message=target.error,
        detail={"campaign": str(target.campaign_id), "try": target.tries},
        at=now,
    )
