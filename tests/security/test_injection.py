"""S31: parameters are values; none ever becomes a part of a query."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework import serializers

from accounts.api.params import ListParam
from devices.models import Device
from tests.factories import DeviceFactory
from tests.security.payloads import SQL
from tests.security.surfaces import all_surfaces

pytestmark = pytest.mark.django_db

HARMLESS = "zzqx"
# what makes each endpoint answer 200, so that the parameter under test is the only wrong one
BASE = {
    "/api/v1/telemetry/query": {"metric": "power", "from": "now-1h", "to": "now"},
}
SLOW_SECONDS = 4.9  # what would sleep, sleeps for five
# Parameters of the admin's lists. What a list ignores or takes as text goes into one request;
# what it may refuse with a redirect goes alone, else the others would not be looked at.
TOGETHER = ("q", "o", "p", "e", "_facets")
ALONE = (("id__exact",), ("tenant__id__exact",), ("password__startswith",))


@functools.cache
def endpoints() -> dict[str, type[serializers.Serializer]]:
    """Return the parameters that each endpoint of the API declares."""
    found = {}
    for surface in all_surfaces():
        view = getattr(surface.view, "cls", None) or getattr(surface.view, "view_class", None)
        declared = getattr(view, "params_class", None)
        if declared is not None and declared().fields:
            found[surface.path] = declared
    return found


def parameters() -> Iterator[tuple[str, str]]:
    for path, declared in endpoints().items():
        for name in declared().fields:
            yield path, name


@pytest.fixture
def device(red) -> Device:
    with red.scope():
        return DeviceFactory(tenant=red.tenant, name="Meter", uid="meter-1")


@pytest.fixture
def browser(red, client_for, device) -> Client:
    client = client_for(red.viewer)
    client.raise_request_exception = False
    return client


def ask(browser: Client, path: str, owned: Device, /, **params: str):
    path = path.replace(str(uuid.UUID(int=7)), str(owned.id))
    base = BASE.get(path, {})
    if "/query" in path:
        base = {"device": str(owned.id), **base}
    return browser.get(path, {**base, **params})


def test_the_corpus_is_large_enough():
    assert len(set(SQL)) >= 60
    assert {"/api/v1/devices", "/api/v1/telemetry/query"} <= set(endpoints())


@pytest.mark.parametrize(("path", "name"), sorted(parameters()))
def test_a_parameter_is_a_value(path, name, browser, device):
    harmless = ask(browser, path, device, **{name: HARMLESS})
    is_list = isinstance(endpoints()[path]().fields[name], ListParam)

    for payload in SQL:
        begun = time.monotonic()
        answer = ask(browser, path, device, **{name: payload})

        assert time.monotonic() - begun < SLOW_SECONDS, payload
        assert answer.status_code < 500, (payload, answer.content)
        if answer.status_code == 200 and harmless.status_code == 200 and not is_list:
            found = rows(answer)
            assert found == rows(harmless) or found == rows(ask(browser, path, device)), payload
        for leak in (b"psycopg", b"syntax error", b'SELECT \\"', b"Traceback"):
            assert leak not in answer.content, payload
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM devices_device")
        assert cursor.fetchone() == (1,)


def rows(answer) -> object:
    body = answer.json()
    return body.get("results", body) if isinstance(body, dict) else body


@pytest.mark.parametrize("payload", ["%", "_", "' OR '1'='1", "1 OR 1=1", "\\"])
def test_a_search_finds_the_text_itself_and_nothing_else(browser, red, payload):
    with red.scope():
        DeviceFactory(tenant=red.tenant, name=f"odd {payload} name")

    found = browser.get("/api/v1/devices", {"q": payload}).json()["results"]

    expected = {f"odd {payload} name"}
    assert {row["name"] for row in found} == expected


def test_orders_are_those_that_are_declared(browser):
    for payload in ("tenant_id", "password", "gateway__broker_password", "name,(SELECT 1)", "?"):
        assert browser.get("/api/v1/devices", {"ordering": payload}).status_code == 400


def test_a_cursor_of_ones_own_making_is_refused(browser):
    from django.core import signing

    forged = signing.dumps(["name", "n", "' OR 1=1--", "x"], key="guessed" * 8, salt="page")

    answer = browser.get("/api/v1/devices", {"cursor": forged})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda m: m._meta.label),
                         ids=lambda model: model._meta.label_lower)  # fmt: skip
def test_lists_of_the_admin_take_values_too(model, staff, client_for):
    client = client_for(staff)
    client.raise_request_exception = False
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    for payload in SQL[::11]:
        for names in (TOGETHER, *ALONE):
            begun = time.monotonic()
            answer = client.get(url, dict.fromkeys(names, payload))

            assert answer.status_code < 500, (url, names, payload)
            assert names != TOGETHER or answer.status_code == 200, (url, payload)
            assert time.monotonic() - begun < SLOW_SECONDS, (url, names, payload)
