"""Raw samples as text, a piece at a time: memory holds one piece, however long the period is.

The place in the period is the only state between two pieces. No transaction stays open, and
whoever goes away stops the reading after the piece that is being read.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from asgiref.sync import sync_to_async

from telemetry.ingest.batch import from_microseconds
from telemetry.queries import read_samples
from telemetry.questions import (
    Column,
    Question,
    choose_zone,
    find_channels,
    plan_columns,
    read_period,
)
from telemetry.renderers import BYTE_ORDER_MARK, COLUMNS, line_objects, long_rows
from telemetry.series import Series, as_members, raw_series

PIECE_ROWS = 20_000

Writer = Callable[[Iterator[Series]], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class RawSamples:
    """Which samples are wanted: those of each channel after those of the one before."""

    tenant_id: uuid.UUID
    columns: Sequence[Column]
    start: dt.datetime
    end: dt.datetime

    def pieces(self) -> Iterator[Series]:
        """Read them in the order of time.

        Raises:
            telemetry.queries.QueryTooSlow: the database did not finish a piece in time.
        """
        for column in self.columns:
            start: dt.datetime | None = self.start
            while start is not None:
                samples = read_samples(
                    tenant_id=self.tenant_id, channel_ids=[column.channel.id],
                    start=start, end=self.end, limit=PIECE_ROWS,
                )  # fmt: skip
                if len(samples):
                    yield raw_series(column, samples)
                is_last = len(samples) < PIECE_ROWS
                start = None if is_last else from_microseconds(int(samples["time"][-1]) + 1)


def find_raw(*, tenant_id: uuid.UUID, question: Question, now: dt.datetime) -> RawSamples:
    """Return what a question about raw samples is about; runs in the tenant's scope.

    Raises:
        telemetry.questions.QuestionRefused: see its subclasses.
    """
    channels, devices = find_channels(question)
    start, end = read_period(question, choose_zone(question, devices), now)
    return RawSamples(tenant_id, plan_columns(question, channels), start, end)


def write_ndjson(pieces: Iterator[Series]) -> Iterator[bytes]:
    """Yield one object a line."""
    for piece in pieces:
        lines = line_objects(as_members(piece))
        yield b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def csv_writer(*, separator: str, has_mark: bool) -> Writer:
    """Return what writes a table with a header, a row for each sample."""

    def write(pieces: Iterator[Series]) -> Iterator[bytes]:
        mark = BYTE_ORDER_MARK if has_mark else ""
        yield (mark + _rows([COLUMNS], separator)).encode()
        for piece in pieces:
            yield _rows(long_rows(as_members(piece)), separator).encode()

    return write


def _rows(rows: Any, separator: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


async def in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make the pieces in the thread of the request, one when the one before is sent."""
    following = sync_to_async(lambda: next(pieces, None), thread_sensitive=True)
    while (piece := await following()) is not None:
        yield piece
