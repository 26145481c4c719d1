"""A signed-in member of the platform's staff, and fleets of two tenants."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from allauth.account.internal.flows import login as allauth_login
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


@pytest.fixture
def ours(db: None) -> Household:
    """The tenant of the administrator."""
    return plant("redcanary")


@pytest.fixture
def theirs(db: None) -> Household:
    """The other tenant."""
    return plant("bluecanary")


@pytest.fixture
def owner_client(sudo_client_for, ours: Household, theirs: Household) -> Client:
    """A browser of our administrator, in sudo mode; both tenants are complete."""
    client: Client = sudo_client_for(ours.owner)
    return client
