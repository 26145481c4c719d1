"""Two tenants whose every visible word carries a name that the other must never see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from accounts.models import (
    ApiKey,
    AuditEvent,
    Invitation,
    Membership,
    Plan,
    Role,
    SystemRole,
    Tenant,
    User,
)
from accounts.tenancy import tenant_scope
from devices.models import Channel, Device, DeviceCertificate, Gateway, Site, Zone
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from telemetry.models import LatestValue, RejectedMessage
from tests.admin.makers import (
    make_event,
    make_invitation,
    make_key,
    make_plan,
    make_role,
    make_share,
)
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    GatewayFactory,
    LatestValueFactory,
    MembershipFactory,
    RejectedMessageFactory,
    SiteFactory,
    TenantFactory,
    UserFactory,
    ZoneFactory,
)
from tests.isolation.fill import fill_all
from tests.pki.rows import make_certificate


@dataclass(frozen=True, slots=True)
class Household:
    """A tenant with one row in each table; `word` stands in all of them."""

    word: str
    tenant: Tenant
    owner: User
    rows: dict[type[Model], Any]


def plant(word: str) -> Household:
    """Save a tenant whose names all hold `word`."""
    plan = make_plan(f"{word} plan")
    tenant = TenantFactory(name=f"{word} tenant", slug=word, plan=plan)
    owner = UserFactory(email=f"owner@{word}.example", name=f"{word} owner")
    membership = MembershipFactory(user=owner, tenant=tenant, role=SystemRole.ADMIN)
    member = MembershipFactory(
        user=UserFactory(email=f"member@{word}.example", name=f"{word} member"),
        tenant=tenant,
        role=SystemRole.VIEWER,
    )
    site = SiteFactory(tenant=tenant, name=f"{word} site", address=f"{word} street")
    gateway = GatewayFactory(site=site, uid=f"{word}-gw", name=f"{word} gateway")
    device = DeviceFactory(gateway=gateway, uid=f"{word}-1", name=f"{word} device")
    channel = ChannelFactory(device=device, name=f"{word}_power", label=f"{word} label")
    guest = UserFactory(email=f"guest@{word}.example")
    partner = TenantFactory(name=f"{word} partner", slug=f"{word}-partner")
    rows: dict[type[Model], Any] = {
        Plan: plan,
        Tenant: tenant,
        User: owner,
        Membership: member,
        Role: make_role(tenant, name=f"{word} role", description=f"{word} description"),
        Invitation: make_invitation(tenant, email=f"invited@{word}.example", invited_by=owner),
        ApiKey: make_key(tenant, name=f"{word} key", created_by=owner),
        AuditEvent: make_event(tenant, object_label=f"{word} event", actor_label=owner.email),
        Site: site,
        Zone: ZoneFactory(site=site, name=f"{word} zone", uid=f"{word}-zone"),
        Gateway: gateway,
        Device: device,
        DeviceCertificate: make_certificate(device, common_name=f"{word}-gw"),
        Channel: channel,
        LatestValue: LatestValueFactory(channel=channel),
        RejectedMessage: RejectedMessageFactory(
            tenant=tenant, topic=f"tenant/{word}", detail=f"{word} detail"
        ),
    }
    for model, obj in ((DeviceUserPermission, device), (SiteUserPermission, site)):
        rows[model] = make_share(model, obj, user=guest, shared_by=owner)
    for model, obj in ((DeviceTenantPermission, device), (SiteTenantPermission, site)):
        rows[model] = make_share(model, obj, grantee=partner, shared_by=owner)
    assert membership.tenant_id == tenant.id
    with tenant_scope(tenant.id):
        others = {type(row): row for row in fill_all(word, 4711).values()}
        for obj in [*others.values(), *rows.values()]:
            _log(owner, obj, word)
    return Household(word, tenant, owner, others | rows)


def _log(user: User, obj: Any, word: str) -> None:
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(type(obj)),
        object_id=str(obj.pk),
        object_repr=f"{word} {obj.pk}",
        action_flag=CHANGE,
        change_message=f"{word} changed",
    )
