"""Numbers of live events: given after the commit, without holes in each tenant."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection, transaction

from devices.models import LiveEvent
from devices.services.device_events import record_device_event
from devices.services.live_events import delete_old_events, number_events
from tests.conftest import make_team
from tests.factories import NOW, DeviceFactory

pytestmark = pytest.mark.usefixtures("redis")


def happen(team, count: int, *, first: int = 0) -> None:
    with team.scope():
        device = DeviceFactory(tenant=team.tenant, gateway=None)
        for number in range(first, first + count):
            record_device_event(device=device, kind="alarm", code=f"C{number}", at=NOW)


def numbers(team) -> list[tuple[int | None, str]]:
    with team.scope():
        rows = LiveEvent.objects.order_by("seq", "id")
        return [(event.seq, event.payload["code"]) for event in rows]


@pytest.mark.django_db
def test_each_tenant_counts_for_itself_in_the_order_of_writing(red):
    blue = make_team("blue")
    happen(red, 3)
    happen(blue, 2)

    told = number_events()
    happen(red, 1, first=3)
    number_events()

    assert numbers(red) == [(1, "C0"), (2, "C1"), (3, "C2"), (4, "C3")]
    assert numbers(blue) == [(1, "C0"), (2, "C1")]
    by_tenant = {team: [e.seq for e in told if e.tenant_id == team.tenant.id]
                 for team in (red, blue)}  # fmt: skip
    assert by_tenant == {red: [1, 2, 3], blue: [1, 2]}


@pytest.mark.django_db
def test_goes_on_in_the_next_turn_when_there_are_many(red):
    happen(red, 5)

    assert [len(number_events(limit=2)) for _ in range(4)] == [2, 2, 1, 0]
    assert [seq for seq, _ in numbers(red)] == [1, 2, 3, 4, 5]


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_yet_gets_a_later_number():
    red = make_team("red")
    began, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            happen(red, 1, first=100)
            began.set()
            may_end.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    began.wait(10)
    happen(red, 2)
    number_events()
    may_end.set()
    thread.join()
    number_events()

    assert numbers(red) == [(1, "C0"), (2, "C1"), (3, "C100")]


@pytest.mark.django_db(transaction=True)
def test_only_one_numbers_at_a_time():
    red = make_team("red")
    happen(red, 40)
    results: list[int] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait(10)
        results.extend(len(number_events(limit=3)) for _ in range(30))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    number_events()

    assert sorted(seq for seq, _ in numbers(red)) == list(range(1, 41))


@pytest.mark.django_db
def test_old_events_go_and_counting_goes_on(red):
    blue = make_team("blue")
    happen(red, 3)
    happen(blue, 1)
    number_events()
    happen(red, 1, first=3)  # never numbered
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=8)

    deleted = delete_old_events(now=later)
    happen(red, 1, first=4)
    number_events()

    assert deleted == 3
    assert numbers(red) == [(3, "C2"), (4, "C4")]
    assert numbers(blue) == [(1, "C0")]


@pytest.mark.django_db
def test_what_is_younger_than_a_week_stays(red):
    happen(red, 3)
    number_events()

    assert delete_old_events(now=dt.datetime.now(dt.UTC) + dt.timedelta(days=6)) == 0
