"""A signed-in member of the platform's staff, and fleets of two tenants."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.internal.flows import login as allauth_login
from django.db import transaction
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import Fleet, blue_fleet, make_fleet, red_fleet
from tests.admin.canaries import Household, plant

__all__ = ["Fleet", "blue_fleet", "enter_sudo", "make_fleet", "red_fleet"]


def enter_sudo(client: Client, user: User, *, seconds_ago: float = 0) -> Client:
    """Let a browser look as if the person had given the password a while ago."""
    session = client.session
    record = {"method": "password", "at": time.time() - seconds_ago}
    session[allauth_login.AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session[allauth_login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    return client


@pytest.fixture
def sudo_client_for(client_for) -> Callable[[User], Client]:
    """Return a function that opens a browser which has just given the password."""
    return lambda user: enter_sudo(client_for(user), user)


@pytest.fixture
def admin_client(sudo_client_for, staff: User) -> Client:
    """A browser signed in as a superuser, in sudo mode."""
    client: Client = sudo_client_for(staff)
    return client


@pytest.fixture(scope="module")
def planted(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Household]]:
    """Two complete tenants for all tests of a file, each of which is rolled back to them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield {word: plant(word) for word in ("redcanary", "bluecanary")}
        transaction.set_rollback(True)


@pytest.fixture
def ours(planted: dict[str, Household], db: None) -> Household:
    """The tenant of the administrator."""
    return copy.deepcopy(planted["redcanary"])  # a test may change its objects


@pytest.fixture
def theirs(planted: dict[str, Household], db: None) -> Household:
    """The other tenant."""
    return copy.deepcopy(planted["bluecanary"])


@pytest.fixture
def owner_client(sudo_client_for, ours: Household, theirs: Household) -> Client:
    """A browser of our administrator, in sudo mode; both tenants are complete."""
    client: Client = sudo_client_for(ours.owner)
    return client
