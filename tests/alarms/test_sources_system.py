"""What the platform notices about its tenants and about itself."""

import datetime as dt
import uuid
from types import SimpleNamespace

import pytest

from accounts.models import Tenant
from accounts.services.platform_tenant import PLATFORM_TENANT_ID, platform_tenant
from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, AlarmCheck
from alarms.sources import system_platform as platform
from alarms.sources import system_tenant as tenants
from alarms.sources.checks import effective_checks, list_checks, system_words
from alarms.sources.findings import Finding, Settling
from alarms.sources.shipped import SHIPPED
from alarms.sources.watch import Watch
from devices.models import CertificateAuthority, DeviceCertificate, ModbusBus, OutboundMessage
from energy.lib import load
from energy.lib.heartbeat import beat, forget
from energy.lib.redis import key
from telemetry.ingest.buffer import PARTITION
from telemetry.ingest.publish import STREAM as SAMPLES
from telemetry.truth.models import DeviceSequence, SequenceGap
from tests.factories import NOW, DeviceFactory, RejectedMessageFactory, SiteFactory

SECOND, MINUTE, DAY = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(days=1)


def alarms(**only):
    with all_tenants():
        return list(Alarm.objects.filter(**only).order_by("raised_at", "id"))


class TestSettling:
    @pytest.fixture
    def settle(self, red):
        settling, check = Settling(), SHIPPED["queue_depth"]
        finding = Finding(red.tenant.id, "ingest", "ingest", value=12_000)

        def look(seconds, *, is_wrong):
            now = NOW + seconds * SECOND
            settling.settle(check, [finding] if is_wrong else [], now=now)

        return look

    def test_raises_what_lasts(self, settle):
        settle(0, is_wrong=True)
        settle(299, is_wrong=True)
        assert alarms() == []

        settle(300, is_wrong=True)

        [alarm] = alarms()
        assert (alarm.key, alarm.raised_at) == ("system:queue_depth:ingest", NOW)
        assert (alarm.value, alarm.limit) == (12_000, 10_000)
        assert alarm.text == "12000 packets wait in the queue; the limit is 10000."

    def test_begins_again_after_a_break(self, settle):
        settle(0, is_wrong=True)
        settle(200, is_wrong=False)
        settle(210, is_wrong=True)
        settle(400, is_wrong=True)

        assert alarms() == []

    def test_ends_what_is_over(self, settle):
        settle(0, is_wrong=True)
        settle(300, is_wrong=True)
        settle(310, is_wrong=False)

        [alarm] = alarms()
        assert (alarm.ending, alarm.cleared_at) == ("cleared", NOW + 310 * SECOND)

    def test_another_process_goes_on_with_the_same_alarm(self, settle, red):
        settle(0, is_wrong=True)
        settle(300, is_wrong=True)
        other = Settling()

        found = Finding(red.tenant.id, "ingest", "ingest", value=13_000)
        other.settle(SHIPPED["queue_depth"], [found], now=NOW + 305 * SECOND)

        assert len(alarms(ending="")) == 1
        assert alarms()[0].repeats == 0

    def test_a_process_that_cannot_tell_yet_ends_nothing(self, settle):
        settle(0, is_wrong=True)
        settle(300, is_wrong=True)

        Settling().settle(SHIPPED["queue_depth"], None, now=NOW + 301 * SECOND)

        assert len(alarms(ending="")) == 1

    def test_a_machine_ends_only_what_is_about_itself(self, red):
        check = SHIPPED["memory"]
        found = [
            Finding(red.tenant.id, f"{host}:", host, value=99, since=NOW - DAY)
            for host in ("a", "b")
        ]
        for one in found:
            Settling().settle(check, [one], now=NOW, place=one.about)

        Settling().settle(check, [], now=NOW + SECOND, place="a:")

        assert [alarm.subject for alarm in alarms(ending="")] == ["b"]

    def test_what_is_switched_off_raises_nothing(self, red):
        AlarmCheck.objects.create(code="disk", is_enabled=False)
        check = effective_checks()["disk"]

        Settling().settle(
            check, [Finding(red.tenant.id, "/", "/", value=99, since=NOW - DAY)], now=NOW
        )

        assert alarms() == []


