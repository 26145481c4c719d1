"""Raises and clears the alarms of rules."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import time

from django.db import DatabaseError
from prometheus_client import Counter, Gauge
from redis import Redis

from accounts.tenancy import all_tenants
from alarms.engine.fold import NEVER
from alarms.queries.watched import watched_mark
from alarms.services.following import follow
from alarms.watching.board import Board
from alarms.watching.loading import load_board
from alarms.watching.reading import AHEAD, newest_receipt, usable
from alarms.watching.sight import Sight
from alarms.watching.states import Kept, keep_states
from alarms.watching.watched import Place
from alarms.watching.week_ago import WeekAgo
from energy.lib.redis import durable
from energy.lib.waiting import must_wait
from telemetry.ingest.batch import StoredBatch
from telemetry.reactors.base import Reactor

RELOAD_SECONDS = 3.0
RELOAD_SHARE = 0.1  # of the time at most is spent on loading rules again
MOST_RELOAD_SECONDS = 60.0
KEEP_SECONDS = 60.0

WATCHES = Gauge("energy_alarm_watches", "Channels that alarm rules watch, once for each rule")
TURNS = Counter("energy_alarm_turns", "Alarms of rules that were raised, cleared or corrected")


class AlarmsReactor(Reactor):
    """Follows stored samples with all enabled rules of all tenants.

    What is written is made to say what the samples say (`services.following`), so an entry that
    comes twice changes nothing. States are kept once a minute, and at once where late samples
    were folded in; after a crash each watch goes on from there with what is stored since.
    """

    name = "alarms"

    def __init__(self, client: Redis | None = None) -> None:
        self._board: Board | None = None
        self._past = WeekAgo()
        self._sight = Sight(client or durable())
        self._until = 0
        self._mark: object = None
        self._look_at = self._keep_at = 0.0
        self._has_gap = False
        self._newest_batch: float | None = None
        self._unsaved: set[int] = set()
        self._saved: dict[Place, Kept] = {}

    def react(self, batch: StoredBatch) -> None:
        """Follow the rows of a batch."""
        self._newest_batch = batch.received / 1_000_000
        self._loaded(_now()).take(usable(batch.samples()))

    def on_gap(self) -> None:
        """Begin again with what the database knows: batches, or another copy, went by."""
        self._board = None
        self._has_gap = True

    def flush(self, now: float) -> None:
        """Write what has become different, and what happened because time passed."""
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        board = self._loaded(moment)
        seen = self._sight.until(now, newest_batch=self._newest_batch)
        self._newest_batch = None
        self._until = max(self._until, int(seen * 1_000_000))
        self._write(board, moment)
        self._keep(board, now)
        self._reload(moment)

    def close(self) -> None:
        """Keep the states, so that whoever goes on has little to read."""
        if self._board is not None and self._board.is_written:
            with contextlib.suppress(DatabaseError):
                self._keep_all(self._board, _now().timestamp())

    def _write(self, board: Board, now: dt.datetime) -> None:
        found, again = board.collect(
            until=self._until, end=now + AHEAD, heard_since=_microseconds(self._sight.heard_since)
        )
        self._unsaved.update(again)
        with all_tenants():
            TURNS.inc(follow(found, now=now))
        board.written(now.timestamp())

    def _loaded(self, now: dt.datetime) -> Board:
        if self._board is not None:
            return self._board
        mark, began = watched_mark(), time.monotonic()
        self._sight.begin(now.timestamp(), newest_receipt=newest_receipt())
        board = load_board(None, self._past, now=now, has_gap=self._has_gap)
        self._has_gap, self._saved = False, {}
        return self._use(board, mark, now.timestamp(), took=time.monotonic() - began)

    def _reload(self, now: dt.datetime) -> None:
        """Follow changes of rules, channels and devices; all is written when this is called."""
        seconds = now.timestamp()
        if self._board is None or must_wait(
            self._look_at, now=seconds, at_most=MOST_RELOAD_SECONDS
        ):
            return
        mark, began = watched_mark(), time.monotonic()
        self._look_at = seconds + RELOAD_SECONDS
        if mark != self._mark:
            self._keep_all(self._board, seconds)
            board = load_board(self._board, self._past, now=now)
            self._use(board, mark, seconds, took=time.monotonic() - began)
            self._write(board, now)
            self._keep(board, seconds)

    def _use(self, board: Board, mark: object, now: float, *, took: float) -> Board:
        """Go on with a board; one that took long to load is not loaded again at once."""
        self._board, self._mark, self._unsaved = board, mark, set()
        pause = min(MOST_RELOAD_SECONDS, max(RELOAD_SECONDS, took / RELOAD_SHARE))
        self._look_at, self._keep_at = now + pause, 0.0
        places = {one.place for one in board.watched}
        self._saved = {place: kept for place, kept in self._saved.items() if place in places}
        WATCHES.set(len(places))
        return board

    def _keep(self, board: Board, now: float) -> None:
        """Keep what late samples have changed at once, the rest once a minute."""
        if not must_wait(self._keep_at, now=now, at_most=KEEP_SECONDS):
            self._keep_all(board, now)
        elif self._unsaved:
            keep_states([(board.watched[n], board.kept(n)) for n in self._unsaved])
            self._unsaved = set()

    def _keep_all(self, board: Board, now: float) -> None:
        kept = {one.place: board.kept(number) for number, one in enumerate(board.watched)}
        keep_states(
            [
                (one, kept[one.place])
                for one in board.watched
                if kept[one.place] != self._saved.get(one.place)
            ]
        )
        self._saved = kept
        self._unsaved = set()
        self._keep_at = now + KEEP_SECONDS


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000) if math.isfinite(seconds) else -NEVER


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
