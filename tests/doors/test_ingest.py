"""`POST /api/v1/ingest`: every value is counted once, and what is accepted is stored."""

import datetime as dt
import gzip
import json
import uuid

import msgspec
import pytest
from redis.exceptions import OutOfMemoryError

from accounts.models import Plan, Tenant
from devices.models import Device, Lifecycle
from energy.lib import redis as redis_clients
from telemetry.doors import api, body
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.envelope import Envelope
from telemetry.models import RejectedMessage
from telemetry.services.rejected import replay_rejected
from telemetry.storage.packer import pack_days
from tests.conftest import Team
from tests.doors.conftest import Sender
from tests.factories import DeviceFactory


def values_of(meter):
    """Return (channel, value) of all samples."""
    return [(name, value) for name, _second, value, _quality in meter.samples()]


def ago(meter, seconds):
    return (meter.now - dt.timedelta(seconds=seconds)).isoformat()


def test_a_reading_arrives_in_the_stored_unit(meter, sender):
    answer = sender.ingest(
        {"device": str(meter.device.id), "ts": ago(meter, 5),
         "values": {"power": 1500, "voltage_l1": 230.5}}
    )  # fmt: skip
    assert (answer.status_code, answer.json()) == (
        202, {"accepted": 2, "duplicates": 0, "rejected": []}
    )  # fmt: skip
    meter.drain()
    assert values_of(meter) == [("active_power_net", 1.5), ("voltage_l1", 230.5)]
    assert meter.reasons() == []


@pytest.mark.parametrize("shape", ["single", "list", "samples", "named"])
def test_the_shapes(meter, sender, shape):
    item = {"device_id": str(meter.device.id), "metric": "power", "value": 900, "ts": ago(meter, 9)}
    named = {"gateway": "gw-1", "device": "meter-1", "values": {"power": 900}, "ts": ago(meter, 9)}
    document = {
        "single": item, "list": [item], "samples": {"samples": [item]}, "named": [named]
    }[shape]  # fmt: skip
    assert sender.ingest(document).json()["accepted"] == 1
    meter.drain()
    assert values_of(meter) == [("active_power_net", 0.9)]


def test_each_refusal_names_item_and_metric(meter, sender):
    device = str(meter.device.id)
    late = meter.now + dt.timedelta(minutes=10)
    answer = sender.ingest([
        {"device": device, "ts": ago(meter, 1), "values": {"power": 1, "voltage_l1": "x"}},
        {"device": str(uuid.uuid4()), "values": {"power": 1}},
        {"device": device, "ts": late.isoformat(), "values": {"power": 1}},
        {"device": device, "ts": ago(meter, 2), "values": {"power": None, "voltage_l1": 1e300}},
        {"device": device, "valeus": {"power": 1}},
        7,
        {"device": device, "values": {}},
        {"values": {"power": 1}},
        {"device": device, "ts": "yesterday", "values": {"power": 1}},
        {"device": device, "ts": 12, "values": {"power": 1}},
    ])  # fmt: skip
    found = answer.json()
    assert answer.status_code == 202
    assert (found["accepted"], found["duplicates"]) == (1, 0)
    assert [(r["index"], r["metric"], r["code"]) for r in found["rejected"]] == [
        (0, "voltage_l1", "not_a_number"),
        (1, "", "unknown_device"),
        (2, "", "time_in_future"),
        (3, "power", "null_value"),
        (3, "voltage_l1", "out_of_range"),
        (4, "", "unknown_field"),
        (5, "", "no_object"),
        (6, "", "no_values"),
        (7, "", "unknown_device"),
        (8, "", "bad_time"),
        (9, "", "time_too_old"),
    ]
    meter.drain()
    assert values_of(meter) == [("active_power_net", 0.001)]
    assert meter.reasons() == [], "what was accepted is stored"


def test_duplicates_and_conflicts_in_the_request_and_in_the_table(meter, sender):
    item = {"device": str(meter.device.id), "ts": ago(meter, 5), "values": {"power": 1000}}
    other = item | {"values": {"power": 2000}}
    first = sender.ingest([item, item, other]).json()
    assert (first["accepted"], first["duplicates"]) == (1, 1)
    assert [(r["index"], r["code"]) for r in first["rejected"]] == [(2, "conflicting_value")]
    meter.drain()

    again = sender.ingest([item, other]).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert [(r["index"], r["code"]) for r in again["rejected"]] == [(1, "conflicting_value")]
    assert meter.redis.xlen(meter.buffer.stream) == 0
    assert values_of(meter) == [("active_power_net", 1.0)]


def test_packed_days_are_known_too(meter, sender):
    item = {"device": str(meter.device.id), "ts": ago(meter, 86_400 * 20), "values": {"power": 1}}
    other = item | {"ts": ago(meter, 86_400 * 20 - 1)}
    assert sender.ingest(item).json()["accepted"] == 1
    meter.drain()
    pack_days(now=meter.now, after=dt.timedelta(days=7))
    assert meter.samples() == []
    again = sender.ingest([item, item | {"values": {"power": 2}}, other]).json()
    assert (again["accepted"], again["duplicates"]) == (1, 1)
    assert [(r["index"], r["code"]) for r in again["rejected"]] == [(1, "conflicting_value")]


