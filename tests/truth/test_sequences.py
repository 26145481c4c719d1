"""Numbers of readings: gaps, receipts and requests, through the worker."""

from __future__ import annotations

import datetime as dt
import json
import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import all_tenants
from devices.models import DeviceEvent, OutboundMessage
from telemetry.models import DeviceSequence, SequenceGap
from telemetry.truth import backfill
from telemetry.truth.backfill import request_again, request_backfills
from telemetry.truth.numbers import read_number
from telemetry.truth.sequences import MAX_BOOTS, MAX_GAPS, note_numbers
from tests.factories import DeviceFactory
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


def numbered(*numbers: int, boot: int = 1) -> list[dict[str, object]]:
    """Return readings with these numbers."""
    return [
        {"ts": T0 + n % 1000, "boot": boot, "seq": n, "values": {"power": n % 1000}}
        for n in numbers
    ]


def send(bench: Bench, *numbers: int, boot: int = 1) -> None:
    bench.send(*numbered(*numbers, boot=boot))
    bench.drain()


def received(boot: int = 1) -> str:
    with all_tenants():
        return str(DeviceSequence.objects.get(boot=boot).received)


def gaps(**wanted: object) -> list[tuple[int, int, int]]:
    """Return (from, to, still missing) of gaps; open ones unless told."""
    wanted = wanted or {"filled_at": None, "given_up_at": None}
    with all_tenants():
        rows = SequenceGap.objects.filter(**wanted).order_by("sequence__boot", "start")
        return list(rows.values_list("start", "end", "missing"))


def told(word: str) -> list[dict[str, object]]:
    """Return what waits to be sent on `…/down/<word>`."""
    found = OutboundMessage.objects.filter(topic__endswith=f"/down/{word}").order_by("id")
    return [json.loads(bytes(message.payload)) for message in found]


def later(bench: Bench, seconds: float) -> None:
    bench.now += dt.timedelta(seconds=seconds)
    bench.worker.run_once()


def test_numbers_in_order_leave_no_gap(bench):
    send(bench, 1, 2, 3)
    send(bench, 4, 5)

    assert received() == "{[1, 6)}"
    assert gaps() == []
    assert len(bench.samples()) == 5
    assert bench.reasons() == []


def test_what_is_missing_is_a_gap_until_it_comes(bench):
    send(bench, 1, 2, 5, 6, 9)
    assert gaps() == [(3, 4, 2), (7, 8, 2)]

    send(bench, 4)
    assert gaps() == [(3, 4, 1), (7, 8, 2)]

    send(bench, 3, 3)
    assert gaps() == [(7, 8, 2)]
    assert gaps(filled_at__isnull=False) == [(3, 4, 0)]


def test_any_order_and_repetition_ends_without_a_gap(bench):
    numbers = [*range(1, 61)] * 3
    random.Random(5).shuffle(numbers)
    for start in range(0, len(numbers), 17):
        send(bench, *numbers[start : start + 17])

    assert received() == "{[1, 61)}"
    assert gaps() == []
    assert len(bench.samples()) == 60


def test_the_first_boot_begins_with_what_was_heard_later_ones_with_one(bench):
    send(bench, 700, 701, boot=4)
    send(bench, 3, boot=5)
    send(bench, 702, boot=4)

    assert received(4) == "{[700, 703)}"
    assert gaps() == [(1, 2, 2)]


def test_numbers_of_rejected_and_repeated_readings_count(bench):
    bench.send(
        {"ts": 3, "boot": 1, "seq": 1, "values": {"power": 1}},
        {"ts": T0, "boot": 1, "seq": 2, "values": {"power": "much"}},
        {"ts": T0, "boot": 1, "seq": 3, "power": 1},
    )
    bench.drain()

    assert received() == "{[1, 4)}"
    assert bench.reasons() == ["not_a_number", "time_too_old"]


def test_readings_that_name_devices_count_for_these(bench):
    with bench.team.scope():
        DeviceFactory(
            tenant=bench.team.tenant, site=bench.device.site, gateway=bench.device.gateway,
            uid="meter-2",
        )  # fmt: skip
    items = [
        {"ts": T0, "device": f"meter-{n}", "boot": n, "seq": n, "values": {"power": n}}
        for n in (1, 2)
    ]
    bench.send(items, topic=f"{bench.prefix}/data/timeseries")
    bench.drain()

    with all_tenants():
        rows = DeviceSequence.objects.order_by("boot").values_list("device__uid", "boot")
        assert list(rows) == [("meter-1", 1), ("meter-2", 2)]


@pytest.mark.parametrize("number", [-1, True, "7", 1.5, 2**60, None])
def test_what_is_no_number_is_ignored(bench, number):
    bench.send({"ts": T0, "boot": 1, "seq": number, "values": {"power": 1}})
    bench.drain()

    assert len(bench.samples()) == 1
    with all_tenants():
        assert not DeviceSequence.objects.exists()


