"""What devices say about their configuration."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from devices.config_diff import differences
from devices.models import (
    ConfigurationState,
    Device,
    DeviceConfiguration,
    DeviceEvent,
    ReportedConfiguration,
    Severity,
)

RAW_LENGTH = 65_536


@transaction.atomic
def note_reported(
    *, device: Device, body: dict[str, Any], revision: int | None, raw: str, at: dt.datetime
) -> None:
    """Keep what a device says it is set to, unless something newer is known.

    The newest revision counts as applied when the device names it, or names none and is set
    to all that it asks for. A difference after that is drift and leaves an event.
    """
    known = ReportedConfiguration.objects.select_for_update().filter(device=device).first()
    if known is not None and known.reported_at > at:
        return
    ReportedConfiguration.objects.update_or_create(
        device=device,
        defaults={
            "tenant_id": device.tenant_id,
            "body": body,
            "revision": revision,
            "raw": raw[:RAW_LENGTH],
            "reported_at": at,
        },
    )
    newest = DeviceConfiguration.objects.filter(device=device).order_by("-revision").first()
    if newest is None:
        return
    found = differences(newest.body, body)
    is_answer = revision == newest.revision or (revision is None and not found)
    if newest.state == ConfigurationState.PENDING and is_answer:
        _answer(newest, ConfigurationState.APPLIED, at)
    if found and newest.state == ConfigurationState.APPLIED and is_new(known, body):
        _tell_drift(device, [difference.path for difference in found], at)


def is_new(known: ReportedConfiguration | None, body: dict[str, Any]) -> bool:
    """Tell whether a device says something else than before."""
    return known is None or known.body != body


def note_answer(
    *,
    device: Device,
    revision: int | None,
    is_accepted: bool,
    error_code: str,
    error: str,
    at: dt.datetime,
) -> bool:
    """Keep a device's answer to a push; False when it is about another revision than the newest.

    The first answer stands: a device that took a configuration cannot refuse it later.
    """
    newest = DeviceConfiguration.objects.filter(device=device).order_by("-revision").first()
    if newest is None or revision not in (newest.revision, None):
        return False
    if newest.state != ConfigurationState.PENDING:
        return False
    state = ConfigurationState.APPLIED if is_accepted else ConfigurationState.REFUSED
    _answer(newest, state, at, error_code=error_code, error=error)
    if not is_accepted:
        DeviceEvent.objects.get_or_create(
            device=device,
            kind="configuration",
            code="REFUSED",
            at=at,
            defaults={
                "tenant_id": device.tenant_id,
                "severity": Severity.ERROR,
                "message": f"{error_code} {error}".strip()[:1000],
                "detail": {"revision": newest.revision},
            },
        )
    return True


def _answer(
    revision: DeviceConfiguration,
    state: ConfigurationState,
    at: dt.datetime,
    *,
    error_code: str = "",
    error: str = "",
) -> None:
    revision.state = state
    revision.answered_at = at
    revision.error_code, revision.error = error_code[:60], error[:500]
    revision.save(update_fields=["state", "answered_at", "error_code", "error", "updated_at"])


def _tell_drift(device: Device, paths: list[str], at: dt.datetime) -> None:
    DeviceEvent.objects.get_or_create(
        device=device,
        kind="configuration",
        code="DRIFT",
        at=at,
        defaults={
            "tenant_id": device.tenant_id,
            "severity": Severity.WARNING,
            "message": ", ".join(paths)[:1000],
            "detail": {"paths": paths[:100]},
        },
    )
