"""Lets other parts of the product tell people something, by the way on which alarms go."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from alarms.models import MessageKind, NotificationMessage, NotificationTarget
from devices.models import Severity

HOUR = dt.timedelta(hours=1)


def tell(
    targets: Collection[NotificationTarget],
    *,
    key: str,
    subject: str,
    text: str,
    severity: Severity,
    now: dt.datetime,
    path: str = "/",
    execution: Mapping[str, Any] | None = None,
) -> list[NotificationTarget]:
    """Let a message go to targets once this transaction commits; return those it goes to.

    The same key tells each target once. One that was told as often as it allows in the last
    hour is left out, and so is one that is switched off.

    Args: path: of the page that says more. execution: for webhooks.
    """
    told = [target for target in targets if target.is_active and _has_room(target, now)]
    NotificationMessage.objects.bulk_create(
        [
            NotificationMessage(
                id=uuid.uuid5(target.id, key), tenant_id=target.tenant_id, target=target,
                kind=MessageKind.AUTOMATION, subject=subject[:300], severity=severity,
                made_at=now, next_try_at=now,
                content={
                    "tenant": {"id": str(target.tenant_id), "name": target.tenant.name},
                    "language": target.language, "timezone": target.timezone, "text": text,
                    "path": path,
                } | ({"execution": dict(execution)} if execution else {}),
            )
            for target in told
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    return told


def _has_room(target: NotificationTarget, now: dt.datetime) -> bool:
    sent = target.messages.filter(kind=MessageKind.AUTOMATION, made_at__gt=now - HOUR)
    return sent.count() < target.most_per_hour
