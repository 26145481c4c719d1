"""The engine itself; Django looks for `DatabaseWrapper` in this module."""

from __future__ import annotations

from functools import cached_property

from django.db.backends.postgresql import base

HAS_TIMESCALE = "select exists(select 1 from pg_extension where extname = 'timescaledb')"


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that knows whether the server has TimescaleDB."""

    @cached_property
    def has_timescale(self) -> bool:
        """Tell whether the extension is installed in this database; asked once."""
        with self.cursor() as cursor:
            cursor.execute(HAS_TIMESCALE)
            row = cursor.fetchone()
        return bool(row and row[0])
