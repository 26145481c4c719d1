"""The first page of the admin tells staff what the fleet and the pipeline are doing."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Claim, Device, Gateway, OutboundMessage, PendingDevice
from devices.presence import Presence, presence_of
from devices.queries_gateways import EMPTY_GATEWAY_INTERVAL_SECONDS, with_gateway_presence
from energy.dashboard import (
    Pipeline,
    PresenceCounts,
    read_fleet,
    read_pipeline,
)
from energy.lib import heartbeat
from energy.lib import redis as redis_clients
from energy.lib.redis import ephemeral, key
from telemetry.ingest.rate import count_samples
from tests.factories import (
    NOW,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    RejectedMessageFactory,
    SiteFactory,
    TenantFactory,
    UserFactory,
)
from tests.isolation.fill import make_row
from tests.pki.rows import make_certificate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

CLOSED_PORT = "redis://127.0.0.1:1/0"


def seen(model: type, obj, seconds_ago: float | None, **fields: object) -> None:
    """Set when something was last heard."""
    at = None if seconds_ago is None else NOW - dt.timedelta(seconds=seconds_ago)
    with tenant_scope(obj.tenant_id):
        model.objects.filter(pk=obj.pk).update(last_seen_at=at, **fields)


def page_of(client: Client) -> str:
    response = client.get("/admin/")
    assert response.status_code == 200
    return response.content.decode()


def test_counts_presence_by_tenant():
    busy, calm = TenantFactory(name="Busy"), TenantFactory(name="Calm")
    profile = DeviceProfileFactory(expected_interval_seconds=60)
    for tenant, silences in ((busy, (1, 91, 121, None)), (calm, (1,))):
        gateway = GatewayFactory(tenant=tenant)
        seen(Gateway, gateway, 1)
        for seconds in silences:
            seen(Device, DeviceFactory(gateway=gateway, profile=profile), seconds)

    with all_tenants():
        fleet = read_fleet(now=NOW)

    assert [tenant.name for tenant in fleet.tenants] == ["Busy", "Calm"]
    assert fleet.tenants[0].devices == PresenceCounts(online=1, late=1, offline=1, silent=1)
    assert fleet.tenants[0].gateways == PresenceCounts(online=1)
    assert fleet.devices == PresenceCounts(online=2, late=1, offline=1, silent=1)
    assert fleet.devices.total == 5


@pytest.mark.parametrize("silence", [None, 0, 14, 16, 119, 121, 1349, 1351, 1801])
@pytest.mark.parametrize("interval", [None, 10, 900])
def test_a_gateway_is_judged_by_its_most_frequent_device(interval: int | None, silence: int | None):
    gateway = GatewayFactory()
    if interval:
        for seconds in (interval, interval * 4):
            profile = DeviceProfileFactory(expected_interval_seconds=seconds)
            DeviceFactory(gateway=gateway, profile=profile)
    seen(Gateway, gateway, silence)

    with all_tenants():
        found = with_gateway_presence(Gateway.objects.all(), now=NOW).get()

    assert Presence(found.presence) == presence_of(
        now=NOW,
        last_seen_at=found.last_seen_at,
        reported_status=found.reported_status,
        expected_interval_seconds=interval or EMPTY_GATEWAY_INTERVAL_SECONDS,
    )


def test_counts_open_rejected_messages_by_reason():
    for reason, count in (("late", 5), ("bad", 2), ("bad", 3)):
        RejectedMessageFactory(reason=reason, count=count)
    RejectedMessageFactory(reason="done", state="discarded")

    with all_tenants():
        fleet = read_fleet(now=NOW)

    assert [(r.reason, r.messages, r.times) for r in fleet.reasons] == [
        ("bad", 2, 5),
        ("late", 1, 5),
    ]
    assert fleet.rejected == 3
    assert len(fleet.newest_rejected) == 3


def test_counts_what_waits_by_tenant(red_fleet, blue_fleet):
    now = timezone.now()
    box = DeviceFactory(tenant=red_fleet.team.tenant, gateway=None)
    for days in (10, 29, 31, -1):
        make_certificate(box, not_after=now + dt.timedelta(days=days))
    make_certificate(box, not_after=now + dt.timedelta(days=9), revoked_at=now)
    claim = make_row(Claim)
    make_row(OutboundMessage)
    make_row(PendingDevice)

    with all_tenants():
        OutboundMessage.objects.update(not_before=now - dt.timedelta(seconds=90))
        queues = read_fleet(now=now).queues

    assert [(q.name, q.certificates, q.claims) for q in queues.tenants[:1]] == [
        ("Red Energy", 2, 0)
    ]
    assert (queues.certificates, queues.claims, queues.unclaimed) == (2, 1, 1)
    assert claim.tenant_id in {queue.id for queue in queues.tenants}
    assert (queues.outbox, queues.is_late) == (1, True)
    assert queues.oldest_seconds == pytest.approx(90)


def test_what_waits_leads_to_its_rows(admin_client: Client, red_fleet):
    box = DeviceFactory(tenant=red_fleet.team.tenant, gateway=None)
    soon, late = (
        make_certificate(box, common_name=name, not_after=timezone.now() + dt.timedelta(days=days))
        for name, days in (("ends-soon", 10), ("ends-late", 99))
    )
    free, claim = make_row(PendingDevice), make_row(Claim)
    page = page_of(admin_client)
    own = f"tenant__id__exact={red_fleet.team.tenant.pk}"

    def behind(path: str) -> str:
        assert path.replace("&", "&amp;") in page
        return admin_client.get(path).content.decode()

    certificates = behind(f"/admin/devices/devicecertificate/?{own}&ends=30")
    assert soon.serial in certificates
    assert late.serial not in certificates
    boxes = behind("/admin/devices/pendingdevice/?held=no")
    assert free.hardware_id in boxes
    assert claim.pending.hardware_id not in boxes
    states = f"tenant__id__exact={claim.tenant_id}&state__in=claimed,ready,delivered"
    assert claim.hardware_id in behind(f"/admin/devices/claim/?{states}")
    behind("/admin/devices/outboundmessage/")


def test_shows_an_empty_platform(admin_client: Client):
    page = page_of(admin_client)

    assert "There is no tenant yet" in page
    assert "No message has arrived yet" in page
    assert "Everything that arrived could be stored" in page
    assert "0 samples in the last hour" in page


def test_costs_the_same_at_any_size(admin_client: Client):
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(admin_client)
        return len(queries)

    page_of(admin_client)
    empty = count_queries()
    for _ in range(4):
        site = SiteFactory()
        DeviceFactory.create_batch(3, gateway=GatewayFactory(site=site))
        RejectedMessageFactory()

    assert count_queries() == empty


def test_every_number_leads_to_the_rows_behind_it(admin_client: Client, red_fleet, blue_fleet):
    RejectedMessageFactory(reason="bad & worse")
    page = page_of(admin_client)
    fleet = page[page.index('class="fleet"') :]
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"]+)"', fleet)}

    own = f"tenant__id__exact={red_fleet.team.tenant.pk}"
    assert f"/admin/devices/device/?{own}&presence=silent" in links
    assert f"/admin/devices/gateway/?{own}&presence=online" in links
    assert "/admin/telemetry/rejectedmessage/?state__exact=open&reason=bad%20%26%20worse" in links
    assert len(links) > 20
    for link in links:
        response = admin_client.get(link)
        assert response.status_code == 200, link
    behind = admin_client.get(f"/admin/devices/device/?{own}&presence=silent").content.decode()
    assert "red-1" in behind
    assert "blue-1" not in behind


def test_tells_the_rate_of_the_last_hour(redis):
    for minutes_ago in range(1, 6):
        count_samples(redis, 100 * minutes_ago, now=NOW.timestamp() - 60 * minutes_ago)

    pipeline = read_pipeline(now=NOW)

    assert pipeline.samples_per_minute == 300
    assert pipeline.samples_last_hour == 1500
    assert [bar.height for bar in pipeline.bars[-5:]] == [40, 32, 24, 16, 8]


def test_a_minute_with_one_sample_is_visible_beside_a_busy_one():
    bars = Pipeline([1, 100_000, 0], None, None).bars

    assert [bar.height for bar in bars] == [1, 40, 0]


def test_tells_how_far_readers_are_behind(redis):
    now_ms = int(NOW.timestamp() * 1000)
    for seconds_ago in (30, 20, 10):
        redis.xadd(key("ingest.0"), {"m": b"x"}, id=f"{now_ms - seconds_ago * 1000}-0")
    redis.xgroup_create(key("ingest.0"), "ingest", id="0")
    redis.xreadgroup("ingest", "1", {key("ingest.0"): ">"}, count=1)

    (stream,) = read_pipeline(now=NOW).streams

    assert (stream.group, stream.waiting, stream.in_work) == ("ingest", 2, 1)
    assert stream.behind_seconds == pytest.approx(30)


def test_a_reader_that_has_read_everything_is_not_behind(redis):
    entry = redis.xadd(key("samples"), {"b": b"x"})
    redis.xgroup_create(key("samples"), "live", id="0")
    redis.xreadgroup("live", "1", {key("samples"): ">"})
    redis.xack(key("samples"), "live", entry)

    (stream,) = read_pipeline(now=NOW).streams

    assert (stream.waiting, stream.in_work, stream.behind_seconds) == (0, 0, 0.0)


def test_a_reader_is_behind_by_its_oldest_unread_entry_not_by_its_last_read(redis):
    """After an hour of silence the first new entry makes nobody an hour late."""
    now_ms = int(NOW.timestamp() * 1000)
    redis.xadd(key("samples"), {"b": b"x"}, id=f"{now_ms - 3_600_000}-0")
    redis.xgroup_create(key("samples"), "live", id="$")
    redis.xadd(key("samples"), {"b": b"x"}, id=f"{now_ms - 1000}-0")

    (stream,) = read_pipeline(now=NOW).streams

    assert stream.behind_seconds == pytest.approx(1)


def test_lists_processes_that_run_stopped_or_never_started():
    now = NOW.timestamp()
    beats = {"listener:1": now - 1, "ingest:2": now - 60, "poller:x": now - 200_000}
    ephemeral().hset(key("heartbeats"), mapping=beats)

    processes = {process.label: process for process in read_pipeline(now=NOW).processes}

    assert processes["MQTT listener"].is_alive
    assert not processes["Ingest worker"].is_alive
    assert processes["Ingest worker"].instance == "2"
    assert processes["Live reactor"].seen_at is None
    assert "poller" not in processes


def test_shows_a_running_process(admin_client: Client):
    heartbeat.beat("listener", "overview", now=time.time())

    assert "running" in page_of(admin_client)


@pytest.mark.parametrize(
    ("server", "message"),
    [("REDIS_DURABLE_URL", "durable Redis"), ("REDIS_EPHEMERAL_URL", "ephemeral Redis")],
)
def test_stays_up_while_a_redis_is_down(admin_client: Client, settings, server: str, message: str):
    setattr(settings, server, CLOSED_PORT)
    redis_clients.durable.cache_clear()
    redis_clients.ephemeral.cache_clear()
    try:
        page = page_of(admin_client)
    finally:
        redis_clients.durable.cache_clear()
        redis_clients.ephemeral.cache_clear()

    assert f"The {message} does not answer" in page


def test_staff_without_the_permissions_see_no_figures(client_for):
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_device"))

    page = page_of(client_for(looker))

    assert 'class="fleet"' not in page
    assert "/admin/devices/device/" in page
    assert "/admin/accounts/tenant/" not in page
