"""Every route with every principal: who is answered what, and what they get to read."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.isolation import state
from tests.isolation.outlets import bytes_of, found_in
from tests.isolation.people import NAMES, Principal
from tests.isolation.surfaces import (
    FORMATS,
    FORMATS_OF,
    GUESTS_MAY,
    GUESTS_MAY_POST,
    QUERIES,
    SURFACES,
    UNKNOWN,
    Surface,
    advice,
)
from tests.isolation.world import World

# each test is rolled back to the world as the module made it
pytestmark = pytest.mark.django_db

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# who tries also the methods that a surface says it does not know
PROBES = {"anonymous", "A viewer", "B admin", "narrow key"}
OF_B = {"B admin", "B token", "B key"}
BY_ROUTE = [pytest.param(surface, id=surface.route or "home") for surface in SURFACES]
WITH_OBJECT = [pytest.param(s, id=s.route) for s in SURFACES if s.parameter]


def test_every_url_is_classified():
    assert UNKNOWN == [], advice(UNKNOWN)


def call(who: Principal, surface: Surface, method: str, objects: Mapping[str, object]) -> Any:
    """Send a request without content."""
    url, send = surface.url(objects), getattr(who.client, method.lower())
    if method in UNSAFE and surface.is_api:
        return send(url, data=b"{}", content_type="application/json")
    return send(url)


def is_refused(who: Principal, surface: Surface, method: str) -> bool:
    """Tell whether a call must change nothing of tenant A."""
    if not who.is_identified_on(api=surface.is_api) or who.codes is None or who.is_guest:
        return True
    return surface.code(method) not in who.codes


def is_offered(boss: Principal, surface: Surface, method: str, world: World) -> bool:
    """Tell whether a surface knows a method; what the question changes is rolled back."""
    with transaction.atomic():
        answer = call(boss, surface, method, world.objects)
        transaction.set_rollback(True)
    return answer.status_code not in {403, 405}


def expected(who: Principal, surface: Surface, method: str) -> set[int]:
    """Return the answers that are right for an object of tenant A; nothing: any but errors."""
    code = surface.code(method)
    if not who.is_identified_on(api=surface.is_api):
        return {401} if surface.is_api else {302, 405}
    if who.codes is None:
        return _from_outside(who, surface, method)
    if who.is_guest:
        may = surface.route in (GUESTS_MAY_POST if method == "POST" else set()) | GUESTS_MAY
        refused = {403} if method in UNSAFE else set()  # what they see they may not change
        return {200, 201, 400, 404, 405} | refused if may else {403, 405}
    if code is None or code not in who.codes:
        return {403, 405}
    return {200, 201, 204, 302, 400, 404, 405, 409, 412, 415}


def _from_outside(who: Principal, surface: Surface, method: str) -> set[int]:
    """Return the answers to people of B, who have every right there, and of no tenant."""
    if surface.code(method) is None:
        return {403, 405}
    if who.name not in OF_B:  # home tells them that they belong to nothing
        return {200, 302, 405} if surface.route == "" else {403, 404, 405}
    if not surface.parameter:
        return set()
    if method == "GET":
        return {404, 405}
    # a form may be wrong before anything is looked up, or lead back to the list
    return {404, 405, 400} if surface.is_api else {404, 405, 302}


@pytest.mark.parametrize("surface", BY_ROUTE)
def test_reading(surface, worlds, everybody, ear):
    a, b = worlds
    for name in NAMES:
        who = everybody[name]
        ear.take()
        answer = call(who, surface, "GET", a.objects)

        allowed = expected(who, surface, "GET")
        assert answer.status_code < 500, name
        assert not allowed or answer.status_code in allowed, (name, answer.status_code)
        data = bytes_of(answer) + ear.take()
        assert found_in(data, who.forbidden(a, b)) == [], name


@pytest.fixture(scope="module")
def untouched(worlds, everybody) -> dict[bool, state.Picture]:
    """What the database and A's part of it hold before each test, as every test is rolled back."""
    return {True: state.fingerprint(), False: state.fingerprint(worlds[0].tenant.id)}


@pytest.mark.parametrize("surface", BY_ROUTE)
def test_a_refused_call_changes_nothing(surface, worlds, everybody, untouched, ear):
    a, b = worlds
    offered = [method for method in UNSAFE if is_offered(everybody["A admin"], surface, method, a)]
    calls = [
        (name, method)
        for name, method in itertools.product(NAMES, UNSAFE)
        if (method in offered or name in PROBES) and is_refused(everybody[name], surface, method)
    ]
    for ours in (True, False):  # B may well change what is B's
        chosen = [pair for pair in calls if (pair[0] in OF_B) is not ours]
        for name, method in chosen:
            who = everybody[name]
            ear.take()
            answer = call(who, surface, method, a.objects)

            allowed = expected(who, surface, method)
            assert not allowed or answer.status_code in allowed, (name, method, answer)
            data = bytes_of(answer) + ear.take()
            assert found_in(data, who.forbidden(a, b)) == [], (name, method)
        after = state.fingerprint() if ours else state.fingerprint(a.tenant.id)
        assert state.changed(untouched[ours], after) == [], chosen


