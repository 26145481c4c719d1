"""Plans on the way in: who sends too much is told, and only far beyond it refused."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY
from redis.exceptions import ConnectionError as RedisDown

from accounts.models import AuditEvent, Plan
from telemetry.ingest.quota import MinuteCounts, Quota
from telemetry.models import RejectedMessage
from telemetry.services.rejected import prune_rejected, replay_rejected
from tests.factories import DeviceFactory, GatewayFactory, SiteFactory
from tests.ingest.conftest import START, Bench
from tests.pace import assert_within

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


@pytest.fixture
def one_a_second(bench: Bench) -> Bench:
    """A tenant whose plan allows 60 messages a minute."""
    tenant = bench.team.tenant
    tenant.plan = Plan.objects.create(name="Small", messages_per_second=1)
    tenant.save()
    return bench


def send(bench: Bench, number: int, first: int = 0) -> None:
    """Send messages with times of their own, all received now."""
    bench.send(*({"ts": T0 - first - n, "values": {"power": n}} for n in range(number)))
    bench.drain()


def notices() -> list[Any]:
    """Return the details of the notices."""
    events = AuditEvent.objects.filter(action="quota.exceeded").order_by("number")
    return [event.detail for event in events]


def counted(outcome: str) -> float:
    """Return the metric."""
    return REGISTRY.get_sample_value("energy_quota_exceeded_total", {"outcome": outcome}) or 0.0


def test_within_the_plan_nothing_happens(one_a_second: Bench) -> None:
    send(one_a_second, 60)
    assert (len(one_a_second.samples()), notices()) == (60, [])


def test_above_the_plan_all_is_stored_and_the_tenant_is_told_once_an_hour(
    one_a_second: Bench,
) -> None:
    before = counted("stored")
    send(one_a_second, 61)
    send(one_a_second, 10, first=100)

    assert len(one_a_second.samples()) == 71
    assert notices() == [{"messages": 61, "allowed": 60, "seconds": 60}]
    assert counted("stored") - before == 11

    one_a_second.now += dt.timedelta(minutes=61)
    one_a_second.worker._notices._redis.delete(*_told(one_a_second))
    send(one_a_second, 70, first=200)
    assert len(notices()) == 2


def _told(bench: Bench) -> list[bytes]:
    """Return the keys that have expired an hour later."""
    found: Any = bench.worker._notices._redis.keys("*quota.told.*")
    return list(found)


def test_beyond_ten_times_the_plan_it_is_rejected_and_the_books_balance(
    one_a_second: Bench,
) -> None:
    before = counted("rejected")
    send(one_a_second, 650)

    assert len(one_a_second.samples()) == 600
    assert one_a_second.reasons() == ["quota"] * 50
    assert counted("rejected") - before == 50
    assert (
        len(one_a_second.samples()) + sum(RejectedMessage.objects.values_list("count", flat=True))
        == 650
    )


def test_the_next_minute_begins_anew(one_a_second: Bench) -> None:
    send(one_a_second, 610)
    one_a_second.now += dt.timedelta(minutes=1)
    send(one_a_second, 20, first=1000)
    assert len(one_a_second.samples()) == 620


def test_a_backlog_counts_as_what_it_was_when_it_came(one_a_second: Bench) -> None:
    for minute in range(20):
        at = START - dt.timedelta(minutes=minute)
        document = [{"ts": T0 - minute * 60 - n, "values": {"power": n}} for n in range(50)]
        one_a_second.buffer.append([one_a_second.envelope(d, at=at) for d in document])
    one_a_second.drain()
    assert (len(one_a_second.samples()), notices()) == (1000, [])


def test_what_was_rejected_can_be_replayed(one_a_second: Bench) -> None:
    send(one_a_second, 650)
    ids = list(RejectedMessage.objects.values_list("id", flat=True))
    replay_rejected(ids=ids, now=START)
    one_a_second.drain()
    assert len(one_a_second.samples()) == 650


def test_an_entry_that_is_taken_again_is_judged_as_before(
    one_a_second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, real = one_a_second.worker, one_a_second.worker._store.write
    failures = iter(range(30))

    def write(change: Any) -> Any:
        if next(failures, None) is not None:
            raise OSError("the database is away")
        return real(change)

    monkeypatch.setattr(worker._store, "write", write)
    one_a_second.send(*({"ts": T0 - n, "values": {"power": n}} for n in range(100)))
    for _ in range(30):
        with pytest.raises(OSError, match="away"):
            worker.run_once()
    one_a_second.drain()

    assert len(one_a_second.samples()) == 100, "30 failures do not count 30 times"
    assert notices()[0]["messages"] == 100
    assert worker._quota._judged == {}


def test_two_workers_count_together(one_a_second: Bench) -> None:
    send(one_a_second, 590)
    other = one_a_second.make_worker("worker-2")
    one_a_second.send(*({"ts": T0 - 2000 - n, "values": {"power": n}} for n in range(20)))
    while one_a_second.redis.xlen(one_a_second.buffer.stream):
        other.run_once()
    other.close()
    assert (len(one_a_second.samples()), len(one_a_second.reasons())) == (600, 10)
    assert len(notices()) == 1


def test_without_redis_each_worker_counts_for_itself(
    one_a_second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def fail(self: MinuteCounts, _numbers: Any) -> Any:
        tries.append(1)
        raise RedisDown("away")

    monkeypatch.setattr(MinuteCounts, "_add_in_redis", fail)
    send(one_a_second, 40)
    send(one_a_second, 40, first=100)
    assert (len(one_a_second.samples()), len(tries)) == (80, 1)
    assert [notice["messages"] for notice in notices()] == [80]


def test_others_are_stored_beside_it(one_a_second: Bench, blue: Any) -> None:
    with blue.scope():
        site = SiteFactory(tenant=blue.tenant)
        gateway = GatewayFactory(tenant=blue.tenant, site=site, uid="gw-2")
        device = DeviceFactory(tenant=blue.tenant, site=site, gateway=gateway, uid="m")
    topic = f"tenant/{blue.tenant.id}/gw/gw-2/data/device/{device.uid}"
    flood = [one_a_second.envelope({"ts": T0 - n, "values": {"power": n}}) for n in range(700)]
    quiet = [one_a_second.envelope({"ts": T0 - n, "values": {"power": n}}, topic=topic)
             for n in range(700)]  # fmt: skip
    one_a_second.buffer.append([e for pair in zip(flood, quiet, strict=True) for e in pair])
    one_a_second.drain()
    assert set(one_a_second.reasons()) == {"quota"}
    assert len(one_a_second.samples()) == 600 + 700


def test_somebody_who_holds_the_trail_does_not_hold_up_the_worker(one_a_second: Bench) -> None:
    lock = "SELECT pg_advisory_lock(%s, hashtext(%s))"
    blocker = connection.copy()
    with blocker.cursor() as cursor:
        cursor.execute(lock, [0x61756474, str(one_a_second.team.tenant.id)])
        started = time.monotonic()
        send(one_a_second, 61)
        assert_within(time.monotonic() - started, 5)
        cursor.execute("SELECT pg_advisory_unlock_all()")
    blocker.close()
    assert (len(one_a_second.samples()), notices()) == (61, [])
    one_a_second.now += dt.timedelta(seconds=61)
    send(one_a_second, 61, first=500)
    assert len(notices()) == 1, "told as soon as it can be"


def test_no_plan_no_count(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MinuteCounts, "add", lambda *_a, **_k: pytest.fail("counted"))
    send(bench, 5)
    assert len(bench.samples()) == 5


def test_plans_are_read_once_for_many_chunks(
    one_a_second: Bench, django_assert_num_queries: Any
) -> None:
    quota = Quota()
    tenants = {one_a_second.team.tenant.id}
    with django_assert_num_queries(1):
        quota._load_plans(tenants, 100.0)
        quota._load_plans(tenants, 129.0)
    with django_assert_num_queries(1):
        quota._load_plans(tenants, 131.0)


def test_rejected_for_quota_push_out_nobody_else(
    one_a_second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_a_second.send(b"broken")
    one_a_second.drain()
    one_a_second.now += dt.timedelta(seconds=1)
    send(one_a_second, 605)
    one_a_second.now += dt.timedelta(minutes=1)
    send(one_a_second, 605, first=700)
    monkeypatch.setattr("telemetry.services.rejected.MAX_QUOTA_ROWS", 4)
    prune_rejected(now=START)
    reasons = one_a_second.reasons()
    assert reasons.count("quota") <= 5
    assert len(reasons) - reasons.count("quota") == 1
