"""S42: of a deleted tenant nothing is left but its audit trail."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Invitation, Role, Tenant, User
from accounts.queries.roles import RoleChoice
from accounts.rbac.registry import CODES
from accounts.services import erasure
from accounts.services.audit import record_event
from accounts.services.erasure import owned_columns
from accounts.services.invitations import invite
from accounts.services.refusals import HasCustomers, NameDiffers
from accounts.services.roles import create_role
from accounts.services.tenants import delete_tenant
from accounts.tenancy import all_tenants, is_tenant_owned
from devices.models import Device, RevocationReason, ShutOut
from devices.services.shares import SHARE_MODELS, share_with_tenant, share_with_user
from devices.wires.broker import BrokerUnreachable
from energy.lib import redis as redis_clients
from metering.build.due import mark_due
from metering.ledger.kinds import ENTRY_DTYPE, Anchor
from metering.models import Register, RegisterFeed
from metering.storage.checkpoints import State, write_checkpoints, write_states
from metering.storage.days import Span, sum_days
from metering.storage.entries import Built, write_entries
from telemetry.models import ChangedWindow
from telemetry.partitions import ensure_partitions, week_of
from telemetry.storage.watch import watch_channels
from tests.conftest import make_team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    GatewayFactory,
    LatestValueFactory,
    MembershipFactory,
    RejectedMessageFactory,
    SiteFactory,
    UserFactory,
)
from tests.isolation.fill import fill_all
from tests.pki.rows import make_certificate

CANARY = "kanarya7f3"
NUMBER = 48_151_623.42
AMOUNT = 4_815_162_342
QUARTER = 1_990_000  # in October 2026
LEDGER = (
    "metering_interval", "metering_interval_past", "metering_day", "metering_ledger_mark",
    "metering_ledger_state", "metering_checkpoint", "metering_decision",
    "telemetry_watched_channel", "telemetry_changed_window",
)  # fmt: skip


def make_tenant_with_everything(blue):
    """Save at least one row in every table of a tenant, each with the canary."""
    now = timezone.now()
    team = make_team(CANARY)
    site = SiteFactory(tenant=team.tenant, name=f"{CANARY} site", address=f"{CANARY} street")
    gateway = GatewayFactory(site=site, uid=f"gw-{CANARY}", name=f"{CANARY} gateway")
    device = DeviceFactory(gateway=gateway, name=f"{CANARY} device", serial_number=CANARY)
    DeviceFactory(site=site, gateway=None, name=f"{CANARY} direct")
    make_certificate(device, common_name=CANARY)
    channel = ChannelFactory(device=device, label=f"{CANARY} channel")
    LatestValueFactory(channel=channel, value=NUMBER)
    add_samples(channel, now)
    RejectedMessageFactory(tenant=team.tenant, detail=CANARY)
    RejectedMessageFactory(topic=f"tenant/{team.tenant.id}/gw/x/telemetry", detail=CANARY)
    with team.scope():
        ShutOut.objects.create(device=device, at=now, reason=RevocationReason.PRIVILEGE)
        role = create_role(
            tenant_id=team.tenant.id, name=CANARY, codes=["read:site"], editor_codes=CODES, now=now
        )
        MembershipFactory(tenant=team.tenant, role="", custom_role=role)
        invite(
            tenant=team.tenant, email=f"guest@{CANARY}.example", choice=RoleChoice("", role),
            invited_by=team.owner, editor_codes=CODES, now=now,
        )  # fmt: skip
        key = ApiKey.objects.create(tenant=team.tenant, name=CANARY, prefix=CANARY, hashed="x")
        ApiKey.objects.create(
            tenant=team.tenant, name=CANARY, prefix="newer", hashed="y", replaces=key
        )
        share = {
            "codes": [], "valid_from": now, "expires_at": now + dt.timedelta(days=3),
            "shared_by": team.owner, "editor_codes": CODES, "now": now,
        }  # fmt: skip
        for target in (site, device):
            share_with_user(target=target, email=blue.viewer.email, **share)
            share_with_tenant(target=target, slug=blue.tenant.slug, **share)
    with blue.scope():
        theirs = SiteFactory(tenant=blue.tenant)
        share |= {"shared_by": blue.owner}
        share_with_tenant(target=theirs, slug=team.tenant.slug, **share)
        share_with_user(target=theirs, email=team.viewer.email, **share)
    with team.scope():
        fill_all("filler", 77_031)
        add_ledger(channel, now)
    for found in (device, team.tenant, team.owner):
        LogEntry.objects.create(
            user=blue.owner, content_type=ContentType.objects.get_for_model(type(found)),
            object_id=str(found.pk), object_repr=CANARY, action_flag=ADDITION,
        )  # fmt: skip
    AccessAttempt.objects.create(username=team.owner.email, user_agent="x", failures_since_start=1)
    return team


def add_ledger(channel, now):
    """Count a quarter twice, and leave work for the reactor."""
    register = Register.objects.get()
    for amount in (AMOUNT + 1, AMOUNT):
        entries = np.zeros(1, dtype=ENTRY_DTYPE)
        entries["number"], entries["amount"] = QUARTER, amount
        with transaction.atomic():
            write_entries([Built(register.id, QUARTER, QUARTER, entries)], now=now)
            sum_days([Span(register.id, "Europe/Istanbul", QUARTER, QUARTER)], now=now)
    feed, anchor = RegisterFeed.objects.get(), Anchor(AMOUNT, AMOUNT)
    write_checkpoints({feed.id: {20_000: anchor}})
    write_states([State(register.id, feed.id, anchor, AMOUNT, 0)], now=now)
    mark_due([(register.id, 0, AMOUNT)], now=now)
    watch_channels([channel.id])
    ChangedWindow.objects.create(channel=channel.id, number=QUARTER)


def counts(tables):
    """Return how many rows tables have."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found


