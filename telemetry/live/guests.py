"""What somebody may watch with whom a tenant shares sites or devices."""

from __future__ import annotations

import uuid
from typing import TypeVar

from django.db.models import Model, QuerySet

from accounts.models import User
from accounts.rbac.scope import shared_with
from accounts.tenancy import tenant_scope
from devices.models import Device
from telemetry.live.identity import Identity

PERMISSION = "read:telemetry"
Row = TypeVar("Row", bound=Model)


def may_watch_something(user: User, tenant_id: uuid.UUID) -> bool:
    """Tell whether the tenant shares the values of any device with the person now."""
    with tenant_scope(tenant_id):
        return shared_with(user, PERMISSION, Device).exists()


def watchable(identity: Identity, model: type[Row]) -> QuerySet[Row]:
    """Return the devices or sites of the tenant in scope whose values the identity may see."""
    if not identity.is_guest:
        return model._default_manager.all()
    user = User.objects.filter(pk=identity.user_id).first() if identity.user_id else None
    return shared_with(user, PERMISSION, model) if user else model._default_manager.none()
