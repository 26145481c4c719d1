"""What tests of alarms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from redis import Redis

from tests.alarms.watchman import Watchman


@pytest.fixture
def watchman(transactional_db: None, redis: Redis) -> Iterator[Watchman]:
    found = Watchman()
    yield found
    found.close()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample, telemetry_dirty_mark")
