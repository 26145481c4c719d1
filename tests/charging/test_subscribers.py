"""Parts of the product that are told events: in order, isolated, and never for the last time."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction

from charging.models import ChargingEvent, EventSubscriber
from charging.services.subscribers import TRIES, Subscriber, tell_all
from charging.services.taking_part import SUBSCRIBERS
from devices.models import DeviceEvent
from tests.charging.places import Place, at
from tests.pace import assert_within

pytestmark = pytest.mark.django_db


class Ear:
    """Hears events; fails as often as it is told to."""

    def __init__(self, fails: int = 0, on: str = "") -> None:
        self.heard: list[str] = []
        self.fails = fails
        self._on = on

    def __call__(self, event: ChargingEvent, now: dt.datetime) -> None:
        if self.fails and self._on in ("", event.kind):
            self.fails -= 1
            raise ValueError("not now")
        self.heard.append(event.kind)


def tell(seconds: float, **ears: Subscriber) -> int:
    return tell_all(ears, now=at(seconds))


def test_each_is_told_all_in_order_once(place: Place) -> None:
    one, other = Ear(), Ear()
    place.go(1, 2, 3, 4)

    assert tell(10, one=one, other=other) == 6
    assert tell(11, one=one, other=other) == 0
    place.look(20, 5)
    assert tell(21, one=one, other=other) == 2

    assert one.heard == other.heard == place.kinds()


def test_one_that_fails_is_told_again_and_the_others_go_on(place: Place) -> None:
    """The seed removed a callback for good when it had failed once."""
    bad, good = Ear(fails=3), Ear()
    place.go(1, 2, 3)

    for second in range(10, 30):
        tell(second, bad=bad, good=good)

    assert good.heard == ["CABLE_CONNECTED", "EV_CONNECTED"]
    assert bad.heard == ["CABLE_CONNECTED", "EV_CONNECTED"]
    row = EventSubscriber.objects.get(name="bad")
    assert (row.failures, row.retry_at, row.last_error) == (0, None, "")


def test_it_waits_ever_longer_at_most_five_minutes(place: Place) -> None:
    bad = Ear(fails=TRIES - 1)
    place.go(1, 2)
    rests = []

    now = 10.0
    for _try in range(TRIES - 1):
        tell(now, bad=bad)
        row = EventSubscriber.objects.get(name="bad")
        assert row.retry_at is not None
        rests.append((row.retry_at - at(now)).total_seconds())
        assert tell(now + rests[-1] - 0.1, bad=bad) == 0
        now += rests[-1]

    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert tell(now, bad=bad) == 1


def test_an_event_that_it_can_never_take_is_kept_aside(place: Place) -> None:
    bad = Ear(fails=TRIES, on="CABLE_CONNECTED")
    place.go(1, 2, 3)
    now = 10.0

    for _try in range(TRIES):
        tell(now, bad=bad)
        now += 300

    assert bad.heard == ["EV_CONNECTED"]
    row = EventSubscriber.objects.get(name="bad")
    with place.red.scope():
        first = ChargingEvent.objects.order_by("order")[0]
    assert [(one["order"], one["error"]) for one in row.skipped] == [
        (first.order, "ValueError: not now")
    ]


def test_what_it_wrote_before_it_failed_is_taken_back(place: Place) -> None:
    place.go(1, 2)

    def writes(event: ChargingEvent, now: dt.datetime) -> None:
        ChargingEvent.objects.update(detail={"spoilt": True})
        raise ValueError

    tell(10, writes=writes)

    with place.red.scope():
        assert not ChargingEvent.objects.filter(detail__spoilt=True).exists()


@pytest.mark.parametrize("how", ["python", "database"])
def test_one_that_hangs_is_interrupted(place: Place, how: str) -> None:
    place.go(1, 2)
    good = Ear()

    def hangs(event: ChargingEvent, now: dt.datetime) -> None:
        if how == "python":
            time.sleep(60)
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")

    began = time.monotonic()
    tell_all({"hangs": hangs, "good": good}, now=at(10), seconds=0.5)
    assert_within(time.monotonic() - began, 5)

    assert good.heard == ["CABLE_CONNECTED"]
    assert EventSubscriber.objects.get(name="hangs").failures == 1


@pytest.mark.django_db(transaction=True)
def test_two_processes_tell_each_event_once(place: Place) -> None:
    place.go(1, 2, 3, 4, 5, 6, 5, 7, 1)
    ear, inside, go_on = Ear(), threading.Event(), threading.Event()

    def slow(event: ChargingEvent, now: dt.datetime) -> None:
        inside.set()
        go_on.wait(30)
        ear(event, now)

    other = threading.Thread(target=_closing(lambda: tell(10, slow=slow)))
    other.start()
    assert inside.wait(30)
    assert tell(10, slow=ear) == 0
    go_on.set()
    other.join(60)

    assert ear.heard == place.kinds()


@pytest.mark.django_db(transaction=True)
def test_the_order_is_that_of_commits(place: Place) -> None:
    """An event of a transaction that is still open never comes before one already told."""
    heard = Ear()
    place.look(0, 1)
    started, finish = threading.Event(), threading.Event()

    def holds() -> None:
        with transaction.atomic():
            place.look(1, 2)
            started.set()
            finish.wait(30)

    first = threading.Thread(target=_closing(holds))
    first.start()
    assert started.wait(30)
    second = threading.Thread(target=_closing(lambda: place.look(2, 3)))
    second.start()
    tell(10, ear=heard)
    assert heard.heard == []
    finish.set()
    first.join(60)
    second.join(60)
    tell(11, ear=heard)

    assert heard.heard == ["CABLE_CONNECTED", "EV_CONNECTED"]


def _closing(do: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            do()
        finally:
            connections.close_all()

    return run


def test_shipped_ones_note_it_at_the_device_and_settle(place: Place) -> None:
    place.look(0, 3, current_limit_a=16)
    place.go(5, 7, 1, start=60, step=1800)

    tell_all(SUBSCRIBERS, now=at(4000))

    with place.red.scope():
        codes = list(DeviceEvent.objects.order_by("at", "code").values_list("code", flat=True))
    assert codes == sorted(codes, key=codes.index)
    assert {"CHARGE_STARTED", "CHARGE_STOPPED", "CABLE_DISCONNECTED"} <= set(codes)
    [session] = place.sessions()
    assert (session.energy_kwh, session.settled_at) == (Decimal("5.704"), at(4000))
