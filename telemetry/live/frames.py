"""Points, their latest-wins merge and the text of frames; no I/O.

A point is `[device uuid, metric, time in ms UTC, value, quality name]`; in a snapshot
the unit follows as sixth element.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch
from telemetry.live.limits import FRAME_BYTES

Point = list[Any]
PointKey = tuple[str, str]


def merge_points(pending: dict[PointKey, Point], points: Iterable[tuple[PointKey, Point]]) -> int:
    """Keep the newest point of each (device, metric); return how many gave way to another.

    The keys are kept as they are: those of a thousand sockets are then the same objects.
    """
    dropped = 0
    for key, point in points:
        known = pending.get(key)
        if known is not None:
            dropped += 1
            if known[2] > point[2]:
                continue
        pending[key] = point
    return dropped


def keep_latest(parts: Sequence[SampleBatch]) -> SampleBatch:
    """Return the newest row of each channel, by channel."""
    if not parts:
        return np.empty(0, SAMPLE_DTYPE)
    rows = np.concatenate(parts)
    rows = rows[np.lexsort((rows["time"], rows["channel"]))]
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = rows["channel"][1:] != rows["channel"][:-1]
    return rows[is_last]


def encode_points(points: Sequence[Point], *, limit: int = FRAME_BYTES) -> list[bytes]:
    """Return JSON arrays of at most `limit` bytes that together hold all points."""
    if not points:
        return []
    encoded = orjson.dumps(points)
    if len(encoded) <= limit or len(points) == 1:
        return [encoded]
    parts = min(len(points), len(encoded) // limit + 1)
    size = -(-len(points) // parts)
    pieces = (points[start : start + size] for start in range(0, len(points), size))
    return [part for piece in pieces for part in encode_points(piece, limit=limit)]


def data_frame(sequence: int, points: str) -> str:
    """Return the text of a data frame around encoded points."""
    return f'{{"type":"data","seq":{sequence},"points":{points}}}'


def snapshot_frame(subscription: str | int, sequence: int, points: str) -> str:
    """Return the text of a snapshot frame, or of a part of a large one."""
    name = orjson.dumps(subscription).decode()
    return f'{{"type":"snapshot","id":{name},"seq":{sequence},"points":{points}}}'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The latest values of a feed: encoded parts for the wire, and their times by key."""

    texts: list[str]
    times_ms: dict[PointKey, int]

    def leave_newer(self, pending: dict[PointKey, Point]) -> dict[PointKey, Point]:
        """Return the pending points that this snapshot does not contain yet."""
        times = self.times_ms
        return {key: point for key, point in pending.items() if point[2] > times.get(key, -1)}


def make_snapshot(points: Sequence[Point]) -> Snapshot:
    """Encode the points of a snapshot; without any, it is one empty part."""
    texts = [part.decode() for part in encode_points(points) or [b"[]"]]
    return Snapshot(texts, {(point[0], point[1]): point[2] for point in points})


@dataclass(slots=True)
class FrameOrder:
    """Notices lost frames of a room by their numbers.

    The channel layer drops when it is full and forgets when Redis restarts. Each run of
    the reactor is an epoch; within it the frames of a room are numbered without holes,
    and a beat repeats the last number.
    """

    epoch: str = ""
    last: int = 0

    def is_gap(self, epoch: str, number: int, *, is_beat: bool) -> bool:
        """Take note of a frame; tell whether frames before it were lost."""
        if epoch != self.epoch:
            is_first = not self.epoch
            self.epoch, self.last = epoch, number
            return not is_first
        expected = self.last if is_beat else self.last + 1
        self.last = max(self.last, number)
        return number > expected
