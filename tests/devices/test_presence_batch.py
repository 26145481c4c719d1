"""A herd's status reports, kept together, leave what they would leave one by one."""

import datetime as dt
import random

import pytest
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import (
    CertificateAuthority,
    Device,
    DeviceCertificate,
    DeviceConfiguration,
    DeviceEvent,
    Gateway,
)
from devices.services.presence import apply_status_report, touch_last_seen
from devices.services.presence_batch import StatusSaid, Thing, apply_status_reports, find_plain
from telemetry.ingest.worker import IngestWorker
from telemetry.models import RejectedMessage
from tests.factories import NOW, DeviceFactory, GatewayFactory

FACTS = ("id", "reported_status", "reported_status_at", "offline_since", "last_seen_at",
         "firmware_version")  # fmt: skip


@pytest.fixture
def things(red):
    """Two gateways with a device of their own, two direct devices."""
    gateways = [GatewayFactory(tenant=red.tenant) for _ in range(2)]
    for gateway in gateways:
        DeviceFactory(gateway=gateway, uid=gateway.uid)
    direct = [DeviceFactory(tenant=red.tenant, gateway=None) for _ in range(2)]
    return [*gateways, *direct]


def state():
    """Return what is kept of all things, and every event."""
    with all_tenants():
        kept = [*Gateway.objects.order_by("id").values_list(*FACTS)]
        kept += Device.objects.filter(gateway=None).order_by("id").values_list(*FACTS)
        events = DeviceEvent.objects.order_by("at", "device_id", "code")
        return kept, list(events.values_list("device_id", "kind", "code", "severity", "at"))


def forget():
    with all_tenants():
        DeviceEvent.objects.all().delete()
        for model in (Gateway, Device):
            model.objects.update(
                reported_status="unknown", reported_status_at=None, offline_since=None,
                last_seen_at=None, firmware_version="",
            )  # fmt: skip


@pytest.mark.parametrize("seed", range(15))
def test_is_as_one_by_one(red, things, seed):
    chance = random.Random(seed)
    heard = {thing.id: NOW + dt.timedelta(seconds=chance.randint(0, 10)) for thing in things}
    said = [
        (thing, chance.choice(["online", "offline"]), NOW + dt.timedelta(seconds=at),
         chance.choice(["", "1.2.3"]))
        for at in range(12) for thing in [chance.choice(things)]
    ]  # fmt: skip

    def touch():
        with all_tenants():
            touch_last_seen(
                gateway_ids={t.id: heard[t.id] for t in things if isinstance(t, Gateway)},
                device_ids={t.id: heard[t.id] for t in things if isinstance(t, Device)},
            )

    touch()
    with red.scope():
        for thing, status, at, version in said:
            apply_status_report(thing=thing, status=status, at=at, firmware_version=version)
    one_by_one = state()
    forget()
    touch()

    apply_status_reports(
        reports=[
            StatusSaid(Thing(thing.id, isinstance(thing, Gateway)), status, at, version)
            for thing, status, at, version in said
        ]
    )

    assert state() == one_by_one


def test_leaves_to_the_handler_what_waits_for_more(red, blue, things):
    gateway, _, direct, other = things
    with red.scope():
        DeviceConfiguration.objects.create(
            tenant=red.tenant, device=direct, revision=1, body={}, reason="", state="pending"
        )
    tenants = {
        Thing(gateway.id, True): red.tenant.id,
        Thing(direct.id, False): red.tenant.id,
        Thing(other.id, False): blue.tenant.id,  # moved meanwhile
    }

    assert find_plain(tenants) == {Thing(gateway.id, True)}


def test_leaves_the_first_sight_of_a_certificate_to_the_handler(red, things):
    thing = Thing(things[2].id, False)
    issue(red, things[2])

    assert find_plain({thing: red.tenant.id}) == {thing}
    assert find_plain({thing: red.tenant.id}, certificate_named={thing}) == set()


def issue(red, device):
    with red.scope():
        authority = CertificateAuthority.objects.create(
            name="CA", certificate_pem="", fingerprint="f", sealed_key="", not_before=NOW,
            not_after=NOW, created_at=NOW,
        )  # fmt: skip
        DeviceCertificate.objects.create(
            tenant=red.tenant, device=device, authority=authority, serial="4fa1",
            fingerprint="f", key_fingerprint="k", common_name="c", pem="", not_before=NOW,
            not_after=NOW,
        )  # fmt: skip


def test_a_herd_costs_few_statements(red, django_assert_max_num_queries):
    devices = [DeviceFactory(tenant=red.tenant, gateway=None) for _ in range(40)]
    things = {Thing(device.id, False): red.tenant.id for device in devices}

    with django_assert_max_num_queries(12):
        plain = find_plain(things)
        apply_status_reports(reports=[StatusSaid(thing, "online", NOW) for thing in plain])

    assert len(plain) == 40


def test_the_worker_keeps_a_herd_and_rejects_the_odd(red, redis, transactional_db):
    from telemetry.ingest.buffer import IngestBuffer
    from telemetry.ingest.envelope import Envelope

    devices = [DeviceFactory(tenant=red.tenant, gateway=None) for _ in range(30)]
    at = int(timezone.now().timestamp() * 1_000_000)
    messages = [
        Envelope("mqtt", f"devices/{device.id}/reported/status", b'{"status": "online"}', at)
        for device in devices
    ]
    messages.append(Envelope("mqtt", messages[0].topic, b'{"status": "sleepy"}', at + 1))
    IngestBuffer().append(messages)
    worker = IngestWorker(consumer="test")

    worker.run_once()
    worker.close()

    with all_tenants():
        assert Device.objects.filter(reported_status="online", offline_since=None).count() == 30
        assert RejectedMessage.objects.get().reason == "bad_status"
