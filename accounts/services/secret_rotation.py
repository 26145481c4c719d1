"""Sealing stored secrets again with the newest key, wherever they stand.

Sealed texts are found by their form in every column of every model that can hold text, so
that nobody has to keep a list. The rows are read as PostgreSQL has them: neither fields that
unseal by themselves nor the filter of tenants stand between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from psycopg import sql

from energy.lib.sealing import (
    SEALED_TEXT,
    CannotUnseal,
    current_key_id,
    find_sealed,
    known_key_ids,
    reseal,
)

BATCH_ROWS = 200
_SHORTEST = 48  # characters of a sealed empty text
NAMED_FAILURES = 100
_SELECT = sql.SQL(
    "SELECT {pk}, {column}::text AS content FROM {table} "
    "WHERE ({last}::text IS NULL OR {pk} > {last}) AND {column}::text ~ {pattern} "
    "ORDER BY {pk} LIMIT {limit} {lock}"
)
_UPDATE = sql.SQL("UPDATE {table} SET {column} = {value}::{type} WHERE {pk} = {at}")
_COUNT = sql.SQL(
    "SELECT found[1], count(*) FROM {table}, "
    "regexp_matches({column}::text, {pattern}, 'g') AS found GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that may hold sealed texts; `type` is PostgreSQL's."""

    table: str
    pk: str
    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def identifiers(self) -> dict[str, sql.Composable]:
        """Return what the statements name."""
        names = {"table": self.table, "column": self.name, "pk": self.pk}
        return {key: sql.Identifier(name) for key, name in names.items()}


@dataclass(frozen=True, slots=True)
class CannotOpen:
    """A secret that stays as it is, and why."""

    column: str
    row: str
    reason: str


@dataclass(slots=True)
class Rotation:
    """What a run did: of the secrets that failed the first hundred have a name.

    `in_use` counts the sealed texts of each key afterwards.
    """

    resealed: int = 0
    failed: int = 0
    failures: list[CannotOpen] = field(default_factory=list)
    in_use: Counter[str] = field(default_factory=Counter)

    def fail(self, column: SealedColumn, pk: Any, reason: str) -> None:
        """Count a secret that could not be sealed again."""
        self.failed += 1
        if len(self.failures) < NAMED_FAILURES:
            self.failures.append(CannotOpen(str(column), str(pk), reason))

    @property
    def droppable(self) -> list[str]:
        """Return the keys of the ring with which nothing is sealed any more."""
        return [k for k in known_key_ids() if k != current_key_id() and not self.in_use[k]]


Tell = Callable[[str], None]


def rotate_secrets(*, tell: Tell, dry_run: bool = False, batch_rows: int = BATCH_ROWS) -> Rotation:
    """Seal with the newest key what older ones have sealed.

    Each batch of rows is locked and committed on its own; a run that was interrupted is
    simply started again. What cannot be opened stays, and is counted.
    """
    rotation = Rotation()
    columns = list(sealed_columns())
    for column in columns:
        _rotate_column(rotation, column, tell, dry_run, batch_rows)
    for column in columns:
        rotation.in_use.update(_key_ids_in(column))
    return rotation


def sealed_columns() -> Iterator[SealedColumn]:
    """Yield each column of our database that has room for a sealed text."""
    tables = set(connection.introspection.table_names())  # a model may stand for no table
    for model in apps.get_models(include_auto_created=True):
        pk = model._meta.pk
        if model._meta.proxy or model._meta.db_table not in tables or not pk.column:
            continue
        for found in model._meta.local_concrete_fields:
            if found.column and _has_room(found) and not found.primary_key:
                kind = str(found.db_type(connection)).split("(")[0]
                yield SealedColumn(model._meta.db_table, pk.column, found.column, kind)


def _has_room(found: models.Field[Any, Any]) -> bool:
    if found.is_relation or not found.column:
        return False
    if isinstance(found, models.TextField | models.JSONField):
        return True
    short = found.max_length is not None and found.max_length < _SHORTEST
    return isinstance(found, models.CharField) and not short


def _rotate_column(
    rotation: Rotation, column: SealedColumn, tell: Tell, dry_run: bool, batch_rows: int
) -> None:
    last: Any = None
    done = 0
    while True:
        with transaction.atomic():
            rows = _take_rows(column, last, batch_rows)
            for pk, text in rows:
                done += _rotate_row(rotation, column, pk, text, dry_run)
        if rows:
            last = rows[-1][0]
            tell(f"{column}: {done} {'to seal again' if dry_run else 'sealed again'}")
        if len(rows) < batch_rows:
            break
    rotation.resealed += done


def _take_rows(column: SealedColumn, last: Any, batch_rows: int) -> list[tuple[Any, str]]:
    """Lock the next rows with a text that another key has sealed."""
    statement = _SELECT.format(
        **column.identifiers(),
        last=sql.Literal(last),
        pattern=sql.Literal(SEALED_TEXT.replace(r"v1\.", rf"v1\.(?!{current_key_id()}\.)")),
        limit=sql.Literal(batch_rows),
        lock=sql.SQL("FOR UPDATE"),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _rotate_row(rotation: Rotation, column: SealedColumn, pk: Any, text: str, dry_run: bool) -> int:
    """Return how many texts of a row were sealed again."""
    done, current = 0, current_key_id()
    for old in dict.fromkeys(find_sealed(text)):
        if old.split(".")[1] == current:
            continue
        try:
            text, done = text.replace(old, reseal(old)), done + 1
        except CannotUnseal as error:
            rotation.fail(column, pk, str(error))
    if done and not dry_run:
        try:
            with transaction.atomic():
                _write(column, pk, text)
        except DatabaseError as error:  # a wall of that table refuses; the others go on
            rotation.fail(column, pk, f"not written: {type(error).__name__}")
            return 0
    return done


def _write(column: SealedColumn, pk: Any, text: str) -> None:
    statement = _UPDATE.format(
        **column.identifiers(),
        value=sql.Literal(text),
        type=sql.Identifier(column.type),
        at=sql.Literal(pk),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _key_ids_in(column: SealedColumn) -> dict[str, int]:
    statement = _COUNT.format(**column.identifiers(), pattern=sql.Literal(SEALED_TEXT))
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return dict(cursor.fetchall())
