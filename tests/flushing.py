"""Emptying the database after a test whose programs still run."""

from __future__ import annotations

import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands.flush import Command
from django.db import OperationalError, connection

TRIES = 5
# what Django does not manage it does not empty
OF_SAMPLES = (
    *("telemetry_sample", "telemetry_rollup_15m", "telemetry_rollup_day"),
    *("telemetry_packed_day", "telemetry_dirty_mark"),
    *("metering_interval", "metering_interval_past"),
)


def flush_patiently() -> None:
    """Let `flush` try again: it locks all tables, a listener or worker some in another order.

    PostgreSQL then ends one of the two; programs repeat their round, and so does this.
    """
    flush = Command.handle

    def handle(self: Command, **options: Any) -> None:
        for left in reversed(range(TRIES)):
            try:
                flush(self, **options)
                _empty_tables_of_samples()
            except (CommandError, OperationalError) as error:
                if not left or not isinstance(error.__cause__ or error, OperationalError):
                    raise
                time.sleep(0.2)
            else:
                return

    Command.handle = handle  # type: ignore[method-assign]


def _empty_tables_of_samples() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(OF_SAMPLES)}")