def test_staff_change_limits(db):
    list_checks()
    AlarmCheck.objects.filter(code="disk").update(limit=70, for_seconds=0, severity="info")

    check = effective_checks()["disk"]

    assert (check.limit, check.for_seconds, check.severity) == (70, 0, "info")
    assert {row.code for row in AlarmCheck.objects.all()} == SHIPPED.keys()
    assert all(
        effective_checks()[code] == shipped for code, shipped in SHIPPED.items() if code != "disk"
    )


@pytest.mark.parametrize("code", SHIPPED)
def test_every_check_can_be_said_in_turkish(code):
    from django.utils import translation

    alarm = Alarm(source="system", code=code, title="x", text="y", value=3, limit=2)

    with translation.override("en"):
        english = system_words(alarm)
    with translation.override("tr"):
        turkish = system_words(alarm)

    assert english[0] != turkish[0]
    assert english[2] != turkish[2]


class TestTenants:
    @pytest.fixture
    def device(self, red):
        return DeviceFactory(tenant=red.tenant)

    def make_certificate(self, device, ends_at, **fields):
        authority, _ = CertificateAuthority.objects.get_or_create(
            fingerprint="f", defaults={
                "name": "CA", "certificate_pem": "", "sealed_key": "", "not_before": NOW,
                "not_after": NOW + 400 * DAY, "created_at": NOW, "is_active": False,
            },
        )  # fmt: skip
        with tenant_scope(device.tenant_id):
            return DeviceCertificate.objects.create(
                device=device, authority=authority, serial=uuid.uuid4().hex, fingerprint="f",
                key_fingerprint="k", common_name=device.uid, pem="", not_before=NOW - DAY,
                not_after=ends_at, **fields,
            )  # fmt: skip

    @pytest.mark.parametrize(
        ("days", "severity"),
        [(31, None), (29.5, "warning"), (6.5, "error"), (0.5, "critical"), (-1, "critical")],
    )
    def test_a_certificate_that_ends_is_told_of(self, device, days, severity):
        self.make_certificate(device, NOW + days * DAY)

        found = list(tenants.certificates(SHIPPED["certificate"], now=NOW))

        assert [finding.severity for finding in found] == ([severity] if severity else [])

    def test_a_renewed_or_revoked_one_is_not(self, device):
        first = self.make_certificate(device, NOW + DAY)
        self.make_certificate(device, NOW + 300 * DAY, replaces=first)
        self.make_certificate(device, NOW + DAY, revoked_at=NOW)

        assert list(tenants.certificates(SHIPPED["certificate"], now=NOW)) == []

    def test_it_gets_worse_as_one_alarm(self, device):
        self.make_certificate(device, NOW + 20 * DAY)
        settling, check = Settling(), SHIPPED["certificate"]

        for day in (0, 15, 19.5):
            now = NOW + day * DAY
            settling.settle(check, tenants.certificates(check, now=now), now=now)

        [alarm] = alarms()
        assert (alarm.severity, alarm.device_id, alarm.ending) == ("critical", device.id, "")
        with all_tenants():
            assert alarm.events.filter(kind="changed").count() == 2

    def test_each_gap_is_told_of_once(self, device):
        with tenant_scope(device.tenant_id):
            sequence = DeviceSequence.objects.create(
                device=device, boot=1, first_at=NOW, last_at=NOW
            )
            gaps = [
                SequenceGap.objects.create(
                    sequence=sequence, start=n, end=n + 4, missing=5, since=NOW - minutes * MINUTE
                )
                for n, minutes in ((10, 6), (30, 20), (50, 2))
            ]
        check = SHIPPED["sequence_gap"]

        found = list(tenants.sequence_gaps(check, now=NOW))
        assert {finding.about for finding in found} == {str(gaps[0].id), str(gaps[1].id)}
        settling = Settling()
        settling.settle(check, found, now=NOW)
        with all_tenants():
            SequenceGap.objects.filter(id=gaps[0].id).update(filled_at=NOW)
            SequenceGap.objects.filter(id=gaps[1].id).update(given_up_at=NOW)
        settling.settle(check, tenants.sequence_gaps(check, now=NOW + MINUTE), now=NOW + MINUTE)

        ends = {alarm.key.split(":")[-1]: alarm.ending for alarm in alarms()}
        assert ends == {str(gaps[0].id): "cleared", str(gaps[1].id): ""}
        assert not [
            one for one in tenants.sequence_gaps(check, now=NOW + 2 * DAY)
            if one.about == str(gaps[1].id)
        ]  # fmt: skip

    def test_many_rejected_messages_a_minute_are_told_of(self, red):
        check, rate = SHIPPED["rejected_rate"], tenants.RejectedRate()
        row = RejectedMessageFactory(tenant=red.tenant, count=500, last_received_at=NOW)

        assert rate.find(check, now=NOW) is None
        row.count += 61
        row.save()
        assert rate.find(check, now=NOW + 30 * SECOND) == []
        [found] = rate.find(check, now=NOW + MINUTE)

        assert (found.tenant_id, found.value) == (red.tenant.id, 61)
        assert rate.find(check, now=NOW + 2 * MINUTE) == []

    def test_rejected_messages_of_nobody_are_the_platforms(self, db):
        check, rate = SHIPPED["rejected_rate"], tenants.RejectedRate()
        rate.find(check, now=NOW)
        RejectedMessageFactory(tenant=None, count=100, last_received_at=NOW)

        [found] = rate.find(check, now=NOW + MINUTE)

        assert found.tenant_id == PLATFORM_TENANT_ID
        assert Tenant.objects.filter(id=PLATFORM_TENANT_ID).exists()


