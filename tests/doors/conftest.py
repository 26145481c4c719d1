"""A meter, a worker, and programs that send to it over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key
from telemetry.doors import api, quota
from tests.ingest.conftest import Bench, bench  # noqa: F401 (the fixture below builds on it)

MakeKey = Callable[..., str]


@pytest.fixture
def meter(bench: Bench) -> Iterator[Bench]:  # noqa: F811
    """The meter of the pipeline's tests, by today's clock: the doors read the real one."""
    bench.now = timezone.now().replace(microsecond=0)
    for cached in (api._check_durable, quota.minute_counts):
        cached.cache_clear()
    yield bench


@pytest.fixture
def make_key(meter: Bench) -> MakeKey:
    """Return a function that makes a key of the meter's tenant, and gives its text."""

    def make(*, codes: tuple[str, ...] = ("write:telemetry",), **fields: Any) -> str:
        with meter.team.scope():
            new = create_key(
                name="Logger", codes=codes, expires_at=None, created_by=meter.team.owner,
                editor_codes=SYSTEM_ROLES["admin"], now=timezone.now(), **fields,
            )  # fmt: skip
        return new.secret.text

    return make


class Sender:
    """A program with a key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client()

    def ingest(self, document: Any, **headers: str) -> Any:
        """POST JSON to the door."""
        return self.raw(json.dumps(document).encode(), **headers)

    def raw(self, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
        """POST bytes to the door."""
        return self.client.post(
            "/api/v1/ingest", body, content_type, headers={"X-API-Key": self.key, **headers}
        )


@pytest.fixture
def sender(make_key: MakeKey) -> Sender:
    """A program that may send for all devices of the tenant."""
    return Sender(make_key())


@pytest.fixture
def device_key(meter: Bench, make_key: MakeKey) -> str:
    """The key of the meter."""
    return make_key(device_id=meter.device.id)
