"""The history of changes: written by the database, for whoever changes a row."""

import json
import uuid

import pytest
from celery import shared_task
from django.apps import apps
from django.db import InternalError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts import unattended
from accounts.models import ApiKey, Tenant
from accounts.models.history import Change
from accounts.queries.history import history_of, tracked
from accounts.rbac.registry import CODES
from accounts.services.keys import create_key
from accounts.services.tenants import delete_tenant
from accounts.tenancy import TenantScopeMissing, all_tenants
from devices.models import Device, Gateway, Site
from energy.checks import own_models
from tests.conftest import make_team
from tests.factories import ChannelFactory, DeviceFactory, GatewayFactory, SiteFactory

# What nobody edits: written by machines, made once and then only ended (an event of the audit
# trail), or history itself.
NOT_TRACKED = {
    "accounts.AuditEvent",
    "alarms.Alarm",
    "alarms.AlarmEvent",
    "alarms.AlarmRuleVersion",
    "alarms.DeviceEventNote",
    "alarms.DeliveryAttempt",
    "alarms.InAppNote",
    "alarms.Notification",
    "alarms.NotificationMessage",
    "alarms.PushSubscription",
    "alarms.WatchState",
    "automation.AutomationEventNote",
    "automation.AutomationRuleVersion",
    "automation.DemandWindow",
    "automation.Execution",
    "automation.ExecutionStep",
    "automation.RuleState",
    "automation.ZonePhase",
    "charging.ChargingEvent",
    "charging.ChargingSession",
    "charging.EventSubscriber",
    "devices.ActuatorState",
    "devices.BrokerChange",
    "devices.Campaign",
    "devices.CampaignTarget",
    "devices.CertificateAuthority",
    "devices.Claim",
    "devices.Command",
    "devices.CommandBatch",
    "devices.CommandBatchItem",
    "devices.CommandSecret",
    "devices.DeviceCertificate",
    "devices.DeviceConfiguration",
    "devices.DeviceEvent",
    "devices.DeviceTransfer",
    "devices.EmergencyStop",
    "devices.FirmwareKey",
    "devices.FirmwareRelease",
    "devices.FirmwareSigner",
    "devices.GatewayShareToken",
    "devices.LiveEvent",
    "devices.OnboardingToken",
    "devices.OutboundMessage",
    "devices.PendingDevice",
    "devices.PendingZigbeeClaim",
    "devices.PortLease",
    "devices.PublishedRelease",
    "devices.ReportedConfiguration",
    "devices.RevokedCertificate",
    "devices.ShutOut",
    "devices.ZigbeeBridge",
    "devices.ZigbeeNode",
    "devices.ZoneLease",
    "metering.Checkpoint",
    "metering.CostLine",  # keeps its revisions itself
    "metering.CostMonth",  # sums of lines
    "metering.CostState",
    "metering.IntervalReading",  # keeps its revisions itself
    "metering.LedgerDecision",
    "metering.LedgerMark",
    "metering.LedgerState",
    "metering.PastReading",
    "metering.Price",  # keeps what it replaced
    "metering.RegisterDay",
    "metering.TariffVersion",  # never changed
    "reports.Delivery",
    "reports.Recipient",  # its answers are audit events
    "reports.ReportRun",
    "telemetry.ChangedWindow",
    "telemetry.DirtyMark",
    "telemetry.ChannelDay",
    "telemetry.DeletedChannel",
    "telemetry.DeviceSequence",
    "telemetry.ExportJob",
    "telemetry.ImportJob",
    "telemetry.ImportProblem",
    "telemetry.LatestValue",
    "telemetry.PackedDay",
    "telemetry.RejectedMessage",
    "telemetry.Rollup15m",
    "telemetry.RollupDay",
    "telemetry.RollupZone",
    "telemetry.Sample",
    "telemetry.SampleCorrection",
    "telemetry.SamplePartition",
    "telemetry.SequenceGap",
    "telemetry.StorageJob",
    "telemetry.WatchedChannel",
    # the audit trail tells formulas and inputs; the reactor writes the rest
    "telemetry.VirtualChannel",
    "telemetry.VirtualInput",
}


@pytest.fixture
def site(red):
    with red.scope():
        return SiteFactory(tenant=red.tenant, name="Izmir plant")


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def rows_of(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def rows_with(table, text):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} e WHERE e::text LIKE %s", [f"%{text}%"])
        return cursor.fetchone()[0]


def changes(entries):
    return [(e.kind, {f.name: (f.old, f.new) for f in e.fields}) for e in entries]


def test_everything_that_people_edit_is_tracked():
    names = {
        model._meta.label
        for model in own_models()
        if not issubclass(model, Change) and not model._meta.auto_created
    }
    kept = {model.pgh_tracked_model._meta.label for model in tracked().values()}

    assert names - NOT_TRACKED == kept


