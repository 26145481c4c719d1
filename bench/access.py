"""`./run bench access`: what permission costs when a page of devices is read."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import connection, reset_queries
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Role, SystemRole, Tenant, User
from accounts.rbac.access import forget_access
from accounts.rbac.scope import scope
from accounts.tenancy import all_tenants, tenant_scope
from bench.fleet import DatabaseInUse
from devices.models import Device, DeviceProfile, Site

PAGE = 50
ALLOWED_RATIO = 1.3


@dataclass(frozen=True, slots=True)
class Reader:
    """A way of reading the first page of devices, and how long it takes."""

    name: str
    read: Callable[[], Sequence[Any]]

    def measure(self, rounds: int) -> list[float]:
        """Return the milliseconds of each round."""
        found = []
        for _ in range(rounds):
            started = time.perf_counter()
            self.read()
            found.append((time.perf_counter() - started) * 1000)
        return found

    def queries(self) -> int:
        """Count the statements of one round."""
        with CaptureQueriesContext(connection) as captured:
            self.read()
        return len(captured)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when the ratio or a number of queries is missed."""
    options = _options(arguments)
    try:
        tenant, person = seed(tenants=options.tenants, devices=options.devices)
    except DatabaseInUse as error:
        print(error, file=sys.stderr)
        return 2
    figures = measure(tenant, person, rounds=options.rounds)
    _print(figures)
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["ratio"] <= ALLOWED_RATIO and figures["queries_constant"] else 1


def measure(tenant: Tenant, person: User, *, rounds: int) -> dict[str, Any]:
    """Return the figures; the readers take turns, so that drift meets all alike."""
    readers = _readers(tenant, person)
    with tenant_scope(tenant.id):
        for reader in readers:
            reader.measure(20)
        times: dict[str, list[float]] = {reader.name: [] for reader in readers}
        for _ in range(rounds // 10):
            for reader in readers:
                times[reader.name] += reader.measure(10)
        queries = {reader.name: reader.queries() for reader in readers}
        small, large = (_queries_of_list(person, count) for count in (PAGE, PAGE * 4))
    medians = {name: statistics.median(found) for name, found in times.items()}
    plain = medians["plain tenant filter"]
    return {
        "devices": _count_devices(),
        "medians_ms": {name: round(value, 3) for name, value in medians.items()},
        "ratios": {name: round(value / plain, 2) for name, value in medians.items()},
        "ratio": round(medians["scope"] / plain, 3),
        "queries": queries,
        "queries_of_50_and_200": [small, large],
        "queries_constant": small == large,
    }


def _readers(tenant: Tenant, person: User) -> list[Reader]:
    def plain() -> Sequence[Any]:
        with all_tenants():
            return list(_page(Device.objects.filter(tenant_id=tenant.id)))

    def scoped() -> Sequence[Any]:
        return list(_page(scope(person, "read:device", Device)))

    def scoped_afresh() -> Sequence[Any]:
        forget_access(person)
        return scoped()

    def each_row() -> Sequence[Any]:
        return [device for device in scoped() if person.has_perm("write:device", device)]

    return [
        Reader("plain tenant filter", plain),
        Reader("scope", scoped),
        Reader("scope, membership read anew", scoped_afresh),
        Reader("scope and has_perm on each row", each_row),
    ]


def _page(devices: Any, count: int = PAGE) -> Any:
    return devices.select_related("site", "profile").order_by("name", "id")[:count]


def _queries_of_list(person: User, count: int) -> int:
    """Count the statements of a list whose every row is asked for a permission."""
    forget_access(person)
    reset_queries()
    with CaptureQueriesContext(connection) as captured:
        for device in _page(scope(person, "read:device", Device), count):
            person.has_perm("write:device", device)
    return len(captured)


def _count_devices() -> int:
    with all_tenants():
        return Device.objects.count()


def seed(*, tenants: int, devices: int) -> tuple[Tenant, User]:
    """Make `tenants` organisations of `devices` devices; return one and a member with an own role.

    Raises: DatabaseInUse.
    """
    call_command("migrate", verbosity=0)
    if Tenant.objects.exists():
        raise DatabaseInUse("The bench needs an empty database.")
    profile = DeviceProfile.objects.create(key="bench-meter", name="Bench meter")
    made = [Tenant(name=f"Bench {n}", slug=f"bench-{n}") for n in range(tenants)]
    Tenant.objects.bulk_create(made)
    for tenant in made:
        with tenant_scope(tenant.id):
            site = Site.objects.create(tenant=tenant, name="Site")
            Device.objects.bulk_create(_devices(tenant, site, profile, devices))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return made[tenants // 2], _person(made[tenants // 2], made)


def _devices(tenant: Tenant, site: Site, profile: DeviceProfile, count: int) -> list[Device]:
    return [
        Device(tenant=tenant, site=site, profile=profile, uid=f"d{n}", name=f"Meter {n:05}")
        for n in range(count)
    ]


def _person(tenant: Tenant, others: Sequence[Tenant]) -> User:
    """Return a member of ten tenants whose role in the one is its own invention."""
    person = User.objects.create_user(f"{uuid.uuid4().hex}@bench.example", uuid.uuid4().hex)
    with tenant_scope(tenant.id):
        role = Role.objects.create(
            tenant=tenant, name="Technician", codes=["read:device", "write:device", "read:site"]
        )
        Membership.objects.create(user=person, tenant=tenant, custom_role=role, role="")
    for other in others[:9]:
        Membership.objects.create(user=person, tenant=other, role=SystemRole.VIEWER)
    return person


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['devices']:,} devices; the first {PAGE} of one organisation\n")
    print(f"{'':<34}{'median ms':>10}{'ratio':>8}{'queries':>9}")
    for name, value in figures["medians_ms"].items():
        print(
            f"{name:<34}{value:>10.3f}{figures['ratios'][name]:>8.2f}{figures['queries'][name]:>9}"
        )
    small, large = figures["queries_of_50_and_200"]
    print(f"\nqueries of a list of 50 / 200 rows, each asked for a permission: {small} / {large}")
    print(f"scope / plain tenant filter: {figures['ratio']} (at most {ALLOWED_RATIO})")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench access", description=__doc__)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--devices", type=int, default=250, help="of each tenant")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", action="store_true", help="figures as JSON in the last line")
    return parser.parse_args(arguments)
