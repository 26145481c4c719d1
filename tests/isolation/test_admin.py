"""The admin: each of its routes, filters, choices and actions with everybody.

Generated from the registry and the resolver; what a tenant's administrator can do inside
stands in tests/admin.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import ForeignKey
from django.urls import URLPattern

from tests.isolation import state
from tests.isolation.outlets import bytes_of, found_in
from tests.isolation.people import Principal
from tests.isolation.surfaces import routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

# Registered tables of which no row belongs to a tenant, and why.
WITHOUT_ROW = {
    "account": "addresses of people, of allauth; for platform staff",
    "auth": "groups of platform staff",
    "axes": "failed sign-ins; for platform staff",
    "django_celery_beat": "when jobs of the platform run",
    "mfa": "second factors of people; for platform staff",
    "usersessions": "browsers of people; for platform staff",
    "alarms.AlarmCheck": "limits of the platform's own checks; for platform staff",
    "alarms.DeviceEventNote": "work for the watch; for platform staff",
    "automation.AutomationEventNote": "work for rules; for platform staff",
    "charging.EventSubscriber": "parts of the product and how far they are; for platform staff",
    "devices.BrokerChange": "work for the broker; for platform staff",
    "devices.CertificateAuthority": "is the platform's own; for platform staff",
    "devices.FirmwareSigner": "is the platform's own; for platform staff",
    "devices.PublishedRelease": "is the platform's own; for platform staff",
    "devices.OutboundMessage": "is read by its sender; for platform staff",
    "devices.PortLease": "names ports of machines; for platform staff",
    "devices.PendingDevice": "boxes that nobody owns; for platform staff",
    "devices.RevokedCertificate": "goes into the public list; for platform staff",
    "telemetry.SamplePartition": "describes tables; for platform staff",
}
MODELS = [pytest.param(model, id=model._meta.label) for model in admin.site._registry]
# who stays outside of the admin, and people of B inside of theirs
OUTSIDE = (
    "anonymous", "A viewer", "A operator", "A limited", "A guest", "both as A", "removed member",
    "disabled user", "staff without tenant", "wide token", "wide key", "A's device",
)  # fmt: skip
ADMIN_ROUTES = [(route, pattern) for route, pattern in routes() if route.startswith("admin/")]


def test_every_registered_table_has_a_row_in_the_world(worlds):
    a, _b = worlds
    unknown = {
        model._meta.label
        for model in admin.site._registry
        if not {model._meta.label, model._meta.app_label} & set(WITHOUT_ROW)
    } - set(a.rows)

    assert unknown == set(), (
        "Put a row of the tenant into `world.rows` at the end of _fill() in "
        f"tests/isolation/world.py for {sorted(unknown)}; when none can belong to a tenant, "
        "say why in WITHOUT_ROW of tests/isolation/test_admin.py."
    )


def model_of(route: str) -> str:
    """Return app and table of a route, such as "devices/device"; "" for the site's own."""
    found = re.match(r"admin/(\w+/\w+)/", route)
    return found[1] if found else ""


def own_routes(model: Any) -> list[tuple[str, URLPattern]]:
    """Return the routes of a registered table."""
    name = f"{model._meta.app_label}/{model._meta.model_name}"
    return [(route, pattern) for route, pattern in ADMIN_ROUTES if model_of(route) == name]


def addresses(model: Any, world: World) -> list[str]:
    """Return each address of a table, with the key of a tenant's row."""
    row = world.rows.get(model._meta.label)
    key = str(row.pk) if row is not None else "1"
    return ["/" + re.sub(r"<[^>]+>", key, route) for route, _ in own_routes(model)]


def questions(model: Any, world: World) -> Iterator[str]:
    """Yield addresses that name a tenant's row in a query: search, filters, choices."""
    meta, row = model._meta, world.rows.get(model._meta.label)
    listed = f"/admin/{meta.app_label}/{meta.model_name}/"
    yield f"{listed}?q={world.word}"
    yield f"{listed}?tenant__id__exact={world.tenant.pk}"
    for given in admin.site._registry[model].list_filter:
        name = given[0] if isinstance(given, tuple) else given
        if isinstance(name, str) and "__" not in name:
            field = meta.get_field(name)
            value = getattr(row, field.attname, 1) if row is not None else 1
            yield f"{listed}?{name}{'__id' if field.is_relation else ''}__exact={value}"
    for field in meta.concrete_fields:
        if isinstance(field, ForeignKey):
            yield (
                f"/admin/autocomplete/?app_label={meta.app_label}&model_name={meta.model_name}"
                f"&field_name={field.name}&term=canary&tenant={world.tenant.pk}"
            )
            yield f"{listed}add/?{field.name}={getattr(row, field.attname, 1)}"


