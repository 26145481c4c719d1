"""Where the values of a channel go; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MAX_ROUTES = 200_000
FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Route:
    """Tenant (hex), device (uuid text) and metric of a channel."""

    tenant: str
    device: str
    metric: str


LoadRoutes = Callable[[list[int]], Mapping[int, Route]]


class RouteCache:
    """Routes by channel key, loaded with one query for all that are missing.

    Routes into rooms with viewers are read again after ten seconds: a device that moved
    to another tenant must not be seen by the old one.
    """

    def __init__(self, load: LoadRoutes) -> None:
        self._load = load
        self._routes: dict[int, Route | None] = {}
        self._checked_at: dict[int, float] = {}

    def find(
        self, channels: Iterable[int], *, tenants: Mapping[str, object], now: float
    ) -> dict[int, Route]:
        """Return the routes of those channels that lead into one of these tenants' rooms."""
        wanted = list(channels)
        missing = [channel for channel in wanted if self._must_load(channel, tenants, now)]
        if missing:
            self._learn(missing, now)
        routes = ((channel, self._routes.get(channel)) for channel in wanted)
        return {channel: route for channel, route in routes if route and route.tenant in tenants}

    def _must_load(self, channel: int, tenants: Mapping[str, object], now: float) -> bool:
        if channel not in self._routes:
            return True
        route = self._routes[channel]
        if route is not None and route.tenant not in tenants:
            return False
        return now - self._checked_at[channel] >= FRESH_SECONDS

    def _learn(self, channels: list[int], now: float) -> None:
        loaded = self._load(channels)
        if len(self._routes) + len(channels) > MAX_ROUTES:
            self._routes.clear()
            self._checked_at.clear()
        for channel in channels:
            self._routes[channel] = loaded.get(channel)
            self._checked_at[channel] = now
