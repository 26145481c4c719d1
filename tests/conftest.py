"""What every test may use: two tenants with people, browsers, Redis of one's own, a clock.

Django is set up here and not by pytest-django, whose traceback about missing settings
would tell nobody how to run the tests.
"""

# ruff: noqa: E402 (the environment must be complete before Django is imported)

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

if not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")):
    sys.exit("DATABASE_URL is not set: the tests need real servers. Run them through ./run test")
# each xdist worker has keys of its own in Redis, and so have the programs that tests start
KEY_PREFIX = f"test:{os.getpid()}:"
os.environ["REDIS_KEY_PREFIX"] = KEY_PREFIX
os.environ["DJANGO_SETTINGS_MODULE"] = "energy.settings"

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone, translation
from redis import Redis

from accounts.models import SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from energy.lib import redis as redis_clients
from tests.factories import NOW, MembershipFactory, TenantFactory, UserFactory
from tests.flushing import flush_patiently
from tests.template import migrated_template

# workers inherit the variables of the controller, so their settings may be loaded already
settings.REDIS_KEY_PREFIX = KEY_PREFIX
settings.CACHES["default"]["KEY_PREFIX"] = f"{KEY_PREFIX}cache"
settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = f"{KEY_PREFIX}asgi"
# each new browser would list all static files, also while somebody collects them
settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]
# the list of revoked certificates of the shared broker is not a test's to write
settings.BROKER_CRL_FILE = settings.BROKER_RELOAD = ""
# wires of tests end on this machine, also those of the programs that tests start
settings.WIRE_NETWORKS = [*settings.WIRE_NETWORKS, "127.0.0.0/8"]
os.environ["WIRE_NETWORKS"] = ",".join(settings.WIRE_NETWORKS)
# how long an example takes is no property
examples.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("tests")
# a failed test shows what went wrong, not every request; `caplog.set_level` hears the rest
for handler in logging.getLogger().handlers:
    handler.setLevel(logging.WARNING)
# all tests come from one address; those of limits set their own
settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep the collector from what stays anyway: it took a sixth of the processor's time.

    Modules, models and tests are looked at no more; the garbage of tests still is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep binary values out of the names of tests: gzip's differ from worker to worker."""
    is_binary = isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable())
    return argname if is_binary else None


@dataclass(frozen=True, slots=True)
class Team:
    """A tenant with one member in each role."""

    tenant: Tenant
    owner: User
    operator: User
    viewer: User

    def scope(self) -> AbstractContextManager[None]:
        """Return the scope of the tenant."""
        return tenant_scope(self.tenant.id)


def make_team(name: str) -> Team:
    """Save a tenant and its people, such as owner@red.example."""
    tenant = TenantFactory(name=f"{name.title()} Energy", slug=name)
    people = {}
    for title, role in (
        ("owner", SystemRole.ADMIN),
        ("operator", SystemRole.OPERATOR),
        ("viewer", SystemRole.VIEWER),
    ):
        people[title] = UserFactory(email=f"{title}@{name}.example")
        MembershipFactory(user=people[title], tenant=tenant, role=role)
    return Team(tenant, **people)


flush_patiently()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None,
    django_db_use_migrations: bool,
    django_db_blocker: Any,
) -> None:
    """Let the database of the tests be a copy of one that was migrated before."""
    if django_db_use_migrations:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Let tests that commit empty the audit trail and history, which refuse it otherwise."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER audit_no_truncate")
        cursor.execute(
            "SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname)"
            " FROM pg_trigger WHERE tgname LIKE 'pgtrigger_no_truncate_%%'",
            [],
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Begin in English: a request of an earlier test may have left another language."""
    with translation.override("en"):
        yield


@pytest.fixture
def now() -> dt.datetime:
    """The instant at which tests happen."""
    return NOW


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages, APIs and tasks happen at `NOW`: they read the clock through `timezone.now`."""
    began = time.monotonic()

    def read() -> dt.datetime:
        return NOW + dt.timedelta(seconds=time.monotonic() - began)

    monkeypatch.setattr(timezone, "now", read)


@pytest.fixture
def red(db: None) -> Team:
    """One tenant."""
    return make_team("red")


@pytest.fixture
def blue(db: None) -> Team:
    """Another tenant."""
    return make_team("blue")


@pytest.fixture
def stranger(db: None) -> User:
    """A person who is a member of nothing."""
    return UserFactory(email="stranger@example.com")


@pytest.fixture
def staff(db: None) -> User:
    """Platform staff with every right in the admin."""
    return UserFactory(email="staff@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def client_for() -> Callable[[User], Client]:
    """Return a function that opens a signed-in browser."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def redis() -> Iterator[Redis]:
    """Yield the durable Redis; before and afterwards the worker's keys in both servers are gone."""
    _forget_clients()
    for client in (redis_clients.durable(), redis_clients.ephemeral()):
        _delete_own_keys(client)  # of a test without this that hands in readings
    yield redis_clients.durable()
    _forget_clients()
    for client in (redis_clients.durable(), redis_clients.ephemeral()):
        _delete_own_keys(client)


def _forget_clients() -> None:
    redis_clients.durable.cache_clear()
    redis_clients.ephemeral.cache_clear()


def _delete_own_keys(client: Redis) -> None:
    own = list(client.scan_iter(f"{KEY_PREFIX}*", count=1000))
    if own:
        client.delete(*own)
