"""`manage.py migrate`, which never makes ingest wait for long."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from django.core.management.commands import migrate
from django.db import DatabaseError, OperationalError, connections
from psycopg.errors import LockNotAvailable

from energy.quick_migrations import QuickExecutor

LOCK_TIMEOUT = "2s"
TRIES = 100
PAUSE_SECONDS = 1.0
# Django's command has no other place to say which executor it shall use
migrate.MigrationExecutor = QuickExecutor  # type: ignore[attr-defined]


class Command(migrate.Command):
    """Wait at most two seconds for a lock, then let the others pass and try again.

    A migration that waits for a table holds up all who want to write to it, until the
    longest query on it has ended. Each migration is one transaction, so it is repeated
    as a whole.
    """

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Migrate; begin again where a lock was not to be had."""
        connection = connections[options["database"]]
        for attempt in range(1, TRIES + 1):
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
            try:
                super().handle(*arguments, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable) or attempt == TRIES:
                    raise
                self.stderr.write(f"A table is in use, trying again: {error}".rstrip())
                time.sleep(PAUSE_SECONDS)
            else:
                break
            finally:
                with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
