"""The pipeline's bench, and a task queue that runs what is put into it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.conftest import sudo_client_for  # noqa: F401 (a fixture)
from tests.ingest.conftest import Bench, bench  # noqa: F401 (a fixture)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run replays in this process when they are queued."""
    from telemetry.tasks import replay_group

    def run(*, kwargs: dict[str, Any], countdown: int = 0) -> None:
        replay_group.apply(kwargs=kwargs, throw=True)

    monkeypatch.setattr(replay_group, "apply_async", run)
    yield


@pytest.fixture
def admin_client(
    sudo_client_for: Callable[[User], Client],  # noqa: F811
    staff: User,
) -> Client:
    """A browser signed in as a superuser, in sudo mode."""
    return sudo_client_for(staff)
