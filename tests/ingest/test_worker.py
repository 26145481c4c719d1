"""From the stream to committed rows, on PostgreSQL and Redis."""

import datetime as dt
import random

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Gateway
from energy.lib.redis import key
from telemetry.ingest.batch import decode_stored, to_microseconds
from telemetry.models import LatestValue, RejectedMessage, RejectedState
from telemetry.quality import Quality
from telemetry.services.rejected import replay_rejected
from tests.factories import DeviceFactory, DeviceProfileFactory, GatewayFactory
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


def latest(bench: Bench) -> dict[str, tuple[float | None, dt.datetime | None]]:
    """Return channel name → (value, time)."""
    with all_tenants():
        rows = LatestValue.objects.select_related("channel")
        return {row.channel.name: (row.value, row.time) for row in rows}


def test_stores_a_reading_in_canonical_units(bench):
    bench.send({"ts": T0, "values": {"power": 1500, "voltage_l1": 231.5}})
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, 1.5, 0), ("voltage_l1", 0, 231.5, 0)]
    assert latest(bench) == {"active_power_net": (1.5, START), "voltage_l1": (231.5, START)}
    assert bench.reasons() == []


def test_never_converts_twice_on_replay(bench):
    for _ in range(3):
        bench.send({"ts": T0, "values": {"power": 1500}})
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, 1.5, 0)]


def test_rounds_to_the_places_that_the_channel_stores(bench):
    with all_tenants():
        Channel.objects.filter(name="voltage_l1").update(stored_decimals=1)
    reading = {"ts": T0, "values": {"voltage_l1": 230.10000610351562}}
    bench.send(reading, reading)
    bench.drain()

    assert bench.samples() == [("voltage_l1", 0, 230.1, 0)]
    assert bench.reasons() == []


def test_keeps_an_implausible_value_as_bad(bench):
    bench.send({"ts": T0, "values": {"voltage_l1": 2315}})
    bench.drain()

    assert bench.samples() == [("voltage_l1", 0, 2315.0, Quality.BAD)]


def test_late_rows_fill_history_and_leave_the_latest_value(bench):
    bench.send({"ts": T0, "values": {"power": 1000}})
    bench.drain()
    bench.send({"ts": T0 - 3 * 86_400, "values": {"power": 500}})
    bench.drain()

    assert [row[1] for row in bench.samples()] == [-3 * 86_400, 0]
    assert latest(bench)["active_power_net"] == (1.0, START)


def test_any_order_and_repetition_gives_the_same_tables(bench):
    messages = [{"ts": T0 + n, "values": {"power": n * 10, "voltage_l1": 230}} for n in range(60)]
    shuffled = messages * 3
    random.Random(7).shuffle(shuffled)
    bench.now = START + dt.timedelta(minutes=2)

    for start in range(0, len(shuffled), 25):
        bench.send(*shuffled[start : start + 25])
    bench.drain()

    power = [(row[1], row[2]) for row in bench.samples() if row[0] == "active_power_net"]
    assert power == [(n, n / 100) for n in range(60)]
    assert latest(bench)["active_power_net"][0] == pytest.approx(0.59)
    assert bench.reasons() == []


def test_a_different_value_for_a_stored_time_is_kept_as_rejected(bench):
    bench.send({"ts": T0, "values": {"power": 1000, "voltage_l1": 230}})
    bench.drain()
    bench.send({"ts": T0, "values": {"power": 2000, "voltage_l1": 230}})
    bench.drain()

    assert bench.samples()[0] == ("active_power_net", 0, 1.0, 0)
    assert bench.reasons() == ["conflicting_value"]


def test_one_bad_message_leaves_its_batch_mates_alone(bench):
    bench.send(
        {"ts": T0, "values": {"power": 1}},
        b"\x00\x01garbage",
        {"ts": T0 + 86_400, "values": {"power": 1}},
        {"ts": T0 + 1, "values": {"power": "much", "voltage_l1": 230}},
        {"ts": T0 + 2, "values": {"power": 3}},
    )
    bench.drain()

    assert [(row[0], row[1]) for row in bench.samples()] == [
        ("active_power_net", 0),
        ("active_power_net", 2),
        ("voltage_l1", 1),
    ]
    assert bench.reasons() == ["bad_payload", "not_a_number", "time_in_future"]
    assert bytes(RejectedMessage.objects.get(reason="bad_payload").payload) == b"\x00\x01garbage"


