"""Recorded payloads through the real worker: rows, units and nothing that breaks."""

import datetime as dt

import pytest

from accounts.tenancy import all_tenants
from devices.models import Channel
from devices.services.profiles import ensure_profile
from telemetry.decoding.mapping import bind_first
from telemetry.decoding.shipped import shipped_mappings
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.envelope import Envelope
from tests.decoding.real import SPECS, recordings
from tests.factories import DeviceFactory
from tests.ingest.conftest import START

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not recordings(), reason="no real payloads: set REALDATA_DIR"),
]
FRAMES = ("seed-hydro2.0", "seed-orge1-serial", "dsmr-p1", "sml", "mbus")


def readings_of(recording):
    bound = bind_first([list(shipped_mappings().values())], recording.topic)
    return bound.decode(recording.payload, to_microseconds(START), START.tzinfo)


def test_every_family_lands_in_the_tables(bench):
    mqtt = [one for one in recordings() if one.family not in (*FRAMES, *SPECS)]
    wanted = {}  # one message for each topic: values of the same time would contradict
    for one in mqtt:
        wanted.setdefault(one.topic, one)
    readings = [(one, r) for one in wanted.values() for r in readings_of(one)]
    families = {r.device: one.family for one, r in readings if r.device}
    with bench.team.scope():
        site, gateway, tenant = bench.device.site, bench.device.gateway, bench.team.tenant
        for name, family in sorted(families.items()):
            profile = ensure_profile(key=family if family == "wmbusmeters" else "generic")
            DeviceFactory(tenant=tenant, site=site, gateway=gateway, uid=name, profile=profile)
    bench.now += dt.timedelta(days=2)
    received = to_microseconds(bench.now)
    expected = {(r.device, metric, r.raw_time) for _one, r in readings for metric in r.values}

    for _ in range(2):  # the second pass adds nothing
        bench.buffer.append(
            [
                Envelope("mqtt", f"{bench.prefix}/ext/{one.topic}", one.payload, received)
                for one in wanted.values()
            ]
        )
        bench.drain()
        assert len(bench.samples()) == len(expected)

    assert bench.reasons() == []
    with all_tenants():
        invented = Channel.objects.filter(name__regex="_[0-9a-f]{8}$", is_discovered=False)
        assert not invented.exists()
