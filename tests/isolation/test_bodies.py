"""Every body that the API takes, forged: foreign ids (S01), fields of others (S02), names (S05).

The bodies come from the OpenAPI schema; an endpoint without an example fails.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.models import Membership, User
from tests.isolation import state
from tests.isolation.examples import EXAMPLES, code_of, table
from tests.isolation.fleet import equip
from tests.isolation.outlets import bytes_of, found_in
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

# Endpoints before sign-in, tested in tests/signin and tests/provisioning.
SIGN_IN = "/api/v1/auth/"
FORBIDDEN_ID = uuid.UUID("f0f0f0f0-dead-4bad-8bad-f0f0f0f0f0f0")
SECRET = "sentinel-secret-93"
LONG_AGO = "2001-02-03T04:05:06Z"


@dataclass(frozen=True)
class Operation:
    """An endpoint that changes something, with the properties of its body."""

    method: str
    path: str
    properties: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """Return method and path."""
        return f"{self.method} {self.path}"

    def url(self, objects: Mapping[str, Any]) -> str:
        """Return the address of these objects."""
        return self.path.format_map(objects)

    @property
    def parameters(self) -> list[str]:
        """Return the names of what the address names."""
        return re.findall(r"{(\w+)}", self.path)

    def uuids(self) -> list[str]:
        """Return the properties that hold ids."""
        return [name for name, about in self.properties if _is_id(about)]


def _is_id(about: Any) -> bool:
    kinds = [about, about.get("items", {}), *about.get("allOf", []), *about.get("oneOf", [])]
    return any(kind.get("format") == "uuid" for kind in kinds)


def operations() -> Iterator[Operation]:
    """Yield every unsafe endpoint of the schema."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    components = schema["components"]["schemas"]
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            if method.upper() in {"POST", "PUT", "PATCH"} and not path.startswith(SIGN_IN):
                content = about.get("requestBody", {}).get("content", {})
                body = content.get("application/json", {}).get("schema", {})
                name = body.get("$ref", "").rpartition("/")[2]
                found = components.get(name, body).get("properties", {})
                yield Operation(method.upper(), path, tuple(found.items()))


@pytest.fixture(scope="module")
def worlds(worlds):
    """Let the tenants have all that bodies speak of."""
    equip(worlds)
    return worlds


ALL = list(operations())
WITH_EXAMPLE = [pytest.param(op, id=op.name) for op in ALL if op.name in EXAMPLES]
WITH_ID = [pytest.param(op, id=op.name) for op in ALL if op.parameters or op.uuids()]
DONE = {200, 201, 202, 204}


def send(client: Any, operation: Operation, world: World, body: Any, **others: Any) -> Any:
    """Send JSON to an endpoint, each time with a key of its own; `others` replace objects."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    if operation.name.endswith("/configuration"):  # others take any version
        headers["If-Match"] = '"2"'
    if code := code_of(operation.name, world):
        client, headers["Authorization"] = Client(), f"Bearer {code}"
    call, url = getattr(client, operation.method.lower()), operation.url(world.objects | others)
    return call(url, body, content_type="application/json", headers=headers)


def example(operation: Operation, world: World) -> dict[str, Any]:
    """Return a right body."""
    make = EXAMPLES.get(operation.name)
    return make(world) if make else {}


def test_every_body_has_an_example():
    where = "tests/isolation/examples.py"
    missing = sorted({op.name for op in ALL if op.properties} - set(EXAMPLES))

    assert missing == [], (
        f"Add to EXAMPLES of {where} a body that is right:\n"
        + "\n".join(f'  "{name}": lambda w: {{…}},' for name in missing)
    )  # fmt: skip
    assert sorted(set(EXAMPLES) - {op.name for op in ALL}) == []


@pytest.mark.parametrize("operation", WITH_EXAMPLE)
def test_the_example_is_right(operation, worlds, everybody):
    a, _b = worlds

    answer = send(everybody["A admin"].client, operation, a, example(operation, a))

    assert answer.status_code in DONE, answer.content


@pytest.mark.parametrize("operation", WITH_ID)
def test_ids_of_another_tenant_are_refused(operation, worlds, everybody, ear):
    """S01: each id in a body, and of the address, may be the other tenant's."""
    a, b = worlds
    rows = {getattr(row, "pk", 0) for row in b.rows.values()}
    foreign = {*b.objects.values(), b.tenant.id, *rows}
    before = state.fingerprint()
    for name in ("A admin", "wide token", "wide key"):
        client, who = everybody[name].client, everybody[name]
        values = foreign if name == "A admin" else set(b.objects.values())
        forged = [
            ({field: [str(value)] if _is_list(operation, field) else str(value)}, {})
            for field, value in itertools.product(operation.uuids(), values)
        ]
        forged += [({}, {name: b.objects[name]}) for name in operation.parameters]
        forged += [({}, b.objects)] if len(operation.parameters) > 1 else []
        for changes, objects in forged:
            ear.take()
            body = example(operation, a) | changes
            answer = send(client, operation, a, body, **objects)
            allowed = {404} if objects else {400, 404}
            assert answer.status_code in allowed, (name, changes, objects, answer.content)
            assert found_in(bytes_of(answer) + ear.take(), who.forbidden(b)) == [], changes
    assert state.changed(before, state.fingerprint()) == []