def test_a_message_that_breaks_our_own_code_is_isolated(bench, monkeypatch):
    from telemetry.ingest import reading

    honest = reading.Collector.add

    def break_on_marker(self, index, envelope, source):
        if b"marker" in envelope.payload:
            raise ZeroDivisionError("planted")
        honest(self, index, envelope, source)

    monkeypatch.setattr(reading.Collector, "add", break_on_marker)
    bench.send(
        {"ts": T0, "values": {"power": 1}}, {"ts": T0, "marker": 1}, {"ts": T0 + 1, "power": 2}
    )
    bench.drain()

    assert len(bench.samples()) == 2
    assert bench.reasons() == ["internal_error"]


def test_cut_json_is_stored_as_uncertain_and_kept(bench):
    bench.send(b'{"ts":%d,"values":{"power":1000,"voltage_l1":23' % T0)
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, 1.0, Quality.UNCERTAIN)]
    assert bench.reasons() == ["partial_json"]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("{prefix}/data/device/nobody", "unknown_device"),
        ("tenant/{foreign}/gw/gw-1/data/device/meter-1", "foreign_tenant"),
        ("tenant/{own}/gw/gw-9/telemetry", "unknown_gateway"),
        ("{prefix}/data/device/timeseries", "reserved_segment"),
        ("devices/{device}/power", "unknown_device"),
        ("something/else", "unknown_topic"),
    ],
)
def test_refuses_who_may_not_send(bench, blue, topic, reason):
    topic = topic.format(
        prefix=bench.prefix,
        foreign=blue.tenant.id,
        own=bench.team.tenant.id,
        device=bench.device.id,
    )

    bench.send({"ts": T0, "values": {"power": 1}}, topic=topic)
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == [reason]


def test_a_gateway_of_another_tenant_cannot_write_into_ours(bench, blue):
    with blue.scope():
        foreign = GatewayFactory(tenant=blue.tenant, uid="gw-blue")
        DeviceFactory(tenant=blue.tenant, site=foreign.site, gateway=foreign, uid="meter-1")

    bench.send(
        {"ts": T0, "values": {"power": 1}},
        topic=f"tenant/{bench.team.tenant.id}/gw/gw-blue/data/device/meter-1",
    )
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == ["foreign_tenant"]


def test_an_unknown_metric_becomes_a_discovered_channel(bench):
    bench.send({"ts": T0, "values": {"power": 1000, "Boiler Temp": 61.5}})
    bench.drain()

    with all_tenants():
        channel = Channel.objects.get(device=bench.device, source="Boiler Temp")
    assert channel.is_discovered
    assert [row[2] for row in bench.samples()] == [1.0, 61.5]


def test_a_profile_may_refuse_unknown_metrics(bench):
    profile = DeviceProfileFactory(accepts_unknown=False)
    with bench.team.scope():
        Device.objects.filter(id=bench.device.id).update(profile=profile)

    bench.send({"ts": T0, "values": {"power": 1000, "mystery": 1}})
    bench.drain()

    assert [row[0] for row in bench.samples()] == ["active_power_net"]
    assert bench.reasons() == ["unknown_metric"]


def test_the_payload_may_name_the_devices_of_its_gateway(bench):
    bench.send(
        [
            {"ts": T0, "device": "meter-1", "values": {"power": 1000}},
            {"ts": T0, "device": "nobody", "values": {"power": 1000}},
        ],
        topic=f"{bench.prefix}/data/timeseries",
    )
    bench.send(
        {"ts": T0 + 1, "devices": {"meter-1": {"power": 2000}}}, topic=f"{bench.prefix}/telemetry"
    )
    bench.drain()

    assert [row[2] for row in bench.samples()] == [1.0, 2.0]
    assert bench.reasons() == ["unknown_device"]


def test_a_device_that_only_payloads_name_is_present(bench):
    bench.send(
        [{"ts": T0, "device": "meter-1", "values": {"power": 1000}}],
        topic=f"{bench.prefix}/data/timeseries",
    )
    bench.drain()

    with all_tenants():
        assert Device.objects.get(id=bench.device.id).last_seen_at == START


def test_a_direct_device_sends_a_metric_a_topic(bench):
    with bench.team.scope():
        direct = DeviceFactory(tenant=bench.team.tenant, site=bench.device.site, gateway=None)

    bench.send(b"21.5", topic=f"devices/{direct.id}/air_temp")
    bench.send({"value": 22.5, "ts": T0 + 60}, topic=f"devices/{direct.id}/air_temp")
    bench.drain()

    assert [(row[1], row[2]) for row in bench.samples()] == [(0, 21.5), (60, 22.5)]


def test_a_status_report_moves_presence(bench):
    bench.send({"status": "online", "fw": "2.4"}, topic=f"{bench.prefix}/reported/status")
    bench.send(b"nonsense", topic=f"{bench.prefix}/reported/status")
    bench.drain()

    with all_tenants():
        gateway = Gateway.objects.get(uid="gw-1")
    assert (gateway.reported_status, gateway.firmware_version) == ("online", "2.4")
    assert gateway.last_seen_at == START
    assert bench.reasons() == ["bad_status"]


