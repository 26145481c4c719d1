"""Adds to the audit trail.

Each tenant has a chain of its own. An event's hash covers all of its fields and the hash
before it, so an edited, removed or inserted row is found by `audit_verify`. The database
refuses to change or delete rows (migration 0004).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from accounts.actor import Actor, current_actor
from accounts.models import AuditEvent
from energy.lib.masking import mask_values

FIRST = "0" * 64
_LOCK_SPACE = 0x61756474  # "audt"
_COVERED = (
    "tenant_id", "number", "at", "action", "actor_kind", "actor_id", "actor_label",
    "impersonator_id", "impersonator_label", "object_type", "object_id", "object_label",
    "detail", "request_id", "ip_address", "previous_hash",
)  # fmt: skip


def record_event(
    *,
    action: str,
    now: dt.datetime,
    tenant_id: uuid.UUID | None,
    obj: Model | None = None,
    label: str = "",
    detail: dict[str, Any] | None = None,
    actor: Actor | None = None,
) -> AuditEvent:
    """Add an event to the tenant's chain, in the caller's transaction.

    `tenant_id` None is the platform's chain. Waits for other events of the same chain that
    are not committed yet. Secrets in `detail` are masked.
    """
    who = actor or current_actor()
    with transaction.atomic():
        number, previous_hash = _end_of_chain(tenant_id)
        event = AuditEvent(
            tenant_id=tenant_id,
            number=number + 1,
            at=now,
            action=action,
            actor_kind=who.kind,
            actor_id=who.id,
            actor_label=who.label[:254],
            impersonator_id=who.impersonator_id,
            impersonator_label=who.impersonator_label[:254],
            object_type=obj._meta.label if obj is not None else "",
            object_id=str(obj.pk)[:64] if obj is not None else "",
            object_label=(label or (str(obj) if obj is not None else ""))[:200],
            detail=_storable(detail or {}),
            request_id=who.request_id[:64],
            ip_address=who.ip_address,
            previous_hash=previous_hash,
        )
        event.hash = hash_of(event)
        event.save(force_insert=True)
    return event


def hash_of(event: AuditEvent) -> str:
    """Return the SHA-256 of an event and of the hash before it, hexadecimal."""
    content = {name: _plain(getattr(event, name)) for name in _COVERED}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, uuid.UUID) else value


def _storable(detail: dict[str, Any]) -> Any:
    """Return what comes back from the database exactly as it went in; no secrets."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value if isinstance(value, str | bool | int | None) else str(value)

    return plain(mask_values(detail))


def _end_of_chain(tenant_id: uuid.UUID | None) -> tuple[int, str]:
    """Lock the chain until the end of the transaction; return its last number and hash."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, str(tenant_id)]
        )
    last = (
        AuditEvent.objects.filter(tenant_id=tenant_id)
        .order_by("-number")
        .values_list("number", "hash")
        .first()
    )
    return last or (0, FIRST)
