"""What a reactor implements."""

from __future__ import annotations

from typing import ClassVar

from telemetry.ingest.batch import StoredBatch


class Reactor:
    """Reacts to stored samples, at least once each and in the order of the stream.

    The frame (`telemetry.reactors.follower`) reads the stream, calls `react` for each
    batch and `flush` after each round, and acknowledges only after that: what either of
    them writes must be repeatable. `react` that raises is tried five times, then the
    batch is given up and counted. An unavailable database is no try.
    """

    name: ClassVar[str]
    # where a new consumer group starts: "0" with what the stream holds, "$" with news
    starts_at: ClassVar[str] = "0"
    # after a standstill, skip to the news; only for reactors whose past is worth nothing
    skips_backlog: ClassVar[bool] = False

    def react(self, batch: StoredBatch) -> None:
        """Take note of a stored batch."""
        raise NotImplementedError

    def on_gap(self) -> None:
        """Recompute from the tables: batches may have passed unseen."""

    def flush(self, now: float) -> None:
        """Write or send what `react` collected. Args: now: seconds since 1970."""

    def wait_seconds(self) -> float:
        """Return how long the frame may wait for news before it calls `flush` again."""
        return 0.5

    def close(self) -> None:
        """Release connections."""
