"""Two tenants full of canaries: every text and every number in them can be recognised."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from accounts.models import Invitation, Membership, Plan, Role, SystemRole, Tenant, User
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.audit import record_event
from accounts.services.keys import NewKey, create_key
from accounts.tenancy import tenant_scope
from devices.models import Device, DeviceUserPermission
from telemetry import partitions
from telemetry.models import RejectedMessage
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
)
from tests.isolation import state
from tests.isolation.boxes import add_boxes
from tests.isolation.fill import fill_all
from tests.metering.energy_site import write_days

YEAR = dt.timedelta(days=365)


@dataclass
class World:
    """One tenant with an object of each kind.

    `objects` are ids by the parameter of a route, `rows` a row of each table by its label.
    `canaries` stand in nothing that is not the tenant's; `title` in its own name only, which
    people who belong to several tenants may read anywhere.
    """

    name: str
    tenant: Tenant
    people: dict[str, User]
    title: str
    word: str
    number: int
    objects: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # see `tests.isolation.fleet`
    rows: dict[str, Any] = field(default_factory=dict)
    key: NewKey | None = None
    device: Device | None = None
    offer: str = ""

    @property
    def canaries(self) -> tuple[str, ...]:
        """Return what may be read by nobody from outside."""
        return (self.word, self.title, str(self.number))

    def scope(self) -> Any:
        """Return the scope of the tenant."""
        return tenant_scope(self.tenant.id)


def make_world(name: str, number: int) -> World:
    """Save a tenant whose every text and number can be recognised."""
    word, title = f"canary-{name}", f"harbour-{name}"
    plan = Plan.objects.create(
        name=f"{word} plan", max_devices=number, messages_per_second=number,
        api_calls_per_minute=number, retention_days=number,
    )  # fmt: skip
    tenant = TenantFactory(name=f"{title} Energy", slug=title, plan=plan)
    people = {
        role.value: UserFactory(email=f"{word}-{role.value}@{name}.example", name=f"{word} {role}")
        for role in SystemRole
    }
    for role in SystemRole:
        MembershipFactory(user=people[role.value], tenant=tenant, role=role)
    world = World(name, tenant, people, title, word, number)
    with world.scope():
        _fill(world)
    return world


def _fill(world: World) -> None:
    now, tenant, word, boss = timezone.now(), world.tenant, world.word, world.people["admin"]
    site = SiteFactory(tenant=tenant, name=f"{word} site", address=f"{word} street")
    gateway = GatewayFactory(site=site, name=f"{word} gateway", uid=f"{word}-gw")
    device = DeviceFactory(gateway=gateway, name=f"{word} device", uid=f"{word}-dev")
    channel = ChannelFactory(
        device=device, name="active_power_net", label=f"{word} power", maximum=world.number * 2.0
    )
    LatestValueFactory(channel=channel, value=world.number + 0.4375, time=now)
    measure(channel.id, world.number, now)
    role = Role.objects.create(name=f"{word} role", description=word, codes=["read:site"])
    guest = UserFactory(email=f"{word}-guest@{world.name}.example", name=f"{word} guest")
    invitation = Invitation.objects.create(
        email=f"{word}-invited@{world.name}.example",
        token_hash=uuid.uuid4().hex * 2,
        expires_at=now + YEAR,
        invited_by=boss,
    )
    share = share_device(device, guest, "read:device", boss)
    share_device(device, guest, "read:telemetry", boss)
    world.people["guest"], world.device = guest, device
    world.key = create_key(
        name=f"{word} key", codes=["read:device"], expires_at=None,
        created_by=boss, editor_codes=SYSTEM_ROLES["admin"], now=now,
    )  # fmt: skip
    RejectedMessageFactory(
        tenant=tenant, topic=f"tenant/{word}", detail=f"{word} detail",
        fingerprint=uuid.uuid4().bytes * 2,
    )  # fmt: skip
    event = record_event(
        action="role.created", now=now, tenant_id=tenant.id, obj=role, label=word,
        detail={"number": world.number},
    )  # fmt: skip
    world.rows = fill_all(word, world.number) | {
        "accounts.Tenant": tenant, "accounts.Plan": tenant.plan, "accounts.User": boss,
        "accounts.Membership": Membership.objects.filter(tenant=tenant).order_by("role").last(),
        "telemetry.RejectedMessage": RejectedMessage.objects.get(tenant=tenant),
        "devices.DeviceProfile": device.profile, "accounts.AuditEvent": event,
    }  # fmt: skip
    write_days(
        [world.rows["metering.Register"]], start=dt.date(2025, 1, 1), end=dt.date(2026, 1, 1)
    )
    add_boxes(world, now)
    certificate = world.rows["devices.DeviceCertificate"]
    viewer = Membership.objects.get(user=world.people["viewer"], tenant=tenant)
    world.objects = {
        "zigbee_claim_id": world.rows["devices.PendingZigbeeClaim"].id,
        "zigbee_node_id": world.rows["devices.ZigbeeNode"].id,
        "pairing_token_id": world.rows["devices.GatewayShareToken"].id,
        "device_id": device.id, "site_id": site.id, "gateway_id": gateway.id,
        "automation_rule_id": world.rows["automation.AutomationRuleVersion"].rule_id,
        "zone_id": world.rows["devices.Zone"].id, "role_id": role.id, "share_id": share.id,
        "invitation_id": invitation.id, "membership_id": viewer.id, "member_id": viewer.id,
        "key_id": world.key.key.id, "claim_id": world.rows["devices.Claim"].id,
        "transfer_id": world.rows["devices.DeviceTransfer"].id,
        "command_id": world.rows["devices.Command"].id,
        "batch_id": world.rows["devices.CommandBatch"].id,
        "import_id": world.rows["telemetry.ImportJob"].id,
        "group_key": world.rows["telemetry.RejectedMessage"].group_key,
        "report_id": world.rows["reports.ReportRun"].id,
        "report_template_id": world.rows["reports.ReportTemplate"].id,
        "annotation_id": world.rows["telemetry.Annotation"].id,
        "export_id": world.rows["telemetry.ExportJob"].id,
        "stop_id": world.rows["devices.EmergencyStop"].id,
        "release_id": world.rows["devices.FirmwareRelease"].id,
        "campaign_id": world.rows["devices.Campaign"].id,
        "vendor_key_id": world.rows["devices.FirmwareKey"].id,
        "serial": certificate.serial,
        "virtual_id": world.rows["telemetry.VirtualChannel"].id,
        "meter_id": world.rows["metering.Meter"].id,
        "decision_id": world.rows["metering.LedgerDecision"].id,
        "tariff_id": world.rows["metering.Tariff"].id,
        "assignment_id": world.rows["metering.TariffAssignment"].id,
        "period_id": world.rows["metering.BillingPeriod"].id,
        "centre_id": world.rows["metering.CostCentre"].id,
        "allocation_key_id": world.rows["metering.AllocationKey"].id,
        "budget_id": world.rows["metering.Budget"].id,
        "baseline_id": world.rows["metering.Baseline"].id,
        "target_id": world.rows["alarms.NotificationTarget"].id,
        "route_id": world.rows["alarms.NotificationRoute"].id,
        "rota_id": world.rows["alarms.OnCallRota"].id,
        "message_id": world.rows["alarms.NotificationMessage"].id,
        "subscription_id": world.rows["alarms.PushSubscription"].id,
        "window_id": world.rows["alarms.MaintenanceWindow"].id,
        "shelving_id": world.rows["alarms.Shelving"].id,
        "alarm_id": world.rows["alarms.Alarm"].id,
        "guard_id": world.rows["automation.DemandGuard"].id,
        "load_id": world.rows["automation.SheddableLoad"].id,
        "alarm_rule_id": world.rows["alarms.AlarmRule"].id,
        "schedule_id": world.rows["automation.Schedule"].id,
        "execution_id": world.rows["automation.Execution"].id,
        "recipe_id": world.rows["automation.Recipe"].id,
        "charge_point_id": world.rows["charging.ChargePoint"].id,
        "connector_id": world.rows["charging.Connector"].id,
        "charging_session_id": world.rows["charging.ChargingSession"].id,
        "id_tag_id": world.rows["charging.IdTag"].id,
        "charging_price_id": world.rows["charging.ChargingPrice"].id,
    }  # fmt: skip


def measure(channel_id: int, number: int, now: dt.datetime) -> None:
    """Store a few samples of the last hours."""
    partitions.create_ahead(now=now - dt.timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, 0)",
            [(channel_id, now - dt.timedelta(minutes=9 * n), number + 0.4375) for n in range(1, 9)],
        )


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


def fingerprint(world: World) -> state.Picture:
    """Return what the database holds of a tenant."""
    return state.fingerprint(world.tenant.id)
