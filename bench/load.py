"""One phase of load: warm up, measure a window, stop, drain."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from bench.generator import Generator, Load
from bench.ledger import wait_until_empty
from bench.observer import Commit, CommitObserver
from bench.resources import CpuSnapshot, largest_private_mib, take_snapshot
from energy.lib.redis import key
from telemetry.ingest.buffer import PARTITION

WARM_UP_SECONDS = 3.0


class NothingCommitted(RuntimeError):
    """The pipeline stands still under load."""


@dataclass(frozen=True, slots=True)
class LoadWindow:
    """What happened between `start_ms` and `end_ms`, ms since 1970.

    cpu_seconds: by process. foreign_cores: cores that others on the machine kept busy.
    stream_entries: the longest the ingest stream was seen. postgres_mib: the largest
    private memory of one of its processes.
    """

    start_ms: int
    end_ms: int
    commits: Sequence[Commit]
    points: int
    cpu_seconds: Mapping[str, float]
    busy_cores: float
    foreign_cores: float
    stolen_cores: float
    stream_entries: int
    postgres_mib: float

    @property
    def rows_per_second(self) -> float:
        """Rows committed a second, between the first and the last commit of the window."""
        if len(self.commits) < 2:
            raise NothingCommitted("fewer than two commits in the window")
        rows = sum(commit.rows for commit in self.commits[1:])
        return rows / (self.commits[-1].at_ms - self.commits[0].at_ms) * 1000

    @property
    def messages_per_second(self) -> float:
        """Messages committed a second."""
        return self.rows_per_second / self.points

    @property
    def messages(self) -> int:
        """Messages committed in the window."""
        return sum(commit.rows for commit in self.commits) // self.points

    @property
    def batch_rows(self) -> float:
        """Mean rows of a commit."""
        return sum(commit.rows for commit in self.commits) / len(self.commits)

    def commit_latency_ms(self) -> NDArray[np.float64]:
        """Return the ms from publication to commit of every row."""
        return np.concatenate([commit.at_ms - commit.times_us / 1000 for commit in self.commits])


def run_load(
    load: Load,
    *,
    seconds: float,
    points: int,
    observer: CommitObserver,
    client: Redis,
    pids: Mapping[str, int],
) -> tuple[LoadWindow, Generator]:
    """Publish, measure for `seconds` after the warm-up, then wait until all is stored."""
    generator = start_generator(load, observer, points)
    watched = {**pids, "generator": generator.pid}
    time.sleep(WARM_UP_SECONDS)
    before, start_ms = take_snapshot(watched), time.time_ns() // 1_000_000
    longest, postgres_mib = _watch(client, pids.get("postgres"), seconds)
    after, end_ms = take_snapshot(watched), time.time_ns() // 1_000_000
    generator.stop()
    wait_until_empty(client)
    commits = [commit for commit in observer.commits if start_ms < commit.at_ms <= end_ms]
    used = {name: after.seconds[name] - before.seconds[name] for name in watched}
    window = LoadWindow(
        start_ms=start_ms,
        end_ms=end_ms,
        commits=commits,
        points=points,
        cpu_seconds=used,
        **_cores(before, after, used, (end_ms - start_ms) / 1000),
        stream_entries=longest,
        postgres_mib=postgres_mib,
    )
    return window, generator


def start_generator(load: Load, observer: CommitObserver, points: int) -> Generator:
    """Start publishing, with the window opened by what is committed."""
    generator = Generator(load)
    rows_before = observer.rows
    observer.on_commit = lambda rows: generator.tell_committed((rows - rows_before) // points)
    generator.start()
    return generator


def _watch(client: Redis, postgres: int | None, seconds: float) -> tuple[int, float]:
    """Wait; return the most entries and the most MiB that were seen, once a second."""
    longest, largest = 0, 0.0
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        longest = max(longest, int(client.xlen(key(PARTITION))))
        largest = max(largest, largest_private_mib(postgres) if postgres else 0.0)
    return longest, largest


def _cores(
    before: CpuSnapshot, after: CpuSnapshot, used: Mapping[str, float], seconds: float
) -> dict[str, float]:
    busy = (after.busy - before.busy) / seconds
    return {
        "busy_cores": busy,
        "foreign_cores": max(0.0, busy - sum(used.values()) / seconds),
        "stolen_cores": (after.stolen - before.stolen) / seconds,
    }