def add_samples(channel, now, count=7):
    ensure_partitions({week_of(now)}, now=now)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, 0)",
            [(channel.id, now - dt.timedelta(seconds=n), NUMBER) for n in range(count)],
        )


def tables_with(text):
    """Return every table in which the text, or a number, occurs in any column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
        )
        found = set()
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*) FROM {table} AS row WHERE row::text ILIKE %s", [f"%{text}%"]
            )
            if cursor.fetchone()[0]:
                found.add(table)
        return found


def delete(tenant, **options):
    return list(
        delete_tenant(
            tenant=tenant, now=timezone.now(), confirmed_name=tenant.name,
            **({"has_broker": False} | options),
        )
    )  # fmt: skip


def test_the_test_fills_every_table_of_a_tenant(blue):
    team = make_tenant_with_everything(blue)

    with all_tenants():
        empty = [
            model._meta.label
            for model in apps.get_models()
            if is_tenant_owned(model)
            and not model.objects.filter(tenant=team.tenant).exists()
            and not model._meta.label.endswith("Event")
        ]
    assert empty == []


def test_nothing_is_left_outside_the_audit_trail(blue):
    team = make_tenant_with_everything(blue)
    before = tables_with(CANARY)
    assert {"accounts_user", "devices_device", "django_admin_log"} <= before

    delete(team.tenant)

    assert tables_with(CANARY) == {"accounts_auditevent"}
    assert tables_with(team.tenant.id) == {"accounts_auditevent"}
    assert tables_with("48151623.42") == set()


def test_nothing_is_left_of_the_ledger(blue):
    team = make_tenant_with_everything(blue)
    before = counts(LEDGER)

    delete(team.tenant)

    assert all(before.values()), before
    assert not any(counts(LEDGER).values())


def test_the_audit_trail_tells_of_the_deletion(blue, now):
    team = make_tenant_with_everything(blue)
    kept = AuditEvent.objects.filter(tenant_id=team.tenant.id).count()

    delete(team.tenant)

    event = AuditEvent.objects.get(action="tenant.deleted")
    assert event.detail["tenant"] == str(team.tenant.id)
    assert AuditEvent.objects.filter(tenant_id=team.tenant.id).count() == kept + 1  # suspended


def test_others_lose_nothing(blue):
    DeviceFactory(tenant=blue.tenant)
    team = make_tenant_with_everything(blue)
    both = MembershipFactory(tenant=team.tenant, user=UserFactory()).user
    MembershipFactory(tenant=blue.tenant, user=both)

    delete(team.tenant)

    assert User.objects.filter(id=both.id).exists()
    assert User.objects.filter(memberships__tenant=blue.tenant).count() == 4
    with all_tenants():
        assert Device.objects.count() == 1
        assert sum(model.objects.count() for model in SHARE_MODELS.values()) == 0


def test_platform_staff_keep_their_accounts(blue, staff):
    team = make_tenant_with_everything(blue)
    MembershipFactory(tenant=team.tenant, user=staff)

    delete(team.tenant)

    assert User.objects.filter(id=staff.id).exists()


def test_it_works_in_small_batches_and_goes_on_after_an_interruption(blue, monkeypatch):
    team = make_tenant_with_everything(blue)
    monkeypatch.setattr("telemetry.storage.removal.ROWS", 3)
    monkeypatch.setattr(erasure, "BATCH_PEOPLE", 1)
    steps = delete_tenant(
        tenant=team.tenant, now=timezone.now(), confirmed_name=team.tenant.name, has_broker=False
    )
    sizes = [next(steps).rows for _step in range(4)]
    steps.close()

    rest = delete(Tenant.objects.get(id=team.tenant.id))

    assert max(sizes) <= 3
    assert sum(step.rows for step in rest) > 0
    assert tables_with(CANARY) == {"accounts_auditevent"}


def test_keys_in_redis_go(blue, redis):
    team = make_team(CANARY)
    name = redis_clients.key(f"live:watch:{team.tenant.id}")
    redis_clients.ephemeral().delete(redis_clients.key("live:rooms"))
    redis_clients.ephemeral().set(name, "x")
    redis_clients.ephemeral().zadd(redis_clients.key("live:rooms"), {str(team.tenant.id): 1})
    redis_clients.ephemeral().zadd(redis_clients.key("live:rooms"), {str(blue.tenant.id): 1})

    delete(team.tenant)

    assert not redis_clients.ephemeral().exists(name)
    rooms = redis_clients.ephemeral().zrange(redis_clients.key("live:rooms"), 0, -1)
    assert rooms == [str(blue.tenant.id).encode()]


def test_who_acts_for_it_is_signed_out(blue, staff, client_for):
    team = make_team(CANARY)
    MembershipFactory(tenant=team.tenant, user=blue.viewer)
    browser = client_for(blue.viewer)
    browser.post("/organisation", {"tenant": str(team.tenant.id)})

    delete(team.tenant)

    assert browser.get("/").status_code == 302


def test_the_full_name_confirms(red):
    with pytest.raises(NameDiffers):
        delete_tenant(tenant=red.tenant, now=timezone.now(), confirmed_name="red")

    assert Tenant.objects.get(id=red.tenant.id).is_active


def test_customers_go_first(red, blue):
    red.tenant.is_reseller = True
    red.tenant.save()
    blue.tenant.parent = red.tenant
    blue.tenant.save()

    with pytest.raises(HasCustomers):
        delete(red.tenant)


def test_without_an_answer_of_the_broker_no_row_goes(blue, monkeypatch):
    team = make_tenant_with_everything(blue)

    def fail(usernames):
        raise BrokerUnreachable("No broker answers.")

    monkeypatch.setattr("devices.erasure.revoke_many", fail)
    with pytest.raises(CommandError, match="--without-broker"):
        call_command("tenant_delete", CANARY, confirm=team.tenant.name)

    assert not Tenant.objects.get(id=team.tenant.id).is_active
    with team.scope():
        assert Invitation.objects.count() == Role.objects.count() == 1


def test_the_broker_loses_gateways_and_direct_devices(blue, monkeypatch):
    team = make_tenant_with_everything(blue)
    revoked = []
    monkeypatch.setattr("devices.erasure.revoke_many", revoked.extend)
    with team.scope():
        direct = Device.objects.filter(gateway=None).order_by("id")
        names = [str(device.id) for device in direct]

    delete(team.tenant, has_broker=True)

    assert names
    assert revoked == [f"gw-{CANARY}", *names]


def test_the_command_tells_what_went_and_what_stays(blue):
    team = make_tenant_with_everything(blue)
    out = io.StringIO()

    call_command("tenant_delete", CANARY, confirm=team.tenant.name, without_broker=True, stdout=out)

    assert f"left on the broker: gw-{CANARY}" in out.getvalue()
    assert "telemetry_sample: 7" in out.getvalue()
    assert "is deleted" in out.getvalue()


def test_the_trail_of_another_tenant_is_whole(blue, now):
    record_event(action="role.created", now=now, tenant_id=blue.tenant.id)
    team = make_tenant_with_everything(blue)
    before = list(AuditEvent.objects.filter(tenant_id=blue.tenant.id).order_by("id").values())

    delete(team.tenant)

    assert (
        list(AuditEvent.objects.filter(tenant_id=blue.tenant.id).order_by("id").values()) == before
    )


def test_tables_are_emptied_before_what_they_refer_to():
    order = [model._meta.label for model, _column in owned_columns()]

    assert order.index("devices.Channel") < order.index("devices.Device")
    assert order.index("devices.Device") < order.index("devices.Gateway")
    assert order.index("accounts.Membership") < order.index("accounts.Role")