def test_hands_the_stored_batch_to_the_reactors(bench):
    bench.send({"ts": T0, "values": {"power": 1000}}, {"ts": T0 - 60, "values": {"power": 2000}})
    bench.drain()

    [(_, fields)] = bench.redis.xrange(key("samples"))
    batch = decode_stored(fields[b"b"])
    assert batch.samples()["value"].tolist() == [2.0, 1.0]
    assert batch.is_live().tolist() == [False, True]
    assert batch.received == to_microseconds(START)


def test_takes_over_the_entries_of_a_dead_worker(bench):
    bench.send({"ts": T0, "values": {"power": 1000}})
    bench.redis.xgroup_create(bench.buffer.stream, "ingest", id="0")
    bench.redis.xreadgroup("ingest", "worker-dead", {bench.buffer.stream: ">"})
    heir = bench.make_worker("worker-heir")

    bench.redis.xclaim(
        bench.buffer.stream, "ingest", "worker-dead", 0,
        [entry for entry, _ in bench.redis.xrange(bench.buffer.stream)], idle=60_000,
    )  # fmt: skip
    while bench.redis.xlen(bench.buffer.stream):
        heir.run_once()
    heir.close()

    assert len(bench.samples()) == 1


def test_after_a_restart_finds_what_it_had_taken(bench):
    bench.send({"ts": T0, "values": {"power": 1000}})
    bench.redis.xgroup_create(bench.buffer.stream, "ingest", id="0")
    bench.redis.xreadgroup("ingest", "worker-1", {bench.buffer.stream: ">"})

    bench.worker.run_once()

    assert len(bench.samples()) == 1
    assert bench.redis.xpending(bench.buffer.stream, "ingest")["pending"] == 0


def test_an_entry_that_is_not_ours_is_kept_as_rejected(bench):
    bench.redis.xadd(bench.buffer.stream, {"m": b"\xff not packed"})
    bench.drain()

    assert len(bench.reasons()) == 1


def test_replay_after_the_cause_is_fixed_stores_the_message(bench):
    bench.send({"ts": T0, "values": {"power": 1000}}, topic=f"{bench.prefix}/data/device/meter-2")
    bench.drain()
    [rejected] = RejectedMessage.objects.all()
    with bench.team.scope():
        DeviceFactory(
            tenant=bench.team.tenant,
            site=bench.device.site,
            gateway=bench.device.gateway,
            uid="meter-2",
        )
    bench.now += dt.timedelta(minutes=10)  # the negative answer is cached for seconds only

    for _ in range(2):
        result = replay_rejected(ids=[rejected.id], now=bench.now)
        bench.drain()

    assert (result.replayed, result.failed) == (1, 0)
    assert len(bench.samples()) == 1
    rejected.refresh_from_db()
    assert rejected.state == RejectedState.REPLAYED


def test_a_replay_that_fails_again_is_open_again(bench):
    bench.send({"ts": T0, "values": {"power": 1}}, topic=f"{bench.prefix}/data/device/nobody")
    bench.drain()
    [rejected] = RejectedMessage.objects.all()

    replay_rejected(ids=[rejected.id], now=bench.now)
    bench.drain()

    rejected.refresh_from_db()
    assert (rejected.state, rejected.count) == (RejectedState.OPEN, 2)


def test_the_queries_for_a_batch_do_not_grow_with_it(bench, django_assert_max_num_queries):
    with bench.team.scope():
        for number in range(40):
            DeviceFactory(
                tenant=bench.team.tenant,
                site=bench.device.site,
                gateway=bench.device.gateway,
                uid=f"many-{number}",
            )
    for number in range(40):
        topic = f"{bench.prefix}/data/device/many-{number}"
        bench.buffer.append([bench.envelope({"ts": T0, "values": {}}, topic=topic)])

    with django_assert_max_num_queries(12):
        bench.worker.run_once()


def test_finds_entries_that_a_lost_answer_had_given_it(bench, monkeypatch):
    """A frozen Redis answers a read after the client gave up: the entries are ours, unread."""
    bench.worker.run_once()
    bench.send({"ts": T0, "values": {"power": 1000}})
    honest = type(bench.redis).xreadgroup

    def lose_the_answer(self, *args, **kwargs):
        honest(self, *args, **kwargs)
        raise RedisTimeoutError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(bench.redis), "xreadgroup", lose_the_answer)
        with pytest.raises(RedisTimeoutError):
            bench.worker.run_once()

    bench.worker.run_once()

    assert len(bench.samples()) == 1
