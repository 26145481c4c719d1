"""Reads what was committed and when from the stream `samples`.

The worker appends a batch there right after its COMMIT has returned, and Redis stamps
the entry with its clock in ms. So the stamp is never earlier than the commit, and the
measurement costs PostgreSQL nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import RedisError

from energy.lib.redis import key
from telemetry.ingest.batch import decode_stored
from telemetry.ingest.publish import FIELD, STREAM

GROUP = "bench"
BLOCK_MS = 100


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed batch: when, in ms since 1970, and the times of its rows."""

    at_ms: int
    times_us: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many rows were committed."""
        return len(self.times_us)


class CommitObserver:
    """Follows the stream in a thread; `on_commit` hears the number of rows so far."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._stopping = threading.Event()
        self.commits: list[Commit] = []
        self.rows = 0
        self.on_commit: Callable[[int], None] = lambda rows: None

    def start(self) -> None:
        """Follow from now on."""
        # a group, because reactors trim what every group has read
        self._client.xgroup_create(key(STREAM), GROUP, id="$", mkstream=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let go of the stream."""
        self._stopping.set()
        self._thread.join()
        self._client.xgroup_destroy(key(STREAM), GROUP)

    def _follow(self) -> None:
        unread = {key(STREAM): ">"}
        while not self._stopping.is_set():
            try:
                answer: Any = self._client.xreadgroup(
                    GROUP, "observer", unread, count=20, block=BLOCK_MS, noack=True
                )
            except RedisError:
                self._stopping.wait(0.1)
                continue
            for entry_id, fields in _entries(answer):
                self._note(int(entry_id.split(b"-")[0]), fields[FIELD])

    def _note(self, at_ms: int, data: bytes) -> None:
        times = decode_stored(data).samples()["time"].copy()
        self.rows += len(times)
        self.commits.append(Commit(at_ms, times))
        self.on_commit(self.rows)


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of one stream, from an answer of RESP2 or RESP3."""
    if not answer:
        return []
    found = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    return found[0] if found and isinstance(found[0], list) else found
