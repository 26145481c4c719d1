"""What tests do to the tables of samples, in each tier."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from telemetry.models import SamplePartition
from telemetry.storage.tiers import find_tier

# TimescaleDB reads the clock of the machine, which tests do not set
_CHUNKS_MADE = "UPDATE _timescaledb_catalog.chunk SET creation_time = %s"


def date_tables(made: dt.datetime) -> None:
    """Let all weekly tables be made at a moment."""
    SamplePartition.objects.update(created_at=made)
    if find_tier().is_hypertable:
        with connection.cursor() as cursor:
            cursor.execute(_CHUNKS_MADE, [made])
