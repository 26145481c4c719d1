"""Meters of two tenants, and the hub inside the test's transaction."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import connections

from telemetry.live import consumer as consumer_module
from telemetry.live import event_desk
from telemetry.live import hub as hub_module
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    LatestValueFactory,
)
from tests.live.site import Site


@pytest.fixture
def own_layer() -> Iterator[None]:
    """A channel layer bound to the event loop of the test."""
    channel_layers.backends = {}
    yield
    channel_layers.backends = {}


@pytest.fixture
def own_connection(db: None) -> Any:
    """The database connection of synchronous code, where the test's transaction is open."""
    return connections["default"]


@pytest.fixture
async def in_one_thread(own_connection, monkeypatch) -> list[str]:
    """Let the hub ask the database in the test's thread, inside the test's transaction.

    Returns the names of the functions that asked. Threads are used in tests/live.
    """
    asked: list[str] = []
    connections["default"] = own_connection  # each async context would get one of its own
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

    def ask_here(function: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(*args: Any, **kwargs: Any) -> Any:
            asked.append(function.__name__)
            connections["default"] = own_connection
            await asyncio.sleep(0)
            return function(*args, **kwargs)

        return answer

    for module, name in (
        (hub_module, "find_devices"),
        (hub_module, "find_withdrawn"),
        (hub_module, "read_latest"),
        (hub_module, "find_standing"),
        (event_desk, "find_standing"),
        (event_desk, "open_events"),
        (event_desk, "read_missed"),
        (consumer_module, "sign_in"),
        (consumer_module, "sign_in_by_message"),
    ):
        monkeypatch.setattr(module, name, ask_here(getattr(module, name).func))
    return asked


@pytest.fixture
def meter(red):
    """A meter of red with one value."""
    device = DeviceFactory(tenant=red.tenant)
    LatestValueFactory(channel=ChannelFactory(device=device, name="power"))
    return device


@pytest.fixture
def foreign(blue):
    """A meter of blue."""
    device = DeviceFactory(tenant=blue.tenant)
    LatestValueFactory(channel=ChannelFactory(device=device, name="power"))
    return device


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the servers and processes once for all tests with a real daphne."""
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that keeps figures for the report; `pytest -rP` shows them."""

    def keep(**figures: object) -> None:
        for name, value in figures.items():
            shown = round(value, 2) if isinstance(value, float) else value
            record_property(name, str(shown))  # xdist carries plain types only
            sys.stdout.write(f"{name}: {shown}\n")

    return keep
