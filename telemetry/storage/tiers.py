"""Where hot samples lie: partitions of PostgreSQL, or a hypertable of TimescaleDB.

Everything above hot samples, packed days and rollups, is the same in every tier. The tier is
a property of the table, so it is asked of the database and never guessed from settings.
"""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "telemetry_sample"


class Tier(StrEnum):
    """What keeps the hot samples."""

    PLAIN = "plain"
    APACHE = "timescale-apache"
    TSL = "timescale-tsl"

    @property
    def is_hypertable(self) -> bool:
        """Tell whether TimescaleDB makes the tables of each week."""
        return self is not Tier.PLAIN


class NoTimescale(RuntimeError):
    """This database has no TimescaleDB, or may not load it."""


# to_regclass first: the view does not exist without the extension
_HAS_CATALOG = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL"
_IS_HYPERTABLE = """
SELECT current_setting('timescaledb.license', true)
FROM timescaledb_information.hypertables WHERE hypertable_name = %s
"""
_EXTENSION = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb'),
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
"""
_POLICIES = """
SELECT proc_name FROM timescaledb_information.jobs
WHERE hypertable_name = %s AND scheduled ORDER BY job_id
"""
_NEW_TABLE = """
LOCK TABLE telemetry_sample IN ACCESS EXCLUSIVE MODE;
ALTER TABLE telemetry_sample RENAME TO telemetry_sample_before;
ALTER INDEX telemetry_sample_pkey RENAME TO telemetry_sample_before_pkey;
CREATE TABLE telemetry_sample (
    channel_id integer NOT NULL,
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, time)
);
SELECT create_hypertable('telemetry_sample', 'time',
    chunk_time_interval => interval '7 days', create_default_indexes => false);
INSERT INTO telemetry_sample (channel_id, time, value, quality)
SELECT channel_id, time, value, quality FROM telemetry_sample_before ORDER BY time;
DROP TABLE telemetry_sample_before;
DELETE FROM telemetry_samplepartition
"""

_known: dict[str, Tier] = {}


def find_tier() -> Tier:
    """Return the tier of this database; asked once in a process."""
    name = str(connection.settings_dict["NAME"])
    if name not in _known:
        _known[name] = ask_tier(connection)
    return _known[name]


def ask_tier(database: BaseDatabaseWrapper) -> Tier:
    """Ask the database for its tier."""
    with database.cursor() as cursor:
        cursor.execute(_HAS_CATALOG)
        if not cursor.fetchone()[0]:
            return Tier.PLAIN
        cursor.execute(_IS_HYPERTABLE, [TABLE])
        row = cursor.fetchone()
    if row is None:
        return Tier.PLAIN
    return Tier.TSL if row[0] == "timescale" else Tier.APACHE


def find_policies(database: BaseDatabaseWrapper) -> list[str]:
    """Return the jobs of TimescaleDB that delete or compress samples behind the product's back.

    Such as `policy_retention` and `policy_compression`; only a server under the Timescale
    licence has them.
    """
    if not ask_tier(database).is_hypertable:
        return []
    with database.cursor() as cursor:
        cursor.execute(_POLICIES, [TABLE])
        return [name for (name,) in cursor.fetchall()]


def forget_tier() -> None:
    """Ask again next time."""
    _known.clear()


def wants_hypertable(database: BaseDatabaseWrapper) -> bool:
    """Tell whether `migrate` shall make one: SAMPLE_TIER, and what the database has.

    `auto` takes TimescaleDB where somebody created the extension; creating one that the server
    has not preloaded ends the connection.
    """
    if settings.SAMPLE_TIER == "plain":
        return False
    with database.cursor() as cursor:
        cursor.execute(_EXTENSION)
        is_installed, _ = cursor.fetchone()
    return bool(is_installed) or settings.SAMPLE_TIER == "timescale"


def make_hypertable(database: BaseDatabaseWrapper) -> Tier:
    """Move the hot samples into a hypertable, in one transaction that locks them.

    Raises:
        NoTimescale
    """
    with database.cursor() as cursor:
        cursor.execute(_EXTENSION)
        is_installed, is_available = cursor.fetchone()
        if not is_installed:
            if not is_available:
                raise NoTimescale("This server does not offer the extension timescaledb.")
            cursor.execute("CREATE EXTENSION timescaledb")
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        cursor.execute(_NEW_TABLE)
    forget_tier()
    return ask_tier(database)