def test_reads_numbers_without_boot():
    assert read_number(None, 4) == (0, 4)
    assert read_number("x", 4) is None


def test_state_is_bounded(bench):
    send(bench, *range(2, 2 * MAX_GAPS + 60, 2))
    assert len(gaps()) == MAX_GAPS
    assert len(gaps(given_up_at__isnull=False)) > 0

    for boot in range(2, MAX_BOOTS + 9):
        bench.now += dt.timedelta(seconds=1)
        send(bench, 1, boot=boot)
    with all_tenants():
        assert DeviceSequence.objects.count() == MAX_BOOTS


def test_costs_the_same_for_one_and_many_devices(bench):
    with bench.team.scope():
        devices = [
            DeviceFactory(
                tenant=bench.team.tenant, site=bench.device.site, gateway=bench.device.gateway
            )
            for _ in range(20)
        ]

    def cost(some: list) -> int:
        with CaptureQueriesContext(connection) as queries:
            note_numbers([(d.id, 1, n) for d in some for n in (1, 2, 5)], now=START)
        return len(queries)

    assert cost(devices[:1]) == cost(devices[1:])


def test_devices_that_were_deleted_are_passed_by(bench):
    gone = DeviceFactory.build().id

    assert note_numbers([(gone, 1, 1), (bench.device.id, 1, 1)], now=START) == {bench.device.id}


def test_a_receipt_says_up_to_where_nothing_is_missing(bench):
    send(bench, 1, 2, 3, 6)
    later(bench, 3)
    assert told("receipt") == [{"device": "meter-1", "boot": 1, "upto": 3}]

    later(bench, 3)
    send(bench, 4)
    later(bench, 3)
    assert len(told("receipt")) == 1  # not twice in ten seconds

    later(bench, 5)
    assert told("receipt")[-1] == {"device": "meter-1", "boot": 1, "upto": 4}
    later(bench, 60)
    assert len(told("receipt")) == 2


def test_no_receipt_before_the_commit(bench, monkeypatch):
    def break_down(*_args: object) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(bench.worker._store, "write", break_down)
    bench.send(*numbered(1, 2))
    with pytest.raises(OSError, match="away"):
        bench.worker.run_once()

    assert told("receipt") == []
    with all_tenants():
        assert not DeviceSequence.objects.exists()


def test_gaps_are_asked_for_patiently_then_given_up(bench):
    send(bench, 1, 4, 5, 8)
    assert request_backfills(now=bench.now) == 0  # others may be on their way

    moment = bench.now + dt.timedelta(seconds=11)
    assert request_backfills(now=moment) == 1
    assert told("backfill") == [{"device": "meter-1", "boot": 1, "ranges": [[2, 3], [6, 7]]}]
    assert request_backfills(now=moment + dt.timedelta(seconds=20)) == 0

    for _ in range(backfill.MAX_REQUESTS):
        moment += dt.timedelta(hours=2)
        request_backfills(now=moment)
    assert len(told("backfill")) == backfill.MAX_REQUESTS
    assert gaps() == []
    assert gaps(given_up_at__isnull=False) == [(2, 3, 2), (6, 7, 2)]
    assert received() == "{[1, 9)}"
    with all_tenants():
        event = DeviceEvent.objects.get()
    assert event.code == "READINGS_LOST_1"
    assert event.detail == {"boot": 1, "missing": 4, "ranges": [[2, 3], [6, 7]]}

    with bench.team.scope():
        assert request_again(device=bench.device, now=moment) == 2
    assert gaps() == [(2, 3, 2), (6, 7, 2)]
    assert request_backfills(now=moment) == 1


def test_of_a_gap_that_was_filled_in_part_only_the_rest_is_lost(bench):
    send(bench, 1, 10)
    send(bench, 4, 5)
    moment = bench.now
    for _ in range(backfill.MAX_REQUESTS + 1):
        moment += dt.timedelta(hours=2)
        request_backfills(now=moment)
    with all_tenants():
        assert DeviceEvent.objects.get().detail["ranges"] == [[2, 3], [6, 9]]
    assert gaps(given_up_at__isnull=False) == [(2, 9, 6)]
    assert received() == "{[1, 11)}"

    with bench.team.scope():
        assert request_again(device=bench.device, now=moment) == 1
    assert received() == "{[1, 2), [4, 6), [10, 11)}"
    assert gaps() == [(2, 9, 6)]

    send(bench, 2, 3, 6, 7, 8, 9)
    assert gaps() == []


def test_only_what_still_lacks_is_asked_for(bench):
    send(bench, 1, 10)
    send(bench, 4, 5)
    request_backfills(now=bench.now + dt.timedelta(seconds=11))

    assert told("backfill")[0]["ranges"] == [[2, 3], [6, 9]]


def test_devices_that_are_away_are_not_asked(bench):
    send(bench, 1, 4)
    with bench.team.scope():
        type(bench.device).objects.update(offline_since=START)

    assert request_backfills(now=bench.now + dt.timedelta(hours=1)) == 0
