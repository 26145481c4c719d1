"""S34: who calls too often is told when to come back, and slows nobody else."""

from __future__ import annotations

import time
import uuid

import pytest
from django.test import Client, RequestFactory
from redis.exceptions import ConnectionError as RedisDown

from accounts.limits import counting, middleware
from accounts.limits.counting import CallCounter, LocalCounts, call_counter
from accounts.limits.window import Limit, decide, seconds_until_room
from accounts.models import Plan
from accounts.rbac.registry import CODES
from accounts.services.keys import create_key
from energy.lib.redis import ephemeral
from tests.factories import NOW
from tests.pace import assert_within

URL = "/api/v1/devices"
START = 1_800_000_000.0  # a window begins here


@pytest.fixture
def counter(redis) -> CallCounter:
    """Counters of this test alone."""
    call_counter.cache_clear()
    yield call_counter()
    call_counter.cache_clear()


@pytest.fixture
def limits(settings, counter):
    """Return a function that sets limits; what is not named is unlimited."""

    def choose(**calls: int) -> None:
        settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS) | calls

    choose()
    return choose


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Hold the clock of the limits still; tests move it."""
    now = [START]
    monkeypatch.setattr(middleware.time, "time", lambda: now[0])
    return now


def give_plan(team, calls: int) -> None:
    team.tenant.plan = Plan.objects.create(
        name=f"{team.tenant.slug} {calls}", api_calls_per_minute=calls
    )
    team.tenant.save()


def make_key(team, name: str) -> str:
    """Return the secret of a new key that may read devices."""
    with team.scope():
        new = create_key(
            name=name, codes=["read:device"], expires_at=None, created_by=team.owner,
            editor_codes=CODES, now=NOW,
        )  # fmt: skip
    return new.secret.text


# --- the window


def take_many(counter, limit: Limit, number: int, now: float) -> int:
    return sum(counter.take([limit], now=now).is_allowed for _ in range(number))


@pytest.fixture(params=["redis", "process"])
def either(request, counter):
    """Count in Redis, then in the process: both must agree."""
    if request.param == "process":
        counter._away_until = float("inf")
    return counter


def test_exactly_the_limit_fits_into_a_minute(either):
    limit = Limit("tenant", uuid.uuid4().hex, 60)

    assert take_many(either, limit, 100, START) == 60
    assert take_many(either, limit, 100, START + 59.9) == 0


def test_the_window_slides(either):
    limit = Limit("tenant", uuid.uuid4().hex, 60)
    take_many(either, limit, 60, START)

    assert take_many(either, limit, 100, START + 90) == 30
    assert take_many(either, limit, 100, START + 240) == 60


@pytest.mark.parametrize("when", [0, 13, 59])
def test_waiting_as_told_is_enough_and_a_second_less_is_not(either, when):
    limit = Limit("tenant", uuid.uuid4().hex, 7)
    take_many(either, limit, 7, START + when)
    refused = either.take([limit], now=START + when)

    assert not refused.is_allowed
    back = START + when + refused.wait_seconds
    assert not either.take([limit], now=back - 1).is_allowed
    assert either.take([limit], now=back + 0.01).is_allowed


def test_refused_calls_do_not_count(either):
    limit = Limit("tenant", uuid.uuid4().hex, 10)
    take_many(either, limit, 10, START)
    take_many(either, limit, 5000, START + 1)

    assert take_many(either, limit, 20, START + 90) == 5


def test_a_call_refused_by_one_limit_is_not_taken_from_the_others(either):
    person = Limit("person", uuid.uuid4().hex, 2)
    tenant = Limit("tenant", uuid.uuid4().hex, 10)

    decisions = [either.take([person, tenant], now=START) for _ in range(50)]

    assert sum(d.is_allowed for d in decisions) == 2
    assert decisions[-1].limit is person
    assert take_many(either, tenant, 50, START) == 8


def test_the_limit_closest_to_its_end_is_told(either):
    person = Limit("person", uuid.uuid4().hex, 5)
    tenant = Limit("tenant", uuid.uuid4().hex, 100)

    decision = either.take([tenant, person], now=START)

    assert (decision.limit, decision.remaining) == (person, 4)


def test_a_limit_of_nothing_allows_nothing_and_never_says_now():
    closed = Limit("tenant", "x", 0)

    decision = decide([closed], [(0, 0)], 5.0)

    assert not decision.is_allowed
    assert seconds_until_room(0, 10, 30.0, 10) > 30


def test_counters_of_the_process_are_bounded(monkeypatch):
    monkeypatch.setattr(counting, "MAX_LOCAL_SUBJECTS", 100)
    counts = LocalCounts()

    for number in range(1000):
        counts.count([Limit("address", str(number), 5)], 1, 0.0)

    assert len(counts._counts) <= 100


# --- Redis away


def test_calls_go_on_without_redis_and_one_line_says_so(counter, monkeypatch, caplog):
    attempts = []

    def fail(*args, **kwargs):
        attempts.append(args)
        raise RedisDown

    monkeypatch.setattr(counter, "_script", fail)
    limit = Limit("tenant", uuid.uuid4().hex, 5)

    allowed = take_many(counter, limit, 50, START)

    assert allowed == 5  # this process counts for itself
    assert len(attempts) == 1
    assert caplog.text.count("limits.redis_away") == 1
    counter.take([limit], now=START + counting.PAUSE_SECONDS + 1)
    assert len(attempts) == 2


def test_a_redis_that_hangs_costs_a_quarter_of_a_second_once():
    import socket

    from energy.lib.redis import connect

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        counter = CallCounter(connect(url, timeout_seconds=counting.TIMEOUT_SECONDS))
        limit = Limit("tenant", "x", 1000)

        begun = time.monotonic()
        for _ in range(20):
            assert counter.take([limit], now=START).is_allowed

        assert_within(time.monotonic() - begun, 1.0)


# --- requests


@pytest.mark.django_db
def test_a_tenant_beyond_its_plan_is_told_when_to_come_back(red, client_for, limits, clock):
    give_plan(red, 5)
    client = client_for(red.viewer)

    answers = [client.get(URL) for _ in range(8)]

    assert [a.status_code for a in answers] == [200] * 5 + [429] * 3
    assert [a["RateLimit-Remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["scope"] == "tenant"
    assert (refused["RateLimit-Limit"], refused["RateLimit-Policy"]) == ("5", "5;w=60")
    assert refused["RateLimit-Remaining"] == "0"
    assert 60 <= int(refused["Retry-After"]) <= 73
    clock[0] += int(refused["Retry-After"])
    assert client.get(URL).status_code == 200


@pytest.mark.django_db
def test_all_people_of_a_tenant_share_its_plan(red, client_for, limits, clock):
    give_plan(red, 4)

    callers = (red.owner, red.operator, red.viewer, red.owner, red.viewer)

    codes = [client_for(person).get(URL).status_code for person in callers]

    assert codes == [200, 200, 200, 200, 429]


@pytest.mark.django_db
def test_fifty_times_too_much_does_not_slow_another_tenant(red, blue, client_for, limits, clock):
    give_plan(red, 10)
    give_plan(blue, 10)
    noisy, quiet = client_for(red.viewer), client_for(blue.viewer)
    quiet.get(URL)

    def measure() -> float:
        begun = time.perf_counter()
        assert quiet.get(URL).status_code == 200
        return time.perf_counter() - begun

    alone = [measure() for _ in range(4)]
    codes, beside = [], []
    for _ in range(4):
        codes += [noisy.get(URL).status_code for _ in range(125)]
        beside.append(measure())

    assert (codes.count(200), codes.count(429)) == (10, 490)
    assert_within(min(beside), 3 * min(alone) + 0.02)


@pytest.mark.django_db
def test_a_refused_call_reaches_no_view_and_no_tenant_data(
    red, client_for, limits, clock, django_assert_max_num_queries
):
    give_plan(red, 1)
    client = client_for(red.viewer)
    client.get(URL)

    with django_assert_max_num_queries(4) as found:
        client.get(URL)

    assert not [q for q in found.captured_queries if "devices_" in q["sql"]]


@pytest.mark.django_db
def test_one_person_cannot_use_up_the_plan(red, client_for, limits, clock):
    limits(person=3)
    give_plan(red, 100)
    client = client_for(red.viewer)

    answers = [client.get(URL) for _ in range(5)]

    assert [a.status_code for a in answers] == [200] * 3 + [429] * 2
    assert answers[-1].json()["scope"] == "person"
    assert client_for(red.owner).get(URL).status_code == 200


@pytest.mark.django_db
def test_strangers_are_limited_by_address(client, limits, clock):
    limits(address=3)

    def codes(address: str, **more: str) -> list[int]:
        return [client.get(URL, REMOTE_ADDR=address, **more).status_code for _ in range(4)]

    assert codes("198.51.100.1") == [401] * 3 + [429]
    assert codes("198.51.100.1", HTTP_X_FORWARDED_FOR="9.9.9.9") == [429] * 4
    assert codes("198.51.100.2") == [401] * 3 + [429]
    assert client.get("/accounts/login/", REMOTE_ADDR="198.51.100.1").status_code == 200


@pytest.mark.django_db
def test_a_member_at_the_address_of_a_guesser_goes_on(red, client, client_for, limits, clock):
    limits(address=1)
    for _ in range(3):
        client.get(URL)

    assert client_for(red.viewer).get(URL).status_code == 200


@pytest.mark.django_db
def test_pages_are_not_limited_by_the_plan(red, client_for, limits, clock):
    give_plan(red, 1)
    client = client_for(red.viewer)

    answers = [client.get("/") for _ in range(5)]

    assert {a.status_code for a in answers} == {200}
    assert "RateLimit-Limit" not in answers[0]


@pytest.mark.django_db
def test_posts_that_send_mail_are_few(client: Client, limits, clock, mailoutbox):
    limits(mail=2)

    def ask(number: int):
        return client.post("/accounts/password/reset/", {"email": f"somebody{number}@example.com"})

    answers = [ask(number) for number in range(4)]

    assert [a.status_code for a in answers] == [302, 302, 429, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert b"429" in answers[-1].content
    assert client.get("/accounts/password/reset/").status_code == 200


@pytest.mark.django_db
def test_a_view_of_our_own_says_that_it_sends_mail(limits, clock):
    from accounts.limits.policy import sends_mail

    request = RequestFactory().post("/")
    request.resolver_match = None

    def view(request):
        return None

    assert not sends_mail(request, view)
    view.sends_mail = True
    assert sends_mail(request, view)


def test_keys_in_redis_end(counter):
    limit = Limit("tenant", uuid.uuid4().hex, 10)
    counter.take([limit], now=START)

    found = list(ephemeral().scan_iter(f"*{limit.subject}*"))

    assert len(found) == 1
    assert 60 < ephemeral().ttl(found[0]) <= 125


@pytest.mark.django_db
def test_a_key_has_a_limit_of_its_own_within_the_plan(red, client, limits, clock):
    first, second = make_key(red, "first"), make_key(red, "second")
    limits(key=2)
    give_plan(red, 3)

    def codes(key: str) -> list[int]:
        return [client.get(URL, headers={"X-API-Key": key}).status_code for _ in range(3)]

    assert codes(first) == [200, 200, 429]
    assert codes(second) == [200, 429, 429]


@pytest.mark.django_db
def test_guessing_keys_is_limited_by_address(red, client, limits, clock):
    good = make_key(red, "good")
    limits(address=2)

    guesses = [client.get(URL, headers={"X-API-Key": f"ek_{n:08d}_guess"}) for n in range(4)]

    assert [answer.status_code for answer in guesses] == [401, 401, 429, 429]
    assert int(guesses[-1]["Retry-After"]) > 0
    assert client.get(URL, headers={"X-API-Key": good}).status_code == 200
