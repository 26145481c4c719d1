"""One world for all tests of a file: they only read, or are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.isolation.world import Principal, World, make_world, principals


@pytest.fixture(scope="module")
def worlds(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[World, World]]:
    """Tenants A and B; what the tests of a file do to them is rolled back at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world("a", 771_337), make_world("b", 882_448)
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def everybody(worlds: tuple[World, World]) -> dict[str, Principal]:
    """All who call."""
    return principals(*worlds)
