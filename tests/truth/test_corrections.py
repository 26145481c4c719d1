"""Values that people set: what changes, what stays on record."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from devices.models import Channel
from energy.lib.redis import key
from telemetry.ingest.batch import decode_stored
from telemetry.ingest.publish import STREAM
from telemetry.models import LatestValue, SampleCorrection
from telemetry.quality import Quality
from telemetry.storage.dirty import work_off
from telemetry.storage.packer import pack_days
from telemetry.storage.reads import raw_samples, rollup_rows
from telemetry.truth.corrections import (
    ImpossibleValue,
    NoValue,
    ReasonMissing,
    ValueExists,
    add_manual_reading,
    correct_value,
)
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def channel(bench: Bench) -> Channel:
    """Store 5 kW now and 4 kW ten seconds before; return the channel."""
    bench.send({"ts": T0, "values": {"power": 5000}}, {"ts": T0 - 10, "values": {"power": 4000}})
    bench.drain()
    with bench.team.scope():
        return Channel.objects.get(name="active_power_net")


def latest(channel: Channel) -> tuple[float | None, int]:
    with all_tenants():
        row = LatestValue.objects.get(channel=channel)
    return row.value, row.quality


def values(channel: Channel) -> list[tuple[float, int]]:
    day = dt.timedelta(days=30)
    rows = raw_samples([channel.id], START - day, START + day, tenant_id=channel.tenant_id)
    return [(row["value"], row["quality"]) for row in rows]


def set_value(bench: Bench, channel: Channel, function=correct_value, **changes):
    given = {"at": START, "value": 7.5, "reason": "read wrongly", "made_by": bench.team.owner,
             "now": START + HOUR} | changes  # fmt: skip
    with bench.team.scope():
        return function(channel=channel, **given)


def test_a_correction_keeps_the_old_value_and_says_who_and_why(bench, channel):
    row = set_value(bench, channel)

    assert values(channel) == [(4.0, 0), (7.5, Quality.MANUAL)]
    assert latest(channel) == (7.5, Quality.MANUAL)
    assert (row.old_value, row.old_quality, row.new_value) == (5.0, 0, 7.5)
    assert (row.reason, row.made_by) == ("read wrongly", bench.team.owner)
    event = AuditEvent.objects.get(action="telemetry.value_corrected")
    assert event.tenant_id == channel.tenant_id
    assert event.detail["old"] == "5.0" and event.detail["reason"] == "read wrongly"


def test_a_correction_of_history_reaches_the_rollups_not_the_latest_value(bench, channel):
    work_off(now=START)
    set_value(bench, channel, at=START - dt.timedelta(seconds=10), quality=Quality.ESTIMATED)
    work_off(now=START)

    rows = rollup_rows([channel.id], START - HOUR, START + HOUR, tenant_id=None)
    assert sorted(rows["maximum"].tolist()) == [5.0, 7.5]
    assert latest(channel) == (5.0, 0)


def test_reactors_are_told(bench, channel):
    bench.redis.delete(key(STREAM))
    set_value(bench, channel)

    (_id, fields), *more = bench.redis.xrange(key(STREAM))
    batch = decode_stored(fields[b"b"])
    assert more == []
    assert batch.samples()["value"].tolist() == [7.5]
    assert batch.is_live().tolist() == [True]


def test_a_packed_value_can_be_corrected(bench, channel):
    month = START + dt.timedelta(days=30)
    pack_days(now=month, after=dt.timedelta(days=7))
    set_value(bench, channel, now=month)
    work_off(now=month)

    assert values(channel) == [(4.0, 0), (7.5, Quality.MANUAL)]
    rows = rollup_rows([channel.id], START - HOUR, START + HOUR, tenant_id=None)
    assert rows["maximum"].max() == 7.5


def test_marking_as_bad_takes_a_value_out_of_the_rollups(bench, channel):
    work_off(now=START)
    set_value(bench, channel, value=5.0, quality=Quality.BAD)
    work_off(now=START)

    rows = rollup_rows([channel.id], START - HOUR, START + HOUR, tenant_id=None)
    assert rows["maximum"].tolist() == [4.0]


def test_a_manual_reading_is_a_value_of_its_own(bench, channel):
    at = START - dt.timedelta(days=3)
    row = set_value(bench, channel, add_manual_reading, at=at, value=1.25)
    again = set_value(bench, channel, add_manual_reading, at=at, value=1.25)

    assert again == row
    assert row.old_value is None
    assert values(channel)[0] == (1.25, Quality.MANUAL)
    assert AuditEvent.objects.filter(action="telemetry.reading_added").count() == 1
    with pytest.raises(ValueExists):
        set_value(bench, channel, add_manual_reading, at=at, value=1.5)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"at": START - HOUR}, NoValue),
        ({"value": float("nan")}, ImpossibleValue),
        ({"value": 1e300}, ImpossibleValue),
        ({"at": START + 3 * HOUR}, ImpossibleValue),
        ({"at": dt.datetime(1980, 1, 1, tzinfo=dt.UTC)}, ImpossibleValue),
        ({"reason": "  "}, ReasonMissing),
    ],
)
def test_what_cannot_be_is_refused(bench, channel, changes, error):
    with pytest.raises(error):
        set_value(bench, channel, **changes)

    assert values(channel) == [(4.0, 0), (5.0, 0)]
    with all_tenants():
        assert not SampleCorrection.objects.exists()


URL = "/api/v1/devices/{}/{}"


class TestApi:
    def post(self, client, bench, what, **changes):
        body = {"metric": "active_power_net", "at": START.isoformat(), "value": 7500, "unit": "W",
                "reason": "read wrongly"} | changes  # fmt: skip
        return client.post(URL.format(bench.device.id, what), body, content_type="application/json")

    def test_converts_units_and_lists_corrections(self, bench, channel, client_for):
        client = client_for(bench.team.owner)

        answer = self.post(client, bench, "corrections")

        assert answer.status_code == 201, answer.content
        assert answer.json()["new_value"] == 7.5
        assert answer.json()["old_quality"] == "good"
        assert values(channel)[-1] == (7.5, Quality.MANUAL)
        found = client.get(URL.format(bench.device.id, "corrections")).json()
        assert [row["old_value"] for row in found["results"]] == [5.0]

    def test_adds_manual_readings_of_weeks_without_a_table(self, bench, channel, client_for):
        at = (START - dt.timedelta(days=300)).isoformat()

        answer = self.post(client_for(bench.team.owner), bench, "readings", at=at)

        assert answer.status_code == 201, answer.content
        day = dt.timedelta(days=1)
        start = START - dt.timedelta(days=300)
        rows = raw_samples([channel.id], start - day, start + day, tenant_id=channel.tenant_id)
        assert rows["value"].tolist() == [7.5]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"metric": "nothing"}, "unknown_channel"),
            ({"unit": "V"}, "invalid"),
            ({"at": (START - HOUR).isoformat()}, "no_value"),
        ],
    )
    def test_says_what_is_wrong(self, bench, channel, client_for, changes, code):
        answer = self.post(client_for(bench.team.owner), bench, "corrections", **changes)

        assert answer.status_code in {400, 404}
        assert code in answer.content.decode()

    def test_viewers_and_strangers_may_not(self, bench, channel, client_for, blue):
        assert self.post(client_for(bench.team.viewer), bench, "corrections").status_code == 403
        assert self.post(client_for(blue.owner), bench, "corrections").status_code == 404
        gone = URL.format(uuid.uuid4(), "quality")
        assert client_for(bench.team.owner).get(gone).status_code == 404