def test_sql_by_hand_is_recorded(red, site):
    run("UPDATE devices_site SET name = 'Bursa plant' WHERE id = %s", site.id)

    with red.scope():
        update, insert = history_of(site)
    assert changes([update]) == [("update", {"name": ("Izmir plant", "Bursa plant")})]
    assert insert.kind == "insert"
    assert (update.who, update.origin.kind, update.request_id) == ("database", "database", "")


def test_a_chain_of_changes_tells_each_step(red, site):
    for name in ("B", "C"):
        run("UPDATE devices_site SET name = %s WHERE id = %s", name, site.id)
    run("DELETE FROM devices_site WHERE id = %s", site.id)

    with red.scope():
        entries = changes(history_of(site))
    assert [kind for kind, _fields in entries] == ["delete", "update", "update", "insert"]
    assert entries[0][1]["name"] == ("C", None)
    assert entries[1][1] == {"name": ("B", "C")}
    assert entries[2][1] == {"name": ("Izmir plant", "B")}
    assert entries[3][1]["name"] == (None, "Izmir plant")


def test_rows_that_are_older_than_their_history_tell_what_they_were(red, site):
    run("ALTER TABLE devices_sitechange DISABLE TRIGGER USER")
    run("DELETE FROM devices_sitechange")
    run("ALTER TABLE devices_sitechange ENABLE TRIGGER USER")

    with red.scope():
        Site.objects.update(name="New")
        assert changes(history_of(site)) == [("update", {"name": ("Izmir plant", "New")})]


def test_presence_is_no_change(red, site, now):
    with red.scope():
        gateway = GatewayFactory(site=site)
        device = DeviceFactory(gateway=gateway)
        before = rows_of("devices_gatewaychange"), rows_of("devices_devicechange")
        for seconds in range(50):
            at = now + timezone.timedelta(seconds=seconds)
            status = ("online", "offline")[seconds % 2]
            for model in (Gateway, Device):
                model.objects.update(
                    last_seen_at=at, reported_status=status, reported_status_at=at,
                    offline_since=at, firmware_version=str(seconds), updated_at=at,
                )  # fmt: skip

        assert (rows_of("devices_gatewaychange"), rows_of("devices_devicechange")) == before
        Device.objects.update(name="Renamed", last_seen_at=now)
        assert changes(history_of(device)[:1])[0][1] == {"name": (device.name, "Renamed")}


def test_use_of_keys_and_sign_ins_is_no_change(red, now):
    with red.scope():
        key = ApiKey.objects.create(tenant=red.tenant, name="x", prefix="p", hashed="h")
        ApiKey.objects.update(last_used_at=now)
        assert len(history_of(key)) == 1
    type(red.owner).objects.filter(pk=red.owner.pk).update(token_version=9, last_login=now)
    assert len(history_of(red.owner, for_staff=True)) == 1


def test_secrets_are_not_kept(red, now):
    red.owner.set_password("kanarya-password-1")
    red.owner.save()
    with red.scope():
        made = create_key(
            name="meter", codes=["read:device"], expires_at=None, created_by=red.owner,
            editor_codes=CODES, now=now,
        )  # fmt: skip
        row = ApiKey.objects.get(prefix=made.key.prefix)
    secrets = [red.owner.password, row.hashed, str(made.secret), str(made.secret)[-20:]]

    for event_model in tracked().values():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT coalesce(string_agg(e::text, ' '), '')"
                           f" FROM {event_model._meta.db_table} e")  # fmt: skip
            text = cursor.fetchone()[0]
        assert not any(secret in text for secret in secrets)


def test_no_table_keeps_a_column_that_sounds_like_a_secret():
    suspicious = ("hash", "password", "secret", "token", "private", "sealed")
    found = [
        f"{model._meta.label}.{field.name}"
        for model in tracked().values()
        for field in model._meta.local_fields
        if any(word in field.name for word in suspicious)
    ]

    assert found == []


REFUSED = (InternalError, ProgrammingError)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {0} SET pgh_label = 'insert'",
        "DELETE FROM {0}",
        "DELETE FROM {0} WHERE set_config('energy.erasing', tenant_id::text, true) <> ''",
    ],
)
def test_history_cannot_be_rewritten(red, site, statement):
    with pytest.raises(REFUSED, match="never changed or deleted"), transaction.atomic():
        run(statement.format("devices_sitechange"))


def test_every_table_refuses(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger"
            " WHERE tgname ~ '^pgtrigger_(append_only|no_truncate)_' GROUP BY 1"
        )
        guards = dict(cursor.fetchall())

    assert guards == {model._meta.db_table: 2 for model in tracked().values()}


def test_no_table_can_be_emptied(red, site):
    run("ALTER TABLE devices_sitechange ENABLE TRIGGER USER")  # conftest turns one off

    with pytest.raises(REFUSED), transaction.atomic():
        run("TRUNCATE devices_sitechange")