class TestPlatform:
    """Time is the real one here: heartbeats and streams carry it."""

    @pytest.fixture
    def clock(self, redis):
        for name in ("listener", "ingest"):
            forget(name, "1")
        return dt.datetime.now(dt.UTC)

    def test_a_silent_process_is_told_of(self, clock, db):
        beats, check = platform.Heartbeats(), SHIPPED["service_down"]
        beat("ingest", "1", now=clock.timestamp())

        assert beats.services(check, now=clock) is None  # the others may be starting
        later = clock + 121 * SECOND
        beat("listener", "1", now=later.timestamp())

        silent = {finding.about: finding for finding in beats.services(check, now=later)}
        assert "listener" not in silent
        assert silent["ingest"].since == pytest.approx(clock, abs=SECOND)
        assert "reactor_metering" in silent  # never heard since the watch began
        assert "modbus_poller" not in silent  # no bus needs it

    def test_a_silent_poller_is_told_of_where_a_bus_needs_it(self, clock, red):
        with red.scope():
            site = SiteFactory(tenant=red.tenant)
            ModbusBus.objects.create(site=site, name="Cabinet", host="10.0.0.9")
        beats, check = platform.Heartbeats(), SHIPPED["service_down"]
        assert beats.services(check, now=clock) is None
        found = beats.services(check, now=clock + 121 * SECOND)
        assert "modbus_poller" in {one.about for one in found}

    def test_a_broker_nobody_reaches_is_told_of(self, clock):
        beats, check = platform.Heartbeats(), SHIPPED["broker_down"]
        beat("broker", "1", now=clock.timestamp())
        later = clock + 61 * SECOND

        assert beats.broker(check, now=later) is None  # without a listener we cannot know
        forget("listener", "1")
        beat("listener", "1", now=later.timestamp())

        [found] = beats.broker(check, now=later)
        assert (found.about, found.value) == ("mqtt", 61)

    def test_a_long_queue_is_told_of(self, redis, clock):
        redis.xgroup_create(key(PARTITION), "ingest", id="0", mkstream=True)
        for _n in range(5):
            redis.xadd(key(PARTITION), {"d": b"x"})
        check = SHIPPED["queue_depth"]
        low = SimpleNamespace(limit=4)

        assert platform.queue_depth(check, now=clock) == []
        [found] = platform.queue_depth(low, now=clock)
        assert found.value == 5
        assert platform.queue_age(SHIPPED["queue_age"], now=clock + 200 * SECOND) == []
        [old] = platform.queue_age(SHIPPED["queue_age"], now=clock + 400 * SECOND)
        assert old.value == pytest.approx(400, abs=5)

    def test_reactors_that_are_behind_are_told_of(self, redis, clock):
        for group in ("metering", "live"):
            redis.xgroup_create(key(SAMPLES), group, id="0", mkstream=True)
        redis.xadd(key(SAMPLES), {"d": b"x"})
        later = clock + 1000 * SECOND

        assert [one.about for one in platform.ledger_lag(SHIPPED["ledger_lag"], now=later)] == [
            "metering"
        ]
        assert [one.about for one in platform.reactor_lag(SHIPPED["reactor_lag"], now=later)] == [
            "live"
        ]

    def test_rejected_messages_that_wait_are_told_of(self, db):
        for _n in range(3):
            RejectedMessageFactory()

        [found] = platform.dead_letters(SimpleNamespace(limit=2), now=NOW)

        assert found.value == 3
        assert platform.dead_letters(SHIPPED["dead_letters"], now=NOW) == []

    def test_messages_to_devices_that_wait_are_told_of(self, db):
        OutboundMessage.objects.create(topic="t", payload=b"", created_at=NOW, not_before=NOW)
        check = SHIPPED["outbox_age"]

        assert platform.outbox_age(check, now=NOW + 300 * SECOND) == []
        [found] = platform.outbox_age(check, now=NOW + 301 * SECOND)
        assert found.value == 301

    def test_slow_and_failing_answers_are_told_of(self, redis, clock, monkeypatch):
        minute = int(clock.timestamp() // 60) * 60
        monkeypatch.setattr(load, "_counter", load._Counter())
        for number in range(30):
            load.note_request(0.15, is_error=number < 3, now=minute - 50)
        load.note_request(0.15, is_error=False, now=minute - 40)  # tells what was counted
        at = dt.datetime.fromtimestamp(minute, dt.UTC)

        [slow] = platform.web_slow(SHIPPED["web_slow"], now=at)
        [failing] = platform.web_errors(SHIPPED["web_errors"], now=at)

        assert slow.value == 150
        assert failing.value == pytest.approx(9.7)
        assert platform.web_slow(SimpleNamespace(limit=150), now=at) == []
        assert platform.web_slow(SHIPPED["web_slow"], now=at + 6 * MINUTE) == []

    def test_requests_are_counted(self, redis, client, monkeypatch):
        monkeypatch.setattr(load, "_counter", load._Counter())
        client.get("/no-such-page")
        now = dt.datetime.now(dt.UTC).timestamp()

        counted = load.read_load(now=now + 60, minutes=2)

        assert (counted.requests, counted.errors) == (1, 0)

    @pytest.mark.parametrize("name", ["disk", "memory"])
    def test_the_machine_is_measured(self, name):
        look = getattr(platform, name)

        found = look(SimpleNamespace(limit=-1), now=NOW)

        assert all(0 <= one.value <= 100 for one in found)
        assert found
        assert not look(SimpleNamespace(limit=100), now=NOW)

    def test_the_processors_are_measured_from_the_second_time_on(self):
        busy, all_of_it = platform.Processors(), SimpleNamespace(limit=-1)

        assert busy.find(all_of_it, now=NOW) is None
        sum(range(3_000_000))  # some ticks must pass

        for found in busy.find(all_of_it, now=NOW) or []:
            assert 0 <= found.value <= 100


class TestWatch:
    def test_a_round_looks_at_everything(self, redis, db):
        now = dt.datetime.now(dt.UTC)
        watch = Watch()

        assert watch.round(now) == []
        assert watch.round(now + 5 * SECOND) == []

        assert AlarmCheck.objects.count() == len(SHIPPED)
        assert platform_tenant().id == PLATFORM_TENANT_ID

    def test_one_that_fails_stops_no_other(self, redis, red, monkeypatch):
        def fail(*_args, **_named):
            raise OSError("no such thing")

        monkeypatch.setattr(platform, "disk", fail)
        device = DeviceFactory(tenant=red.tenant, gateway=None, offline_since=NOW)

        assert Watch().round(dt.datetime.now(dt.UTC)) == ["disk"]

        assert [alarm.device_id for alarm in alarms(code="device_offline")] == [device.id]

    def test_two_processes_raise_each_alarm_once(self, redis, red):
        DeviceFactory(tenant=red.tenant, gateway=None, offline_since=NOW)
        now = dt.datetime.now(dt.UTC)

        for watch in (Watch(), Watch()):
            watch.round(now)

        [alarm] = alarms(code="device_offline")
        assert alarm.repeats == 0
