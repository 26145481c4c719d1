"""Saves one row of what has no factory."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from accounts.models import ApiKey, AuditEvent, Invitation, Plan, Role, Tenant
from accounts.tenancy import tenant_scope
from devices.models import Device, Site
from tests.factories import NOW, DeviceFactory, SiteFactory, TenantFactory, UserFactory

LATER = NOW + dt.timedelta(days=7)


def make_plan(name: str | None = None) -> Plan:
    """Save a plan."""
    return Plan.objects.create(name=name or uuid.uuid4().hex)


def make_role(tenant: Tenant | None = None, **fields: Any) -> Role:
    """Save a role that a tenant made."""
    tenant = tenant or TenantFactory()
    given = {"name": uuid.uuid4().hex, "codes": ["read:device"]} | fields
    with tenant_scope(tenant.id):
        return Role.objects.create(**given)


def make_invitation(tenant: Tenant | None = None, **fields: Any) -> Invitation:
    """Save an open invitation."""
    tenant = tenant or TenantFactory()
    secret = uuid.uuid4().hex
    given = {
        "email": f"{secret}@example.com",
        "token_hash": hashlib.sha256(secret.encode()).hexdigest(),
        "expires_at": LATER,
        "invited_by": UserFactory(),
    } | fields
    with tenant_scope(tenant.id):
        return Invitation.objects.create(**given)


def make_key(tenant: Tenant | None = None, **fields: Any) -> ApiKey:
    """Save a key whose secret nobody knows."""
    tenant = tenant or TenantFactory()
    given = {
        "name": "meter reader",
        "prefix": uuid.uuid4().hex[:12],
        "hashed": uuid.uuid4().hex,
        "codes": ["read:device"],
        "created_by": UserFactory(),
    } | fields
    with tenant_scope(tenant.id):
        return ApiKey.objects.create(**given)


def make_event(tenant: Tenant | None = None, **fields: Any) -> AuditEvent:
    """Save an audit event outside of any chain."""
    given = {
        "tenant_id": tenant.id if tenant else None,
        "number": 1_000_000 + AuditEvent.objects.count(),
        "at": NOW,
        "action": "test.made",
        "actor_kind": "user",
        "previous_hash": "0" * 64,
        "hash": uuid.uuid4().hex * 2,
    } | fields
    return AuditEvent.objects.create(**given)


def make_share(model: type[Any], obj: Site | Device | None = None, **fields: Any) -> Any:
    """Save a share of a site or a device with a person or an organisation."""
    target = model._meta.get_field("content_object").related_model
    obj = obj or (SiteFactory() if target is Site else DeviceFactory())
    who = {"user": UserFactory()} if hasattr(model, "user") else {"grantee": TenantFactory()}
    permission, _is_new = Permission.objects.get_or_create(
        codename="read:device",
        content_type=ContentType.objects.get_for_model(target),
        defaults={"name": "read"},
    )
    given = {
        "permission": permission, "shared_by": UserFactory(), "valid_from": NOW,
        "expires_at": LATER, "content_object": obj,
    } | who | fields  # fmt: skip
    with tenant_scope(obj.tenant_id):
        return model.objects.create(**given)
