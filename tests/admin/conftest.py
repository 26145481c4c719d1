"""A signed-in member of the platform's staff, and fleets of two tenants."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import Fleet, blue_fleet, make_fleet, red_fleet

__all__ = ["Fleet", "blue_fleet", "make_fleet", "red_fleet"]


@pytest.fixture
def admin_client(client_for, staff: User) -> Client:
    """A browser signed in as a superuser."""
    return client_for(staff)
