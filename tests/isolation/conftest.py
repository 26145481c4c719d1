"""One world for all tests of a file: they only read, are refused, or are rolled back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.isolation.outlets import Ear
from tests.isolation.people import Principal, principals
from tests.isolation.world import World, make_world

A_NUMBER, B_NUMBER = 7_713_371, 8_824_482


@pytest.fixture(scope="module")
def worlds(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[World, World]]:
    """Tenants A and B; what the tests of a file do to them is rolled back at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world("a", A_NUMBER), make_world("b", B_NUMBER)
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def everybody(worlds: tuple[World, World]) -> dict[str, Principal]:
    """All who call."""
    return principals(*worlds)


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Hear logs and mails, alone: writing thousands of refusals takes as long as making them."""
    listening, root = Ear(), logging.getLogger()
    others, root.handlers = root.handlers, [listening]
    yield listening
    root.handlers = others
