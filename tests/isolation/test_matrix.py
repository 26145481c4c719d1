"""Every route with every principal: who is answered what, and what they get to read."""

from __future__ import annotations

import itertools
import re
import uuid
from typing import Any

import pytest

from tests.isolation.surfaces import GUESTS_MAY, SURFACES, UNKNOWN, Surface
from tests.isolation.world import Principal, fingerprint

# each test is rolled back to the world as the module made it
pytestmark = pytest.mark.django_db

NAMES = ["anonymous", "removed member", "disabled user", "B admin", "staff without tenant",
         "superuser", "A guest", "A limited", "both as A", "reseller of A", "A admin",
         "A operator", "A viewer"]  # fmt: skip
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
REFUSED = ["anonymous", "removed member", "disabled user", "B admin", "staff without tenant",
           "A guest", "A limited", "A viewer"]  # fmt: skip
BY_ROUTE = [pytest.param(surface, id=surface.route or "home") for surface in SURFACES]
WITH_OBJECT = [pytest.param(s, id=s.route) for s in SURFACES if s.parameter]


def test_every_url_is_classified():
    assert UNKNOWN == [], "Say in tests/isolation/surfaces.py what a stranger may see of these."


def call(who: Principal, surface: Surface, method: str, object_id: object) -> Any:
    """Send a request without content."""
    url, send = surface.url(object_id), getattr(who.client, method.lower())
    if method in UNSAFE:
        return (
            send(url, data=b"{}", content_type="application/json") if surface.is_api else send(url)
        )
    return send(url)


def expected(who: Principal, surface: Surface, method: str) -> set[int]:
    """Return the statuses that are right for an object of tenant A."""
    code = surface.code(method)
    if not who.is_identified:
        return {401} if surface.is_api else {302, 405}
    offered = code is not None
    if who.codes is None:
        # B's administrator has the right in B: the object is not there; others have no tenant
        return {404, 405, 403, 302} if surface.parameter else set()
    if who.is_guest:
        return {200, 400, 404, 405} if surface.route in GUESTS_MAY else {403, 405}
    if offered and code in who.codes:
        return {200, 201, 204, 302, 400, 404, 405, 409, 412, 415}
    return {403, 405}


@pytest.mark.parametrize("surface", BY_ROUTE)
def test_reading(surface, worlds, everybody):
    a, b = worlds
    for name in NAMES:
        who = everybody[name]
        answer = call(who, surface, "GET", a.objects.get(surface.parameter, ""))

        allowed = expected(who, surface, "GET")
        assert not allowed or answer.status_code in allowed, (name, answer.status_code)
        body = b"".join(answer) if answer.streaming else answer.content
        if who.codes is None:
            assert not _contains(body, a.canaries), name
        elif name.startswith("A "):
            assert not _contains(body, b.canaries), name


@pytest.mark.parametrize("surface", BY_ROUTE)
def test_a_refused_call_changes_nothing(surface, worlds, everybody):
    a, _b = worlds
    before = fingerprint(a)
    for name, method in itertools.product(REFUSED, UNSAFE):
        who = everybody[name]
        if who.codes is not None and surface.code(method) in who.codes:
            continue
        answer = call(who, surface, method, a.objects.get(surface.parameter, ""))

        assert fingerprint(a) == before, (name, method)
        assert not _contains(answer.content, a.canaries) or who.codes is not None, (name, method)
        if who.codes is not None and surface.route not in GUESTS_MAY:
            assert answer.status_code in {403, 404, 405}, (name, method, answer.status_code)


@pytest.mark.parametrize("surface", WITH_OBJECT)
def test_a_foreign_object_answers_like_one_that_does_not_exist(surface, worlds, everybody):
    a, _b = worlds
    who = everybody["B admin"]
    for method in ("GET", *UNSAFE):
        foreign = call(who, surface, method, a.objects[surface.parameter])
        nothing = call(who, surface, method, uuid.uuid4())

        assert foreign.status_code == nothing.status_code, method
        offered = surface.code(method) is not None
        assert foreign.status_code in ({404, 405, 302, 400} if offered else {403, 405}), method
        if foreign.status_code == 302:  # to sudo mode, or back to the list with a message
            assert str(a.objects[surface.parameter]) not in _page_of(foreign), method


def test_ones_own_object_is_there(worlds, everybody):
    a, _b = worlds
    missing = []
    for surface in SURFACES:
        if surface.parameter and surface.code("GET"):
            answer = call(everybody["A admin"], surface, "GET", a.objects[surface.parameter])
            if answer.status_code == 404:
                missing.append(surface.route)

    assert missing == []


def test_a_share_opens_one_device_and_no_other(worlds, everybody):
    a, _b = worlds
    guest = everybody["A guest"]

    listed = guest.client.get("/api/v1/devices").json()["results"]

    assert [row["id"] for row in listed] == [str(a.device.id)]


def test_what_a_tenant_reads_does_not_depend_on_another(worlds, everybody):
    a, b = worlds
    who = everybody["A admin"]
    pages = [s for s in SURFACES if not s.parameter and s.code("GET")]
    before = {s.route: who.client.get(s.url("")).content for s in pages}

    with b.scope():
        b.device.channels.all().delete()
        b.device.delete()
    after = {s.route: who.client.get(s.url("")).content for s in pages}

    differing = [r for r in before if _masked(before[r]) != _masked(after[r])]
    assert differing == []


def _contains(body: bytes, canaries: tuple[str, ...]) -> bool:
    return any(word.encode() in body for word in canaries)


def _page_of(redirect: Any) -> str:
    """Return where a redirect leads, without where to go on afterwards."""
    return str(redirect["Location"]).partition("?")[0]


def _masked(body: bytes) -> str:
    """Return a page without what differs each time: nonces, tokens, ages."""
    text = re.sub(r'"request_id":"[^"]*"', "", body.decode("utf-8", "replace"))
    text = re.sub(r'(nonce|value|content|cursor|instance|request_id)="?[^"\s&]*"?', r"\1", text)
    return re.sub(r"\d+", "0", text)
