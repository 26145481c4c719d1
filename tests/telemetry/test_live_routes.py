"""The cache that knows where a channel's values go."""

from __future__ import annotations

from telemetry.live import routes
from telemetry.live.routes import Route, RouteCache

RED = {"red": frozenset({"*"})}


class Table:
    """Counts the questions to the database."""

    def __init__(self, found: dict[int, Route]) -> None:
        self.found = found
        self.asked: list[list[int]] = []

    def load(self, channels: list[int]) -> dict[int, Route]:
        self.asked.append(channels)
        return {channel: self.found[channel] for channel in channels if channel in self.found}


def make_table() -> Table:
    return Table({1: Route("red", "d1", "power"), 2: Route("blue", "d2", "power")})


def test_finds_only_routes_into_watched_rooms():
    table = make_table()

    found = RouteCache(table.load).find([1, 2, 3], tenants=RED, now=0.0)

    assert found == {1: Route("red", "d1", "power")}
    assert table.asked == [[1, 2, 3]]


def test_asks_for_nothing_twice():
    table = make_table()
    cache = RouteCache(table.load)
    cache.find([1, 2], tenants=RED, now=0.0)

    cache.find([1, 2, 3], tenants=RED, now=1.0)

    assert table.asked == [[1, 2], [3]]


def test_a_moved_device_leaves_the_old_room_within_ten_seconds():
    table = make_table()
    cache = RouteCache(table.load)
    cache.find([1, 2], tenants=RED, now=0.0)
    table.found[1] = Route("blue", "d1", "power")

    found = cache.find([1, 2], tenants=RED, now=10.0)

    assert found == {}
    assert table.asked == [[1, 2], [1]]


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(routes, "MAX_ROUTES", 3)
    table = make_table()
    cache = RouteCache(table.load)

    for channel in range(10):
        cache.find([channel], tenants=RED, now=0.0)

    assert len(cache._routes) <= 3