# Names of B's that are no ids, in bodies of A.
FOREIGN_NAMES: list[tuple[str, Callable[[World], dict[str, Any]]]] = [
    ("POST /api/v1/emergency-stops", lambda b: {"scope": "site", "target": b.objects["site_id"]}),
    ("POST /api/v1/emergency-stops", lambda b: {"scope": "zone", "target": b.objects["zone_id"]}),
    ("POST /api/v1/provisioning/claims", lambda b: {"hardware_id": b.facts["claimed"].hardware_id,
                                                   "code": b.facts["claimed"].code}),
    ("POST /api/v1/devices/{device_id}/swap", lambda b: {
        "hardware_id": b.facts["claimed"].hardware_id, "code": b.facts["claimed"].code}),
    ("POST /api/v1/provisioning/nodes", lambda b: {"hardware_id": f"{b.word}-node"}),
    ("POST /api/v1/provisioning/fleet", lambda b: {"table": table(b)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes"), FOREIGN_NAMES)
def test_names_of_another_tenant_are_refused(name, changes, worlds, everybody, ear):
    a, b = worlds
    [operation] = [op for op in ALL if op.name == name]
    before, who = state.fingerprint(), everybody["A admin"]

    answer = send(who.client, operation, a, example(operation, a) | changes(b))

    assert answer.status_code in {400, 404, 409} or not answer.json()["is_done"], answer.content
    words = [word for word in who.forbidden(b) if word not in str(changes(b))]
    assert found_in(bytes_of(answer) + ear.take(), words) == []
    assert state.changed(before, state.fingerprint()) == []


def _is_list(operation: Operation, field: str) -> bool:
    return dict(operation.properties)[field].get("type") == "array"


@pytest.mark.parametrize("operation", [pytest.param(op, id=op.name) for op in ALL])
def test_fields_that_are_not_offered_are_not_set(operation, worlds, everybody):
    """S02: none of these values may reach any table."""
    a, b = worlds
    person = b.people["admin"]
    abuse = {
        "tenant": str(b.tenant.id), "tenant_id": str(b.tenant.id), "owner": str(person.pk),
        "user": str(person.pk), "created_by": str(person.pk), "invited_by": str(person.pk),
        "shared_by": str(person.pk), "is_staff": True, "is_superuser": True, "is_active": False,
        "id": str(FORBIDDEN_ID), "pk": str(FORBIDDEN_ID), "uuid": str(FORBIDDEN_ID),
        "created_at": LONG_AGO, "accepted_at": LONG_AGO, "secret": SECRET, "hashed": SECRET,
        "token_hash": SECRET, "prefix": SECRET[:12], "password": SECRET, "role": "admin",
    }  # fmt: skip
    offered = dict(operation.properties)
    abuse = {name: value for name, value in abuse.items() if name not in offered}
    body = abuse | (example(operation, a) if operation.properties else {})
    of_b, staff = state.fingerprint(b.tenant.id), _powers()
    mentions = state.tables_with(str(b.tenant.id))
    administrators = Membership.objects.filter(role="admin").count()

    answer = send(everybody["A admin"].client, operation, a, body)

    assert answer.status_code in DONE | {400}, answer.content
    assert state.changed(of_b, state.fingerprint(b.tenant.id)) == []
    assert state.tables_with(str(b.tenant.id)) == mentions
    for sentinel in (str(FORBIDDEN_ID), SECRET, SECRET[:12], "2001-02-03"):
        assert state.tables_with(sentinel) == {}, sentinel
    assert _powers() == staff
    assert Membership.objects.filter(role="admin").count() <= administrators


def _powers() -> list[Any]:
    return list(
        User.objects.order_by("pk").values_list("pk", "is_staff", "is_superuser", "is_active")
    )


NAMES = {"name": "accounts.Role", "email": "accounts.Invitation", "slug": "accounts.Tenant"}
CREATES = [
    pytest.param(op, id=op.name)
    for op in ALL
    if op.name in EXAMPLES
    and op.method == "POST"
    and "{" not in op.path
    and set(NAMES) & {n for n, _ in op.properties}
]


@pytest.mark.parametrize("operation", CREATES)
def test_a_name_that_another_tenant_uses_is_free(operation, worlds, everybody):
    """S05: neither an error nor a list tells that the name exists elsewhere."""
    a, b = worlds
    reader = everybody["B admin"].client
    lists = ("/api/v1/roles", "/api/v1/keys", "/api/v1/invitations", "/api/v1/members")
    before = [reader.get(url).json() for url in lists]
    taken = {"name": b.rows["accounts.Role"].name, "email": b.rows["accounts.Invitation"].email}
    body = example(operation, a)
    body |= {name: value for name, value in taken.items() if name in dict(operation.properties)}
    is_keys = operation.path == "/api/v1/keys"
    names = [b.key.key.name, taken["name"]] if is_keys else [body.get("name")]

    for name in names:
        sent = body | ({"name": name} if name else {})
        answer = send(everybody["A admin"].client, operation, a, sent)

        assert answer.status_code in DONE, answer.content
    assert [_stable(reader.get(url).json()) for url in lists] == [_stable(old) for old in before]


def _stable(answer: Any) -> Any:
    """Return a list without when a key was used last."""
    rows = answer.get("results", [])
    return [{k: v for k, v in row.items() if k != "last_used_at"} for row in rows], len(rows)
