"""Two tenants full of canaries, and everybody who may knock at their doors."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, Role, SystemRole, Tenant, User
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.audit import record_event
from accounts.services.keys import NewKey, create_key
from accounts.tenancy import is_tenant_owned, tenant_scope
from devices.models import Device, DeviceUserPermission
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    GatewayFactory,
    LatestValueFactory,
    MembershipFactory,
    SiteFactory,
    TenantFactory,
    UserFactory,
)

BACKEND = "django.contrib.auth.backends.ModelBackend"
YEAR = dt.timedelta(days=365)


@dataclass
class World:
    """One tenant with an object of each kind; `objects` by the parameter of a route."""

    name: str
    tenant: Tenant
    people: dict[str, User]
    objects: dict[str, uuid.UUID] = field(default_factory=dict)
    key: NewKey | None = None
    device: Device | None = None
    canaries: tuple[str, ...] = ()

    def scope(self) -> Any:
        """Return the scope of the tenant."""
        return tenant_scope(self.tenant.id)


def make_world(name: str, number: int) -> World:
    """Save a tenant whose every text and number can be recognised."""
    word = f"canary-{name}"
    tenant = TenantFactory(name=f"{word} Energy", slug=word)
    people = {
        role.value: UserFactory(email=f"{word}-{role.value}@{name}.example", name=f"{word} {role}")
        for role in SystemRole
    }
    for role in SystemRole:
        MembershipFactory(user=people[role.value], tenant=tenant, role=role)
    world = World(name, tenant, people)
    with world.scope():
        _fill(world, word, number)
    world.canaries = (word, str(number))
    return world


def _fill(world: World, word: str, number: int) -> None:
    now, tenant = timezone.now(), world.tenant
    site = SiteFactory(tenant=tenant, name=f"{word} site", address=f"{word} street")
    gateway = GatewayFactory(site=site, name=f"{word} gateway", uid=f"{word}-gw")
    device = DeviceFactory(gateway=gateway, name=f"{word} device", uid=f"{word}-dev")
    channel = ChannelFactory(device=device, name="active_power_net")
    LatestValueFactory(channel=channel, value=float(number), time=now)
    role = Role.objects.create(name=f"{word} role", description=word, codes=["read:site"])
    guest = UserFactory(email=f"{word}-guest@{world.name}.example", name=f"{word} guest")
    invitation = Invitation.objects.create(
        email=f"{word}-invited@{world.name}.example",
        token_hash=uuid.uuid4().hex * 2,
        expires_at=now + YEAR,
        invited_by=world.people["admin"],
    )
    share = share_device(device, guest, "read:device", world.people["admin"])
    share_device(device, guest, "read:telemetry", world.people["admin"])
    world.people["guest"], world.device = guest, device
    world.key = create_key(
        name=f"{word} key", codes=["read:device"], expires_at=None,
        created_by=world.people["admin"], editor_codes=SYSTEM_ROLES["admin"], now=now,
    )  # fmt: skip
    record_event(action="role.created", now=now, tenant_id=tenant.id, obj=role, label=word)
    viewer = Membership.objects.get(user=world.people["viewer"], tenant=tenant)
    world.objects = {
        "device_id": device.id, "site_id": site.id, "role_id": role.id, "share_id": share.id,
        "invitation_id": invitation.id, "membership_id": viewer.id, "member_id": viewer.id,
        "key_id": world.key.key.id,
    }  # fmt: skip


def share_device(device: Device, user: User, code: str, by: User) -> DeviceUserPermission:
    """Save a share that is valid now."""
    kind = ContentType.objects.get_for_model(Device)
    permission, _made = Permission.objects.get_or_create(
        codename=code, content_type=kind, defaults={"name": code}
    )
    now = timezone.now()
    share = DeviceUserPermission(
        content_object=device, user=user, permission=permission, shared_by=by,
        valid_from=now - YEAR, expires_at=now + YEAR,
    )  # fmt: skip
    share.save()
    return share


@dataclass
class Principal:
    """Somebody who calls; `codes` are the permissions in tenant A, None for no way in."""

    name: str
    client: Client
    codes: frozenset[str] | None
    is_identified: bool = True
    is_guest: bool = False


def principals(a: World, b: World) -> dict[str, Principal]:
    """Return everybody who calls with a session or a key."""
    removed = UserFactory(email="removed@a.example")
    MembershipFactory(user=removed, tenant=a.tenant).delete()
    disabled = UserFactory(email="disabled@a.example")
    MembershipFactory(user=disabled, tenant=a.tenant, role=SystemRole.ADMIN)
    both = UserFactory(email="both@a.example")
    MembershipFactory(user=both, tenant=a.tenant, role=SystemRole.VIEWER)
    MembershipFactory(user=both, tenant=b.tenant, role=SystemRole.ADMIN)
    reseller = _reseller_of(a)
    with a.scope():
        bare = Role.objects.create(name="Nothing", codes=["read:schedule"])
    limited = UserFactory(email="limited@a.example")
    MembershipFactory(user=limited, tenant=a.tenant, role="", custom_role=bare)
    staff = UserFactory(email="staff@p.example", is_staff=True)
    superuser = UserFactory(email="root@p.example", is_staff=True, is_superuser=True)
    found = {
        "anonymous": Principal("anonymous", Client(), None, is_identified=False),
        "removed member": Principal("removed member", _browser(removed), None),
        "B admin": Principal("B admin", _browser(b.people["admin"]), None),
        "staff without tenant": Principal("staff", _browser(staff), None),
        "superuser": Principal("superuser", _browser(superuser), None),
        "A guest": Principal("A guest", _browser(a.people["guest"]), frozenset(), is_guest=True),
        "A limited": Principal("A limited", _browser(limited), frozenset({"read:schedule"})),
        "both as A": Principal("both", _browser(both, a.tenant), SYSTEM_ROLES["viewer"]),
        "reseller of A": Principal("reseller", _browser(reseller, a.tenant), SYSTEM_ROLES["admin"]),
        "disabled user": Principal("disabled", _browser(disabled), None, is_identified=False),
    }
    for role in SystemRole:
        codes = SYSTEM_ROLES[role.value]
        found[f"A {role}"] = Principal(f"A {role}", _browser(a.people[role.value]), codes)
    disabled.is_active = False
    disabled.save()
    return found


def _reseller_of(world: World) -> User:
    reseller = TenantFactory(name="Reseller", slug=f"reseller-of-{world.name}", is_reseller=True)
    user = UserFactory(email=f"reseller@{world.name}.example")
    MembershipFactory(user=user, tenant=reseller, role=SystemRole.ADMIN)
    Tenant.objects.filter(id=world.tenant.id).update(parent=reseller)
    return user


def _browser(user: User, tenant: Tenant | None = None) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    if tenant is not None:
        session = client.session
        session["acting_tenant"] = str(tenant.id)
        session.save()
    return client


def fingerprint(world: World) -> dict[str, int]:
    """Return the number of rows of the tenant in each of its tables, and a sum of changes."""
    found: dict[str, int] = {}
    with world.scope():
        for model in apps.get_models():
            if is_tenant_owned(model) and model._meta.managed:
                rows: Any = model._default_manager
                stamp = "updated_at" if hasattr(model, "updated_at") else None
                newest = rows.aggregate(newest=models.Max(stamp))["newest"] if stamp else None
                found[model._meta.label] = hash((rows.count(), newest))
    members = Membership.objects.filter(tenant=world.tenant)
    found["members"] = hash(tuple(members.order_by("id").values_list("id", "role", "updated_at")))
    return found


Check = Callable[[Principal], None]
__all__ = ["ApiKey", "Principal", "World", "fingerprint", "make_world", "principals"]