@pytest.mark.parametrize("surface", WITH_OBJECT)
def test_a_foreign_object_answers_like_one_that_does_not_exist(surface, worlds, everybody):
    a, _b = worlds
    for name, method in itertools.product(sorted(OF_B), ("GET", *UNSAFE)):
        who = everybody[name]
        foreign = call(who, surface, method, a.objects)
        unknown = {**a.objects, surface.parameter: uuid.uuid4()}
        nothing = call(who, surface, method, unknown)

        assert foreign.status_code == nothing.status_code, (name, method)
        if foreign.status_code == 302:  # to sign-in, or back to the list with a message
            assert str(a.objects[surface.parameter]) not in _page_of(foreign), (name, method)


# Objects of a person, and what needs more than a row: 404 for colleagues as well.
NOT_FOR_COLLEAGUES = {
    "api/v1/exports/<uuid:export_id>": "belongs to who asked for it",
    "api/v1/exports/<uuid:export_id>/file": "belongs to who asked for it",
    "api/v1/reports/<uuid:report_id>/file": "reads a file, which this row has not",
    "reports/<uuid:report_id>/file": "reads a file, which this row has not",
    "energy/meters/<uuid:meter_id>/explain": "tells of a quarter that has to be named",
    "api/v1/imports/<uuid:import_id>/preview": "reads the file, which this row has not",
}


def test_ones_own_object_is_there(worlds, everybody):
    a, _b = worlds
    missing = []
    for name, surface in itertools.product(("A admin", "wide token", "wide key"), SURFACES):
        who = everybody[name]
        if surface.route in NOT_FOR_COLLEAGUES:
            continue
        if surface.parameter and surface.code("GET") and (surface.is_api or not who.is_for_api):
            answer = call(who, surface, "GET", a.objects)
            if answer.status_code in {401, 403, 404}:
                missing.append((name, surface.route, answer.status_code))

    assert missing == []


def questions(world: Any) -> Iterator[tuple[str, str]]:
    """Yield addresses that need a question, about the objects of a world, and what to accept."""
    for (route, asked), kind in itertools.product(QUERIES.items(), FORMATS):
        for query in asked if kind in FORMATS_OF.get(route, FORMATS) else ():
            yield f"/{route}?{query}".format(**world.objects), kind


def test_questions_are_answered_to_whom_they_belong_only(worlds, everybody, ear):
    a, b = worlds
    for (url, kind), name in itertools.product(questions(a), NAMES):
        who = everybody[name]
        ear.take()
        answer = who.client.get(url, headers={"Accept": kind})

        data = bytes_of(answer) + ear.take()
        assert found_in(data, who.forbidden(a, b)) == [], (name, url)
        if name in {"A admin", "wide token", "wide key"}:
            assert answer.status_code == 200, (name, url, answer.content[:300])
            assert found_in(data, [str(a.number)]), (name, url)
        elif who.codes is None:
            assert answer.status_code == (404 if who.is_known else 401) or (
                who.name not in OF_B and answer.status_code == 403
            ), (name, url, answer.status_code)


def test_a_share_opens_one_device_and_no_other(worlds, everybody):
    a, _b = worlds
    guest = everybody["A guest"]

    listed = guest.client.get("/api/v1/devices").json()["results"]

    assert [row["id"] for row in listed] == [str(a.device.id)]


def test_metrics_name_no_tenant(worlds, everybody):
    a, b = worlds
    everybody["A admin"].client.get("/")

    answer = everybody["anonymous"].client.get("/metrics")

    assert answer.status_code == 200
    assert found_in(bytes_of(answer), (*a.canaries, *b.canaries)) == []
    for world in worlds:
        assert str(world.tenant.id).encode() not in bytes_of(answer)


def test_what_a_tenant_reads_does_not_depend_on_another(worlds, everybody, monkeypatch):
    a, b = worlds
    now = timezone.now()  # else "now" becomes "1 min ago" between the readings
    monkeypatch.setattr(timezone, "now", lambda: now)
    urls = [(s.url(a.objects), "*/*") for s in SURFACES if s.code("GET")]
    urls += [*questions(a)]
    readers = [everybody[name] for name in ("A admin", "A limited", "A guest")]

    def transcript() -> dict[tuple[str, str, str], str]:
        return {
            (reader.name, url, kind): masked(reader.client.get(url, headers={"Accept": kind}))
            for reader in readers
            for url, kind in urls
        }

    before = transcript()
    with b.scope():
        b.device.channels.all().delete()
        b.device.delete()
    b.tenant.memberships.all().delete()
    b.people["guest"].delete()
    after = transcript()

    assert [asked for asked in before if before[asked] != after[asked]] == []


OF_PROCESS = "memory_mb|memory_percent|cpu_percent|threads|response_ms|error_percent|requests"


def masked(answer: Any) -> str:
    """Return status and body without what differs each time: nonces, ages, figures of a process."""
    text = f"{answer.status_code} " + answer.getvalue().decode("utf-8", "replace")
    text = re.sub(r'"request_id":"[^"]*"|"age_seconds":[\d.]+|server-time="\d+"', "", text)
    text = re.sub(rf'"({OF_PROCESS})":(null|[\d.]+)', "", text)
    text = re.sub(r'(nonce|value|content|cursor|instance|request_id)="?[^"\s&]*"?', r"\1", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "id", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?|\b\d{10,16}\b", "time", text)
    return re.sub(r"\b\d+ (s|min|seconds?|minutes?)( ago)?\b", "age", text)


def _page_of(redirect: Any) -> str:
    """Return where a redirect leads, without where to go on afterwards."""
    return str(redirect["Location"]).partition("?")[0]
