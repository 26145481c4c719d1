"""What is kept between requests serves one tenant only: keys of Redis, cached answers (S06)."""

from __future__ import annotations

import re

import pytest

from energy.lib import redis as redis_clients
from energy.lib.redis import ephemeral
from tests.conftest import KEY_PREFIX
from tests.isolation.outlets import bytes_of, found_in
from tests.isolation.surfaces import SURFACES
from tests.isolation.test_matrix import questions

pytestmark = pytest.mark.django_db

# Keys of the ephemeral Redis that carry no tenant's id, and why none is needed.
WITHOUT_TENANT = {
    r"cache:\d+:allauth": "counts tries to sign in, by account and address",
    r"cache:\d+:axes": "counts failed sign-ins, by account and address",
    r"cache:\d+:seen\.[0-9a-f]{64}$": "hash of a session: its use is noted every five minutes",
    r"live\.ticket\.[0-9a-f]{64}$": "is the hash of a secret; whose it is stands in its value",
    r"limit[.:].*": "counts calls; see accounts/limits",
    r"web\.load\.\d+$": "counts requests of all, for the platform's own alarms",
    r"heartbeats$": "when programs of the platform were last alive",
}
READERS = ("A admin", "A viewer", "B admin", "wide key", "B token")


@pytest.fixture
def keys(redis, settings):
    """Forget all keys; return a function that lists those written since."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 100_000)  # they count in keys
    redis_clients.ephemeral.cache_clear()
    for key in ephemeral().scan_iter(f"{KEY_PREFIX}*", count=1000):
        ephemeral().delete(key)

    def written() -> list[str]:
        found = ephemeral().scan_iter(f"{KEY_PREFIX}*", count=1000)
        return sorted(key.decode().removeprefix(KEY_PREFIX) for key in found)

    return written


def read_all(everybody, names, world):
    """Read every address of a world as several people."""
    for name in names:
        client = everybody[name].client
        for surface in SURFACES:
            if surface.code("GET"):
                client.get(surface.url(world.objects))
        for url, kind in questions(world):
            client.get(url, headers={"Accept": kind})
        client.post("/api/v1/live/ticket")


def test_each_key_names_a_tenant_or_says_why_not(worlds, everybody, keys):
    a, b = worlds
    ids = {form for w in worlds for form in (str(w.tenant.id), w.tenant.id.hex)}
    read_all(everybody, ("A admin", "wide key"), a)
    read_all(everybody, ("B admin",), b)
    everybody["anonymous"].client.post(
        "/accounts/login/", {"login": "x@x.example", "password": "x"}
    )

    unknown = [
        key for key in keys()
        if not any(id_ in key for id_ in ids)
        and not any(re.match(pattern, key) for pattern in WITHOUT_TENANT)
    ]  # fmt: skip
    assert unknown == [], (
        f"Put the tenant's id into these keys of Redis ({unknown}), or say in WITHOUT_TENANT of "
        "tests/isolation/test_cache.py "
        'why they need none: r"<pattern>": "<why>",'
    )


def test_what_one_warms_another_does_not_read(worlds, everybody, ear):
    a, b = worlds
    urls = [(s.url(a.objects), "*/*") for s in SURFACES if s.code("GET")]
    for url, kind in [*urls, *questions(a)]:
        warm = everybody["A admin"].client.get(url, headers={"Accept": kind})
        etag = warm.headers.get("ETag", '"none"')
        for name in ("B admin", "B token", "B key", "anonymous", "superuser", "A limited"):
            who = everybody[name]
            ear.take()
            answer = who.client.get(url, headers={"Accept": kind, "If-None-Match": etag})

            assert found_in(bytes_of(answer) + ear.take(), who.forbidden(a, b)) == [], (name, url)
            # "not modified" would confirm what the other has read
            assert answer.status_code != 304 or name == "A limited", (name, url)


def test_no_shared_cache_may_keep_an_answer(worlds, everybody):
    a, _b = worlds
    loose = []
    for surface in SURFACES:
        for name in ("A admin", "wide token", "wide key"):
            who = everybody[name]
            if not surface.code("GET") or (who.is_for_api and not surface.is_api):
                continue
            answer = who.client.get(surface.url(a.objects))
            control = answer.headers.get("Cache-Control", "")
            varied = {part.strip().lower() for part in answer.headers.get("Vary", "").split(",")}
            is_private = "private" in control or "no-store" in control
            needed = {"cookie"} if not who.is_for_api else {"authorization", "x-api-key"}
            if answer.status_code == 200 and not is_private and not needed & varied:
                loose.append((surface.route, name, control, sorted(varied)))

    assert loose == []