def test_messagepack_and_gzip(meter, sender):
    item = {"device": str(meter.device.id), "ts": ago(meter, 5), "values": {"power": 1000}}
    packed = gzip.compress(msgspec.msgpack.encode([item]))
    answer = sender.raw(packed, "application/msgpack", **{"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 1
    plain = gzip.compress(json.dumps([item | {"ts": ago(meter, 6)}]).encode())
    assert sender.raw(plain, **{"Content-Encoding": "gzip"}).json()["accepted"] == 1


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_not_finite_is_refused(sender, number):
    answer = sender.raw(b'{"device":"x","values":{"power":' + number + b"}}")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_finite")


def test_not_finite_in_messagepack_is_refused_value_by_value(meter, sender):
    values = {"power": float("nan"), "voltage_l1": 230.0}
    item = {"device": str(meter.device.id), "values": values}
    answer = sender.raw(msgspec.msgpack.encode([item]), "application/msgpack").json()
    assert answer["accepted"] == 1
    assert [(r["metric"], r["code"]) for r in answer["rejected"]] == [("power", "not_finite")]


SPACES = gzip.compress(b" " * (17 << 20))


@pytest.mark.parametrize(
    ("sent", "headers", "status", "code"),
    [
        (b"{", {}, 400, "bad_body"),
        (b"7", {}, 400, "bad_body"),
        (b"\xff\xfe", {}, 400, "bad_body"),
        (b"[" * 100_000, {}, 400, "bad_body"),
        (b'{"device":"x","values":{"a":1,"a":2}}', {}, 400, "duplicate_key"),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "bad_gzip"),
        (gzip.compress(b"[]")[:-9], {"Content-Encoding": "gzip"}, 400, "bad_gzip"),
        (b"x", {"Content-Encoding": "br"}, 415, "unknown_encoding"),
        (SPACES, {"Content-Encoding": "gzip"}, 413, "body_too_large"),
        (b"[" + b"{}," * 10_000 + b"{}]", {}, 413, "body_too_large"),
    ],
)
def test_bodies_that_are_not_understood(sender, sent, headers, status, code):
    answer = sender.raw(sent, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_inflating_stops_at_the_bound(monkeypatch):
    monkeypatch.setattr(body, "MAX_INFLATED_BYTES", 1000)
    with pytest.raises(body.TooMuch):
        body.plain_bytes(gzip.compress(b"a" * 600) + gzip.compress(b"a" * 600), "gzip")
    assert body.plain_bytes(gzip.compress(b"a") + gzip.compress(b"b"), "gzip") == b"ab"


def test_who_may_send(meter, sender, make_key, blue: Team, client_for):
    item = {"device": str(meter.device.id), "values": {"power": 1}}
    assert Sender("ek_nobody_nothing12345").ingest(item).status_code == 401
    assert Sender(make_key(codes=("read:telemetry",))).ingest(item).status_code == 403
    viewer = client_for(meter.team.viewer)
    assert viewer.post("/api/v1/ingest", item, "application/json").status_code == 403
    foreign = DeviceFactory(tenant=blue.tenant)
    answer = sender.ingest({"device": str(foreign.id), "values": {"power": 1}})
    assert (answer.status_code, answer.json()["code"]) == (403, "unknown_device")
    assert sender.ingest([{"device": foreign.uid, "values": {"power": 1}}]).json()["accepted"] == 0


def test_the_key_of_a_device_reaches_that_device_only(meter, device_key):
    own = Sender(device_key)
    with meter.team.scope():
        other = DeviceFactory(tenant=meter.team.tenant)
    assert own.ingest({"values": {"power": 1}}).json()["accepted"] == 1
    assert own.ingest({"device": other.uid, "values": {"power": 1}}).status_code == 403
    headers = {"X-API-Key": device_key}
    assert own.client.get("/api/v1/devices", headers=headers).status_code == 403


def test_a_decommissioned_device_is_told(meter, sender):
    with meter.team.scope():
        Device.objects.update(lifecycle=Lifecycle.DECOMMISSIONED)
    found = sender.ingest([{"device": str(meter.device.id), "values": {"power": 1}}]).json()
    assert [r["code"] for r in found["rejected"]] == ["device_decommissioned"]


def test_one_identifier_behind_two_gateways_is_ambiguous(meter, sender):
    with meter.team.scope():
        from tests.factories import GatewayFactory

        gateway = GatewayFactory(tenant=meter.team.tenant, site=meter.device.site, uid="gw-2")
        DeviceFactory(tenant=meter.team.tenant, gateway=gateway, uid="meter-1")
    found = sender.ingest([{"device": "meter-1", "values": {"power": 1}}]).json()
    assert [r["code"] for r in found["rejected"]] == ["ambiguous_device"]


def test_a_new_metric_becomes_a_channel(meter, sender):
    item = {"device": str(meter.device.id), "ts": ago(meter, 3), "values": {"frequency": 50.01}}
    assert sender.ingest(item).json()["accepted"] == 1
    meter.drain()
    assert values_of(meter) == [("frequency", 50.01)]


def test_a_full_buffer_is_503(meter, sender, settings):
    settings.INGEST_STREAM_MAX_ENTRIES = 1
    item = {"device": str(meter.device.id), "values": {"power": 1}}
    assert sender.ingest(item).status_code == 202
    answer = sender.ingest(item | {"ts": ago(meter, 1)})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["code"] == "buffer_full"
    assert meter.redis.xlen(meter.buffer.stream) == 1


@pytest.mark.parametrize("error", [OSError("down"), OutOfMemoryError("full")])
def test_redis_away_is_503(meter, sender, monkeypatch, error):
    item = {"device": str(meter.device.id), "values": {"power": 1}}
    assert sender.ingest(item).status_code == 202

    class Away:
        def __getattr__(self, name):
            raise error

    monkeypatch.setattr("telemetry.ingest.buffer.durable", Away)
    assert sender.ingest(item).status_code == 503


def test_a_redis_that_loses_is_refused(meter, sender, settings):
    settings.REDIS_DURABLE_URL = settings.REDIS_EPHEMERAL_URL
    redis_clients.durable.cache_clear()
    api._check_durable.cache_clear()
    answer = sender.ingest({"device": str(meter.device.id), "values": {"power": 1}})
    redis_clients.durable.cache_clear()
    assert answer.status_code == 503


def test_beyond_ten_times_the_plan_is_429(meter, sender):
    plan = Plan.objects.create(name="Tiny", messages_per_second=1)
    Tenant.objects.filter(id=meter.team.tenant.id).update(plan=plan)
    items = [
        {"device": str(meter.device.id), "ts": ago(meter, n), "values": {"power": n}}
        for n in range(590)
    ]
    assert sender.ingest(items).json()["accepted"] == 590
    answer = sender.ingest(items[:20])
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert sender.ingest(items[:5]).status_code == 202, "a refused request does not count"
    meter.drain()
    assert len(meter.samples()) == 590
    assert meter.reasons() == []


class TestIdempotency:
    def test_the_same_answer_and_nothing_twice(self, meter, sender):
        item = {"device": str(meter.device.id), "values": {"power": 1}}  # no time of its own
        first = sender.ingest(item, **{"Idempotency-Key": "a"})
        again = sender.ingest(item, **{"Idempotency-Key": "a"})
        assert again.content == first.content
        assert again["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first
        meter.drain()
        assert len(meter.samples()) == 1

    def test_another_body_is_refused(self, meter, sender):
        item = {"device": str(meter.device.id), "values": {"power": 1}}
        sender.ingest(item, **{"Idempotency-Key": "a"})
        answer = sender.ingest(item | {"ts": 1}, **{"Idempotency-Key": "a"})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    def test_an_answer_that_was_lost(self, meter, sender, monkeypatch):
        item = {"device": str(meter.device.id), "values": {"power": 1}}
        monkeypatch.setattr("telemetry.doors.repetition.keep_answer", lambda *_a, **_k: None)
        assert sender.ingest(item, **{"Idempotency-Key": "a"}).json()["accepted"] == 1
        meter.drain()
        again = sender.ingest(item, **{"Idempotency-Key": "a"}).json()
        assert (again["accepted"], again["duplicates"]) == (0, 1)

    def test_keys_of_others_are_others(self, meter, sender, make_key):
        item = {"device": str(meter.device.id), "values": {"power": 1}}
        sender.ingest(item, **{"Idempotency-Key": "a"})
        other = Sender(make_key()).ingest(item, **{"Idempotency-Key": "a"})
        assert "Idempotent-Replayed" not in other


def test_the_topic_of_the_door_is_closed_to_mqtt(meter):
    topic = f"+door/{meter.team.tenant.id}/{meter.device.id}"
    payload = json.dumps({"ts": ago(meter, 1), "values": {"power": 1}}).encode()
    meter.buffer.append([Envelope("mqtt", topic, payload, to_microseconds(meter.now))])
    meter.drain()
    assert meter.samples() == []
    assert meter.reasons() == ["foreign_transport"]

    kept = RejectedMessage.objects.get()
    replay_rejected(ids=[kept.id], now=meter.now)
    meter.drain()
    assert meter.samples() == [], "nor may a replay do it"


def test_a_foreign_tenant_in_the_topic_stores_nothing(meter, blue):
    topic = f"+door/{blue.tenant.id}/{meter.device.id}"
    payload = json.dumps({"ts": ago(meter, 1), "values": {"power": 1}}).encode()
    meter.buffer.append([Envelope("http", topic, payload, to_microseconds(meter.now))])
    meter.drain()
    assert meter.samples() == []
    assert meter.reasons() == ["unknown_device"]


def test_the_number_of_queries_does_not_grow(meter, sender, django_assert_max_num_queries):
    def items(number):
        return [
            {"device": str(meter.device.id), "ts": ago(meter, n), "values": {"power": n}}
            for n in range(number)
        ]

    sender.ingest(items(1))
    with django_assert_max_num_queries(9):
        assert sender.ingest(items(200)).json()["accepted"] == 200
