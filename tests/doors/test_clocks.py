"""A device with a wrong clock is treated over HTTP as it is over MQTT."""

from __future__ import annotations

from typing import Any

import pytest

from devices.models import ClockPolicy, DeviceProfile
from telemetry.quality import Quality
from tests.doors.conftest import Sender
from tests.factories import DeviceFactory
from tests.ingest.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400


def forgive(meter: Bench) -> None:
    DeviceProfile.objects.filter(id=meter.device.profile_id).update(
        clock_policy=ClockPolicy.RECEIVE_TIME
    )


def item(meter: Bench, ts: Any, power: float = 1000) -> dict[str, Any]:
    return {"device": str(meter.device.id), "ts": ts, "values": {"power": power}}


def stored(meter: Bench) -> list[tuple[Any, ...]]:
    meter.drain()
    rows = sorted(meter.samples(), key=lambda row: row[1])
    return [(at - rows[-1][1], value, quality) for _name, at, value, quality in rows]


@pytest.mark.parametrize("ts", [17, "1970-01-01T00:03:00Z"])
def test_a_wrong_clock_is_refused_by_default(meter: Bench, sender: Sender, ts: Any) -> None:
    answer = sender.ingest([item(meter, ts)]).json()

    assert (answer["accepted"], answer["rejected"][0]["code"]) == (0, "time_too_old")
    assert stored(meter) == []


@pytest.mark.parametrize("ts", [17, 1000 * 17.5, "1970-01-01T00:03:00Z"])
def test_the_time_of_receipt_is_taken_where_the_type_says_so(
    meter: Bench, sender: Sender, ts: Any
) -> None:
    forgive(meter)

    answer = sender.ingest([item(meter, ts)]).json()

    assert (answer["accepted"], answer["rejected"]) == (1, [])
    assert stored(meter) == [(0, 1.0, Quality.UNCERTAIN)]
    assert meter.reasons() == []


def test_a_clock_ahead_is_forgiven_and_a_right_one_stays_good(meter: Bench, sender: Sender) -> None:
    forgive(meter)
    now = int(meter.now.timestamp())

    answer = sender.ingest([item(meter, now + DAY, 2000), item(meter, now - 60)]).json()

    assert answer["accepted"] == 2
    assert [row[1:] for row in stored(meter)] == [(1.0, Quality.GOOD), (2.0, Quality.UNCERTAIN)]


def test_what_was_kept_without_a_clock_keeps_its_distances(meter: Bench, sender: Sender) -> None:
    forgive(meter)
    with meter.team.scope():
        other = DeviceFactory(
            site=meter.device.site, gateway=None, profile=meter.device.profile, uid="other"
        )
    theirs = {"device": str(other.id), "ts": 500_000, "values": {"unheard": 1}}

    sender.ingest([theirs, *(item(meter, 100 + n * 10, n * 1000) for n in range(4))])

    meter.drain()
    rows = [(at, value) for name, at, value, _quality in meter.samples() if name != "unheard"]
    assert [(at - rows[-1][0], value) for at, value in rows] == [
        (-30, 0.0), (-20, 1.0), (-10, 2.0), (0, 3.0),
    ]  # fmt: skip


def test_a_repeated_request_adds_nothing(meter: Bench, sender: Sender) -> None:
    forgive(meter)

    for _ in range(2):
        sender.ingest([item(meter, 17)], **{"Idempotency-Key": "once"})

    assert stored(meter) == [(0, 1.0, Quality.UNCERTAIN)]
