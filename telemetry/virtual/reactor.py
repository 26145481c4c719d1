"""Keeps virtual channels up to date: what changed is computed again from the tables.

A stored row makes the instants stale that it may count for; `flush` computes these and
writes what is different. Entries are acknowledged after that, and computing twice gives the
same, so nothing is lost or counted twice by a crash. A channel that is new, changed or was
passed unseen has its whole history computed piece by piece beside that; how far it has come
stands in the database. This begins after the reactor has begun to follow the inputs.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections import defaultdict

import numpy as np
from redis import Redis

from energy.lib.redis import durable
from telemetry.ingest.batch import SampleBatch, StoredBatch
from telemetry.models import VirtualChannel
from telemetry.reactors.base import Reactor
from telemetry.virtual import history
from telemetry.virtual.compute import compute
from telemetry.virtual.definitions import QUARTER_US, Definition, load_definitions
from telemetry.virtual.spans import Span, cut, unite
from telemetry.virtual.store import replace_rows, tell

RELOAD_SECONDS = 5.0
BUILD_SECONDS = 0.5  # of each round: live values go first
# more pieces of history than that are computed as history
MAX_SPANS = 500


class VirtualReactor(Reactor):
    """The reactor `virtual`."""

    name = "virtual"

    def __init__(self, client: Redis | None = None) -> None:
        self._redis = client or durable()
        self._definitions: dict[uuid.UUID, Definition] = {}
        self._by_input: dict[int, list[Definition]] = {}
        self._inputs = np.empty(0, dtype=np.int64)
        self._stale: dict[uuid.UUID, list[Span]] = defaultdict(list)
        self._builds: list[VirtualChannel] = []
        self._reload_at = float("-inf")
        self._has_gap = False

    def react(self, batch: StoredBatch) -> None:
        """Note what the rows make stale."""
        self._load_once()
        rows = batch.samples()
        if not len(self._inputs):
            return
        rows = rows[np.isin(rows["channel"], self._inputs)]
        for channel in np.unique(rows["channel"]).tolist():
            times = rows["time"][rows["channel"] == channel]
            for definition in self._by_input[channel]:
                self._stale[definition.id] += _reaches(definition, times)

    def on_gap(self) -> None:
        """Have everything computed again: it is not known what changed."""
        self._has_gap = True

    def flush(self, now: float) -> None:
        """Compute what is stale, then some of the history that waits."""
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        if self._has_gap:
            self._reload()
            history.request_build(list(self._definitions))
            self._has_gap = False
            self._reload_at = float("-inf")
        if time.monotonic() >= self._reload_at:
            self._reload()
            self._find_builds()
        self._compute_stale(moment)
        self._build(moment)

    def wait_seconds(self) -> float:
        """Wait only when no history is to be computed."""
        return 0.01 if self._builds else 0.5

    def _load_once(self) -> None:
        if self._reload_at == float("-inf"):
            self._reload()
            self._find_builds()

    def _reload(self) -> None:
        self._definitions = load_definitions()
        self._by_input = defaultdict(list)
        for definition in self._definitions.values():
            for channel in {found.channel for found in definition.inputs}:
                self._by_input[channel].append(definition)
        self._inputs = np.array(sorted(self._by_input), dtype=np.int64)
        self._reload_at = time.monotonic() + RELOAD_SECONDS

    def _find_builds(self) -> None:
        """Look which history is to be computed; only of what is followed by now."""
        self._builds = [
            virtual
            for virtual in history.unfinished()
            if (known := self._definitions.get(virtual.id)) and known.revision == virtual.revision
        ]

    def _compute_stale(self, now: dt.datetime) -> None:
        stale, changed = dict(self._stale), []
        for virtual_id, spans in stale.items():
            definition = self._definitions.get(virtual_id)
            if definition is None:
                continue
            united = unite(spans)
            if len(united) > MAX_SPANS:
                history.request_build([virtual_id])
                continue
            for start, end in united:
                changed += _recompute(definition, start, end, now)
        tell(self._redis, changed, now=now.timestamp())
        self._stale.clear()

    def _build(self, now: dt.datetime) -> None:
        until = time.monotonic() + BUILD_SECONDS
        while self._builds and time.monotonic() < until:
            if self._build_piece(self._builds[0], now):
                self._builds.pop(0)

    def _build_piece(self, virtual: VirtualChannel, now: dt.datetime) -> bool:
        """Compute a piece of history; True when nothing is left of it."""
        definition = self._definitions.get(virtual.id)
        if definition is None or definition.revision != virtual.revision:
            return True
        if virtual.needs_build:
            begun = history.begin_build(definition, now=now)
            if begun is None:
                return True
            self._builds[0] = begun
            return False
        piece = history.next_piece(virtual, definition)
        if piece is None:
            history.keep_position(virtual, definition, None)
            return True
        tell(self._redis, _recompute(definition, *piece, now), now=now.timestamp())
        history.keep_position(virtual, definition, piece[1])
        return False


def _reaches(definition: Definition, times: np.ndarray) -> list[Span]:  # type: ignore[type-arg]
    """Return what samples at these times reach, quarterly each quarter once."""
    if definition.is_quarterly:
        times = np.unique(times - times % QUARTER_US)
    return unite(definition.reach(int(moment)) for moment in times)


def _recompute(definition: Definition, start: int, end: int, now: dt.datetime) -> list[SampleBatch]:
    """Compute and write a stretch in pieces; return what changed."""
    changed = []
    for piece in cut(start, end, history.PIECE_US[definition.is_quarterly]):
        rows = compute(definition, *piece)
        changed.append(replace_rows(definition, rows, *piece, now=now))
    return changed