def test_what_is_older_than_two_years_may_go(red, site):
    run("ALTER TABLE devices_sitechange DISABLE TRIGGER USER")
    run("UPDATE devices_sitechange SET pgh_created_at = now() - interval '25 months'")
    run("ALTER TABLE devices_sitechange ENABLE TRIGGER USER")
    run("UPDATE devices_site SET name = 'New'")

    assert run("DELETE FROM devices_sitechange WHERE pgh_label = 'insert'") == 1
    with pytest.raises(REFUSED), transaction.atomic():
        run("DELETE FROM devices_sitechange")


def test_nobodys_rows_go_in_the_name_of_another_object(red, site):
    for name in (uuid.uuid4(), site.id, red.tenant.id):
        with pytest.raises(REFUSED), transaction.atomic():
            run("SELECT set_config('energy.erasing', %s, true)", str(name))
            run("DELETE FROM devices_sitechange")


def test_history_outlives_the_object_and_goes_with_its_tenant(red, blue, site):
    team = make_team("green")
    with team.scope():
        theirs = SiteFactory(tenant=team.tenant)
        ChannelFactory(device=DeviceFactory(site=theirs, gateway=None))
    with blue.scope():
        SiteFactory(tenant=blue.tenant).delete()

    list(
        delete_tenant(
            tenant=Tenant.objects.get(pk=team.tenant.id), now=timezone.now(),
            confirmed_name=team.tenant.name, has_broker=False,
        )
    )  # fmt: skip

    left = {m: rows_with(m._meta.db_table, team.tenant.id) for m in tracked().values()}
    assert not any(left.values()), left
    assert rows_of("devices_sitechange") == 3  # red's, and of blue both


def test_a_persons_history_goes_with_the_person(red):
    team = make_team("green")
    team.owner.name = "kanarya"
    team.owner.save()
    assert rows_with("accounts_userchange", "owner@green.example") == 2

    list(
        delete_tenant(
            tenant=team.tenant, now=timezone.now(), confirmed_name=team.tenant.name,
            has_broker=False,
        )
    )  # fmt: skip

    assert rows_with("accounts_userchange", "green.example") == 0
    assert rows_with("accounts_userchange", "owner@red.example") == 1
    with pytest.raises(REFUSED), transaction.atomic():
        run("SELECT set_config('energy.erasing', %s, true)", str(red.owner.pk))
        run("DELETE FROM accounts_userchange WHERE pgh_obj_id = %s", red.owner.pk)


def test_it_is_limited_to_the_tenant_in_scope(red, blue, site):
    event_model = apps.get_model("devices", "SiteChange")

    with blue.scope():
        assert event_model.objects.count() == 0
        assert history_of(site) == []
    with pytest.raises(TenantScopeMissing):
        event_model.objects.count()
    with all_tenants():
        assert event_model.objects.count() == 1


@shared_task(name="probe.rename_site")
def rename(site_id):
    run("UPDATE devices_site SET name = 'By a task' WHERE id = %s", site_id)


def test_tasks_are_named(red, site):
    rename.apply(args=[str(site.id)])
    run("UPDATE devices_site SET name = 'By hand' WHERE id = %s", site.id)

    with red.scope():
        by_hand, by_task = history_of(site)[:2]
    assert (by_task.who, by_task.origin.what) == ("system", "probe.rename_site")
    assert by_hand.who == "database"


def test_commands_are_named(red, site, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/srv/energy/manage.py", "seed_demo", "--out", "x"])
    unattended._connected(connection)
    run("UPDATE devices_site SET name = 'By a command' WHERE id = %s", site.id)
    monkeypatch.undo()
    unattended._say(connection)

    with red.scope():
        entry = history_of(site)[0]
    assert (entry.who, entry.origin.what) == ("system", "seed_demo")


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["manage.py", "rbac_sync"], "rbac_sync"),
        (["./manage.py"], ""),
        (["/x/bin/celery", "-A", "energy", "worker"], "celery"),
        (["/x/bin/daphne", "energy.asgi:application"], ""),
        ([], ""),
    ],
)
def test_the_command_line_names_the_command(argv, command):
    assert unattended.command_of(argv) == command


def test_a_request_names_person_tenant_and_route(red, site, client_for):
    browser = client_for(red.owner)
    answer = browser.post(
        f"/admin/devices/site/{site.id}/change/",
        {"name": "By Ada", "timezone": "UTC", "currency": "TRY", "address": ""},
        headers={"X-Request-ID": "req-4711"},
    )

    assert answer.status_code == 302
    with red.scope():
        entry = history_of(site)[0]
        context = apps.get_model("devices", "SiteChange").objects.latest("pgh_id").pgh_context
    assert entry.who == red.owner.email
    assert entry.request_id
    assert context["tenant"] == str(red.tenant.id)
    assert context["url"].startswith("POST /admin/devices/site/<path:object_id>/change/")
    assert str(site.id) not in json.dumps(context)
