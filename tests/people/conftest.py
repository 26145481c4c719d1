"""Mails are kept, links are read out of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core import mail


@pytest.fixture
def link_of() -> Callable[[str], str]:
    """Return a function that finds the path of the newest link mailed to an address."""

    def find(email: str) -> str:
        newest = [message for message in mail.outbox if message.to == [email]][-1]
        found = re.search(r"https?://[^/\s]+(/invitations/\S+)", newest.body)
        assert found is not None
        return found[1]

    return find