def forged(model: Any, world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield forms that would change a tenant's rows: each route, each action, the list."""
    meta, row = model._meta, world.rows.get(model._meta.label)
    key = str(row.pk) if row is not None else "1"
    garbage = {f.name: "forged" for f in meta.concrete_fields if f.editable}
    fields = garbage | {
        f.name: str(getattr(row, f.attname, 1))
        for f in meta.concrete_fields
        if f.editable and f.is_relation
    }
    for url in addresses(model, world):
        yield url, {**fields, "post": "yes", "_save": "1"}
        if url.endswith(("/add/", "/change/")):
            yield url, {**garbage, "_save": "1"}
    listed = f"/admin/{meta.app_label}/{meta.model_name}/"
    for action in ("delete_selected", *_names_of_actions(admin.site._registry[model])):
        yield listed, {"action": action, "_selected_action": [key], "post": "yes", "index": 0}
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": key, "_save": "1"}
    yield listed, {**rows, "form-0-name": "forged"}


def _names_of_actions(registered: Any) -> list[str]:
    return [a if isinstance(a, str) else a.__name__ for a in registered.actions or ()]


def check(who: Principal, answer: Any, heard: bytes, a: World, b: World, url: str) -> None:
    """Fail on an error of the server and on words that are not for them."""
    assert answer.status_code < 500, (who.name, url)
    data = bytes_of(answer) + heard
    assert found_in(data, who.forbidden(a, b)) == [], (who.name, url)


@pytest.mark.parametrize("model", MODELS)
def test_the_admin_is_closed_to_who_does_not_administer(model, worlds, everybody, ear):
    a, b = worlds
    for name, url in itertools.product(OUTSIDE, addresses(model, a)):
        who = everybody[name]
        ear.take()
        answer = who.client.get(url)

        inside = name == "staff without tenant"  # they enter, and have no right to any table
        assert answer.status_code in ({403, 302, 404} if inside else {302}), (name, url)
        check(who, answer, ear.take(), a, b, url)


@pytest.mark.parametrize("model", MODELS)
def test_an_administrator_finds_nothing_of_another_tenant(model, worlds, everybody, ear):
    a, b = worlds
    who = everybody["B admin"]
    for url in [*addresses(model, a), *questions(model, a)]:
        ear.take()
        answer = who.client.get(url)

        assert answer.status_code in {200, 302, 400, 403, 404}, url
        # what the address itself says may be repeated
        words = [w for w in who.forbidden(a, b) if f"={w}" not in url]
        assert found_in(bytes_of(answer) + ear.take(), words) == [], url
        if answer.status_code == 200:
            assert str(a.rows.get(model._meta.label)) not in answer.content.decode() or (
                f"={a.word}" in url or "=" in url
            ), url


@pytest.mark.parametrize("model", MODELS)
def test_forms_of_strangers_change_nothing(model, worlds, everybody, ear):
    a, b = worlds
    for names, tenant_id in ((OUTSIDE, None), (("B admin",), a.tenant.id)):
        before = state.fingerprint(tenant_id)
        for name, (url, form) in itertools.product(names, forged(model, a)):
            who = everybody[name]
            ear.take()
            answer = who.client.post(url, form)

            check(who, answer, ear.take(), a, b, url)
            if name != "B admin":
                assert answer.status_code in {302, 403, 404, 405}, (name, url)
        assert state.changed(before, state.fingerprint(tenant_id)) == [], names


@pytest.mark.parametrize("model", MODELS)
def test_platform_staff_see_all_and_no_secret(model, worlds, everybody):
    a, _b = worlds
    root = everybody["superuser"].client
    meta = model._meta

    listed = root.get(f"/admin/{meta.app_label}/{meta.model_name}/")

    assert listed.status_code == 200
    assert a.key is not None
    assert found_in(bytes_of(listed), [a.key.secret.secret, a.key.key.hashed]) == []


def test_the_sites_own_pages_tell_strangers_nothing(worlds, everybody, ear):
    a, b = worlds
    own = [r for r, _ in ADMIN_ROUTES if not model_of(r) and "<" not in r and "(" not in r]
    for name, route in itertools.product((*OUTSIDE, "B admin"), own):
        if "logout" in route:
            continue
        who = everybody[name]
        ear.take()
        answer = who.client.get(f"/{route}")
        check(who, answer, ear.take(), a, b, route)
