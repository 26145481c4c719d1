"""A day and a half of one meter with every fault of the field, through the ingest worker."""

import datetime as dt
import json

import numpy as np
import pytest
from django.db import connection

from devices.models import Channel
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.worker import IngestWorker
from telemetry.models import LatestValue, RejectedMessage
from telemetry.quality import Quality
from telemetry.storage.reads import raw_samples
from tests.factories import NOW, ChannelFactory, DeviceFactory, SiteFactory
from tests.imports.facts import SERIES, needs_series

pytestmark = needs_series

FOLDER = SERIES / "derived-faults"
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def meter(transactional_db, red, redis):
    with red.scope():
        device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None, uid="meter1")
        for name, unit, stored in (("power", "W", "kW"), ("energy", "Wh", "kWh")):
            ChannelFactory(
                device=device, name=f"meter_{name}", source=name, source_unit=unit, unit=stored
            )
        yield device
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")


def send_all(device, redis):
    lines = (FOLDER / "faults_shared.jsonl").read_text().splitlines()
    payloads = [json.loads(line)["payload"].encode() for line in lines]
    received = to_microseconds(NOW)
    buffer = IngestBuffer(redis)
    for start in range(0, len(payloads), 500):
        buffer.append(
            [
                Envelope("mqtt", f"devices/{device.id}/data", payload, received)
                for payload in payloads[start : start + 500]
            ]
        )
    worker = IngestWorker(consumer="w", client=redis, clock=NOW.timestamp)
    while redis.xlen(buffer.stream):
        worker.run_once()
    worker.close()
    return len(payloads)


def stored(name, red):
    channel = Channel.objects.get(name=f"meter_{name}")
    rows = raw_samples([channel.id], LONG_AGO, NOW, tenant_id=red.tenant.id)
    return rows["time"].copy(), rows["value"].copy(), rows["quality"].copy()


def test_every_reading_is_stored_once(meter, red, redis):
    truth = json.loads((FOLDER / "faults_shared.truth.json").read_text())

    assert send_all(meter, redis) == truth["messages"]
    first = [stored(name, red) for name in ("power", "energy")]
    send_all(meter, redis)
    second = [stored(name, red) for name in ("power", "energy")]

    (_, _, qualities), (times, energy, _) = first
    good = qualities == Quality.GOOD
    assert int(good.sum()) == truth["expected_rows_power"]
    # of a cut message the whole values are kept, and doubted
    assert int((~good).sum()) == truth["undecodable"] == truth["kinds"]["truncated"]
    # a message with NaN is no JSON: it is refused as a whole
    refused = truth["kinds"]["nan_literal"]
    assert len(times) == truth["decodable_readings"] - refused
    assert RejectedMessage.objects.filter(reason="not_finite").count() == refused
    for before, after in zip(first, second, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    edges = [dt.datetime.fromtimestamp(int(times[n]) / 1e6, dt.UTC).isoformat() for n in (0, -1)]
    assert edges == [truth["first_reading_utc"], truth["last_reading_utc"]]
    check_counter(times, energy, truth)
    latest = LatestValue.objects.get(channel__name="meter_energy")
    assert (latest.time.timestamp(), latest.value * 1000) == pytest.approx(
        (truth["latest_value"]["ts"], truth["latest_value"]["energy"])
    )


def check_counter(times, energy, truth):
    """A 32-bit register that wraps once and is reset once, in Wh."""
    register = (energy * 1000).round()
    steps = np.diff(register)
    falls = np.flatnonzero(steps < 0)
    wraps = [n for n in falls if register[n] > 2**31]
    resets = [n for n in falls if register[n] <= 2**31]
    assert (len(wraps), len(resets)) == (truth["wraps"], truth["resets"])
    steps[wraps] += 2**32
    steps[resets] = register[[n + 1 for n in resets]]
    assert steps.sum() == truth["counter_total_wh_first_to_last"]
    # the truth names minutes by their starts, a reading tells the register at the end
    ends = [int(times[resets[0] + k]) / 1e6 for k in (0, 1)]
    between = [dt.datetime.fromtimestamp(end - 60, dt.UTC) for end in ends]
    assert [moment.isoformat() for moment in between] == truth["reset_between"]
    naive = (register[-1] - register[0]) / 1000
    assert naive == pytest.approx(truth["naive_last_minus_first_kwh"])
