"""What the database holds, in one number for each table."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import cache

from django.db import connection

# Tables that a refused call may write, and why.
VOLATILE = {
    "django_session": "a visit has a session",
    "usersessions_usersession": "says when a browser was last seen",
    "axes_accessattempt": "counts failed sign-ins",
    "axes_accessfailurelog": "counts failed sign-ins",
    "axes_accesslog": "counts sign-ins",
}
Picture = dict[str, tuple[int, int]]


@cache
def _tables() -> tuple[str, ...]:
    """Return every table, children of partitioned ones left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        )
        return tuple(name for (name,) in cursor.fetchall())


@cache
def _tables_of_tenants() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'tenant_id'"
        )
        owned = {name for (name,) in cursor.fetchall()}
    return tuple(name for name in _tables() if name in owned)


def fingerprint(tenant_id: uuid.UUID | None = None) -> Picture:
    """Return the number of rows and the sum of their hashes for each table.

    With a tenant: of the tables that carry one, its rows only, and of the samples of its
    channels. Without: of everything but what stands in `VOLATILE`.
    """
    if tenant_id is None:
        names = [name for name in _tables() if name not in VOLATILE]
        return _ask([_sum_of(name) for name in names])
    own = f"WHERE tenant_id = '{tenant_id}'"
    samples = f"WHERE channel_id IN (SELECT id FROM devices_channel {own})"
    parts = [_sum_of(name, own) for name in _tables_of_tenants()]
    return _ask([*parts, _sum_of("telemetry_sample", samples)])


def changed(before: Picture, after: Picture) -> list[str]:
    """Return the tables that differ."""
    return sorted(name for name in before.keys() | after.keys() if before[name] != after[name])


def tables_with(text: str, *, among: Iterable[str] | None = None) -> dict[str, int]:
    """Return how many rows of which tables hold a text, in whatever column."""
    names = among or [name for name in _tables() if name not in VOLATILE]
    parts = [
        f"SELECT '{name}', count(*), 0 FROM \"{name}\" t WHERE t::text LIKE %s" for name in names
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [f"%{text}%"] * len(parts))
        return {name: count for name, count, _ in cursor.fetchall() if count}


def _sum_of(name: str, where: str = "") -> str:
    total = "coalesce(sum(hashtextextended(t::text, 0)), 0)"
    return f"SELECT '{name}', count(*), {total} FROM \"{name}\" t {where}"


def _ask(parts: list[str]) -> Picture:
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: (count, int(total)) for name, count, total in cursor.fetchall()}
