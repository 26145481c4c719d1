"""A migrated database that those of the workers are copied from.

Migrating takes half a minute of a processor, copying half a second. Django migrates the
copy once more, which finds nothing left to do: the template saves time and decides nothing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from energy.settings import BASE_DIR

# What the tables depend on; the packages bring migrations as well.
SOURCES = ("*/migrations/*.py", "requirements/base.txt")
LOCK = "SELECT pg_advisory_lock(hashtext(%s))"
STATE = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


def fingerprint(root: Path) -> str:
    """Return a digest of all migrations; a template with another one is made anew."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in SOURCES for file in root.glob(pattern)):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def migrated_template() -> str:
    """Return the name of the template of the configured database; make it if need be.

    Workers that start together wait for the one that makes it.
    """
    name = f"template_{connection.settings_dict['NAME']}"
    wanted = fingerprint(BASE_DIR)
    with connection._nodb_cursor() as cursor:  # the lock ends with this connection
        cursor.execute(LOCK, [name])
        cursor.execute(STATE, [name])
        if cursor.fetchone() != (wanted,):
            quoted = connection.ops.quote_name(name)
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {quoted}")
            _migrate(name)
            # last: a template that was left half made has no fingerprint
            cursor.execute(f"COMMENT ON DATABASE {quoted} IS '{wanted}'")
    return name


def _migrate(name: str) -> None:
    usual = connection.settings_dict["NAME"]
    _move_to(name)
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        _move_to(usual)


def _move_to(name: str) -> None:
    """Leave no connection behind, not in the pool either: nobody could copy the database."""
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = name
