"""Sign-in goes on while the ephemeral Redis is away."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.test import Client

from energy.lib import cache as module
from energy.lib.cache import RedisOrMemoryCache
from tests.factories import PASSWORD


@pytest.fixture
def away(settings, monkeypatch):
    """Point the cache to a port where nobody listens."""
    monkeypatch.setattr(RedisOrMemoryCache, "_away_until", 0.0)
    changed = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": changed}
    yield caches["default"]
    caches["default"].clear()


def test_the_process_remembers_meanwhile(away, caplog):
    away.set("a", 1, 60)

    assert away.get("a") == 1
    assert away.add("a", 2) is False
    assert away.incr("a") == 2
    assert away.get_many(["a", "b"]) == {"a": 2}
    assert away.delete("a") is True
    assert away.get("a", "nothing") == "nothing"
    assert caplog.text.count("cache.redis_away") == 1


def test_redis_is_asked_again_after_a_pause(settings, monkeypatch, redis):
    monkeypatch.setattr(RedisOrMemoryCache, "_away_until", 0.0)
    cache = caches["default"]
    cache.set("kept", "in redis", 60)
    monkeypatch.setattr(RedisOrMemoryCache, "_away_until", float("inf"))
    assert cache.get("kept") is None

    monkeypatch.setattr(RedisOrMemoryCache, "_away_until", module.time.monotonic() - 1)

    assert cache.get("kept") == "in redis"
    cache.delete("kept")


@pytest.mark.django_db
def test_people_sign_in_and_guessers_are_stopped(away, red):
    answer = Client().post("/accounts/login/", {"login": red.viewer.email, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")

    tries = [
        Client().post("/accounts/login/", {"login": red.owner.email, "password": "wrong"})
        for _ in range(15)
    ]
    assert {response.status_code for response in tries} <= {200, 302, 403, 429}
    assert tries[-1].status_code in {403, 429}
