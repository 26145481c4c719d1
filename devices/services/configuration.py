"""Desired configuration: checked before it leaves, numbered, pushed, and answered for.

The newest revision is what a device should be set to. It stays on its way until the device
reports it, answers for it, or a newer one replaces it; a device that was away gets it again
when it comes back.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.config_diff import changes
from devices.configuration_wire import configuration_payload, configuration_topic
from devices.models import ConfigurationState, Device, DeviceConfiguration
from devices.parameters import Problem, check_configuration
from devices.services.outbox import queue_message

BODY_BYTES = 32_768
LIVE_AT_MOST = dt.timedelta(hours=24)
LIVE_AT_LEAST = dt.timedelta(seconds=60)
PUSH_AGAIN_AFTER = dt.timedelta(minutes=5)
KEPT_REVISIONS = 200
ROWS = 200


class InvalidConfiguration(Refusal):
    """The profile does not allow it; `problems` says what and where."""

    code = "invalid_configuration"
    message: Promise = _("The configuration does not fit the type of device.")

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__()
        self.problems = list(problems)


class RevisionMoved(Refusal):
    """Somebody else was faster."""

    code = "revision_moved"
    message = _("Somebody changed this configuration meanwhile. Look at it again, then repeat.")


class UnknownRevision(Refusal):
    """There is no such revision to go back to."""

    code = "unknown_revision"
    message = _("There is no such revision of this device's configuration.")


class LiveTime(Refusal):
    """A trial lasts from a minute to a day."""

    code = "live_time"
    message = _("A change on trial lasts between 60 seconds and 24 hours.")


@transaction.atomic
def set_configuration(
    *,
    device: Device,
    body: Mapping[str, Any],
    reason: str,
    author: User | None,
    now: dt.datetime,
    expected_revision: int | None = None,
    live_for: dt.timedelta | None = None,
) -> DeviceConfiguration:
    """Make a new revision and push it; with `live_for` the one before it comes back by itself.

    Args: expected_revision: the newest one that the author has seen; 0 for none; None: any.

    Raises: InvalidConfiguration, RevisionMoved, LiveTime.
    """
    if live_for is not None and not LIVE_AT_LEAST <= live_for <= LIVE_AT_MOST:
        raise LiveTime
    _check(device, body)
    newest = _lock_newest(device)
    if expected_revision is not None and expected_revision != (newest.revision if newest else 0):
        raise RevisionMoved
    return _add_revision(
        device=device,
        newest=newest,
        body=dict(body),
        reason=reason,
        author=author,
        now=now,
        live_until=now + live_for if live_for else None,
    )


@transaction.atomic
def revert_configuration(
    *, device: Device, revision: int, reason: str, author: User | None, now: dt.datetime
) -> DeviceConfiguration:
    """Make the body of an earlier revision the newest one; the history stays.

    Raises: UnknownRevision, InvalidConfiguration: the profile does not allow it any more.
    """
    newest = _lock_newest(device)
    old = DeviceConfiguration.objects.filter(device=device, revision=revision).first()
    if old is None:
        raise UnknownRevision
    _check(device, old.body)
    made = _add_revision(
        device=device, newest=newest, body=old.body, reason=reason, author=author, now=now
    )
    record_event(
        action="configuration.reverted",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        label=device.name,
        detail={"to": revision, "revision": made.revision},
    )
    return made


def end_live_configurations(*, now: dt.datetime) -> int:
    """Take back trials whose time is over; return how many. Each in a transaction of its own."""
    with all_tenants():
        due = list(
            DeviceConfiguration.objects.filter(live_until__lte=now)
            .order_by("live_until")
            .values_list("id", "tenant_id")[:ROWS]
        )
    return sum(_end_live(found, tenant_id, now) for found, tenant_id in due)


def push_configurations(*, now: dt.datetime) -> int:
    """Push again what devices that are heard have not answered for five minutes."""
    with all_tenants():
        waiting = list(
            DeviceConfiguration.objects.filter(
                state=ConfigurationState.PENDING,
                pushed_at__lte=now - PUSH_AGAIN_AFTER,
                device__offline_since=None,
                device__last_seen_at__isnull=False,
            )
            .order_by("pushed_at")
            .values_list("device_id", "tenant_id")[:ROWS]
        )
    for device_id, tenant_id in waiting:
        with tenant_scope(tenant_id):
            push_pending(device_id=device_id, now=now)
    return len(waiting)


@transaction.atomic
def push_pending(*, device_id: uuid.UUID, now: dt.datetime) -> bool:
    """Push the newest revision if the device has not answered for it; it came back just now."""
    devices = Device.objects.select_related("gateway", "profile", "zone")
    device = devices.filter(id=device_id).first()
    newest = _newest(device).first() if device else None
    if device is None or newest is None or newest.state != ConfigurationState.PENDING:
        return False
    _push(device, newest, now)
    return True


def _check(device: Device, body: Mapping[str, Any]) -> None:
    size = len(json.dumps(body))
    problems = check_configuration(body, device.profile.parameters)
    if size > BODY_BYTES:
        detail = f"{size} bytes; at most {BODY_BYTES} can be sent."
        problems.append(Problem("INVALID_PAYLOAD_FORMAT", "", detail))
    if problems:
        raise InvalidConfiguration(problems)


def _newest(device: Device) -> QuerySet[DeviceConfiguration]:
    return DeviceConfiguration.objects.filter(device=device).order_by("-revision")


def _lock_newest(device: Device) -> DeviceConfiguration | None:
    """Let one writer at a time number the revisions of a device."""
    Device.objects.select_for_update(of=("self",), no_key=True).get(id=device.id)
    return _newest(device).first()


def _add_revision(
    *,
    device: Device,
    newest: DeviceConfiguration | None,
    body: dict[str, Any],
    reason: str,
    author: User | None,
    now: dt.datetime,
    live_until: dt.datetime | None = None,
) -> DeviceConfiguration:
    DeviceConfiguration.objects.filter(device=device, state=ConfigurationState.PENDING).update(
        state=ConfigurationState.SUPERSEDED
    )
    made = DeviceConfiguration.objects.create(
        tenant_id=device.tenant_id,
        device=device,
        revision=newest.revision + 1 if newest else 1,
        body=body,
        reason=reason[:200],
        author=author,
        live_until=live_until,
        reverts_to=_steady_revision(newest) if live_until else None,
    )
    record_event(
        action="configuration.changed",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        label=device.name,
        detail={
            "revision": made.revision,
            "why": made.reason,
            "live_until": live_until.isoformat() if live_until else None,
            "changed": [found.path for found in changes(newest.body if newest else {}, body)][:50],
        },
    )
    _push(device, made, now)
    return made


def _steady_revision(newest: DeviceConfiguration | None) -> int | None:
    """Return what a trial gives way to: not another trial."""
    if newest is None:
        return None
    return newest.reverts_to if newest.live_until else newest.revision


def _push(device: Device, revision: DeviceConfiguration, now: dt.datetime) -> None:
    queue_message(
        topic=configuration_topic(device),
        payload=configuration_payload(revision, now=now),
        now=now,
        tenant_id=device.tenant_id,
        expires_at=revision.live_until,
    )
    revision.pushed_at = now
    revision.save(update_fields=["pushed_at", "updated_at"])


@transaction.atomic
def _end_live(found: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> bool:
    with tenant_scope(tenant_id):
        trial = DeviceConfiguration.objects.select_related("device__profile").filter(id=found)
        row = trial.filter(live_until__lte=now).first()
        if row is None:
            return False
        newest = _lock_newest(row.device)
        trial.update(live_until=None)
        if newest is None or newest.id != row.id:  # somebody has decided meanwhile
            return False
        steady = None
        if row.reverts_to is not None:
            steady = _newest(row.device).filter(revision=row.reverts_to).first()
        _add_revision(
            device=row.device,
            newest=newest,
            body=steady.body if steady else {},
            reason=f"The trial of revision {row.revision} is over.",
            author=None,
            now=now,
        )
        return True
