"""The figures as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.ledger import Ledger
from bench.load import LoadWindow
from bench.raw_copy import RawCopy

LARGEST_PROCESS_MIB = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is promised, and whether it was reached."""

    name: str
    value: float
    limit: float
    is_minimum: bool

    @property
    def is_met(self) -> bool:
        """Tell whether the promise was kept."""
        return self.value >= self.limit if self.is_minimum else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured.

    to_screen_ms: one value for each reading that was shown; empty without the live part.
    never_shown: readings of the watched device that no frame covered.
    """

    conditions: Mapping[str, Any]
    raw: RawCopy
    full: LoadWindow
    half: LoadWindow
    half_rate: float
    to_screen_ms: NDArray[np.float64]
    never_shown: int
    memory_mib: Mapping[str, float]
    ledger: Ledger

    @property
    def ratio(self) -> float:
        """Points a second from broker to row, over rows a second of raw COPY."""
        return self.full.rows_per_second / self.raw.best

    def targets(self) -> list[Target]:
        """Return what is promised for this machine class."""
        commit = percentiles(self.half.commit_latency_ms())
        found = [
            Target("end to end / raw COPY", self.ratio, 0.35, True),
            Target("messages/s", self.full.messages_per_second, 22_000, True),
            Target("publish→commit p99 ms at half load", commit["p99"], 250, False),
        ]
        if len(self.to_screen_ms):
            shown = percentiles(self.to_screen_ms)
            found.append(Target("publish→WebSocket p99 ms at half load", shown["p99"], 600, False))
        largest = max(self.memory_mib.values())
        found.append(Target("largest process MiB", largest, LARGEST_PROCESS_MIB, False))
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the figures for machines to read."""
        return {
            "bench": "ingest",
            "conditions": dict(self.conditions),
            "raw_copy_rows_per_s": {
                "batched": round(self.raw.batched),
                "bulk": round(self.raw.bulk),
                "best": round(self.raw.best),
                "by_key": round(self.raw.by_key),
                "rows": self.raw.rows,
                "batch_rows": self.raw.batch_rows,
            },
            "end_to_end": {
                "points_per_s": round(self.full.rows_per_second),
                "messages_per_s": round(self.full.messages_per_second),
                "ratio_to_raw_copy": round(self.ratio, 3),
                "ratio_to_raw_copy_by_key": round(self.full.rows_per_second / self.raw.by_key, 3),
                **_window_json(self.full),
            },
            "half_load": {
                "messages_per_s": round(self.half_rate),
                "publish_to_commit_ms": percentiles(self.half.commit_latency_ms()),
                "publish_to_websocket_ms": percentiles(self.to_screen_ms),
                "readings_shown": len(self.to_screen_ms),
                "readings_never_shown": self.never_shown,
                **_window_json(self.half),
            },
            "memory_mib": {name: round(size, 1) for name, size in self.memory_mib.items()},
            "ledger": {
                **asdict(self.ledger),
                "lost": self.ledger.lost,
                "duplicated": self.ledger.duplicated,
                "is_balanced": self.ledger.is_balanced,
            },
            "targets": [
                {**asdict(target), "value": round(target.value, 3), "is_met": target.is_met}
                for target in self.targets()
            ],
        }


def percentiles(milliseconds: NDArray[np.float64]) -> dict[str, float]:
    """Return p50, p95, p99 and the largest; nothing for no values."""
    if not len(milliseconds):
        return {}
    values = np.percentile(milliseconds, [50, 95, 99, 100])
    return dict(zip(("p50", "p95", "p99", "max"), np.round(values, 1).tolist(), strict=True))


def cpu_per_message(window: LoadWindow) -> dict[str, float]:
    """Return the µs of CPU of each process for one committed message."""
    return {
        name: round(seconds / window.messages * 1e6, 1)
        for name, seconds in window.cpu_seconds.items()
    }


def _window_json(window: LoadWindow) -> dict[str, Any]:
    return {
        "seconds": (window.end_ms - window.start_ms) / 1000,
        "commits": len(window.commits),
        "rows_per_commit": round(window.batch_rows),
        "longest_stream_entries": window.stream_entries,
        "cpu_us_per_message": cpu_per_message(window),
        "busy_cores": round(window.busy_cores, 2),
        "foreign_cores": round(window.foreign_cores, 2),
        "stolen_cores": round(window.stolen_cores, 2),
    }


def print_result(result: Result) -> None:
    """Print the table."""
    for title, rows in _sections(result):
        print(f"\n{title}")
        for name, value in rows:
            print(f"  {name:<44}{value:>18}")


def _sections(result: Result) -> list[tuple[str, list[tuple[str, str]]]]:
    full, half, raw, ledger = result.full, result.half, result.raw, result.ledger
    return [
        (
            "Throughput",
            [
                ("raw binary COPY, batches of the worker", f"{raw.batched:,.0f} rows/s"),
                ("raw binary COPY, one transaction", f"{raw.bulk:,.0f} rows/s"),
                ("the same, sorted by key", f"{raw.by_key:,.0f} rows/s"),
                ("broker to committed row", f"{full.rows_per_second:,.0f} points/s"),
                ("", f"{full.messages_per_second:,.0f} messages/s"),
                ("end to end / raw COPY", f"{result.ratio:.2f}"),
                ("rows of a commit", f"{full.batch_rows:,.0f}"),
                *_core_rows(full),
            ],
        ),
        (
            f"Latency at half load ({result.half_rate:,.0f} messages/s)",
            [
                ("publish to commit, ms", _latency(half.commit_latency_ms())),
                ("publish to WebSocket frame, ms", _latency(result.to_screen_ms)),
                ("readings shown / never", f"{len(result.to_screen_ms)} / {result.never_shown}"),
                *_core_rows(half),
            ],
        ),
        (
            "CPU, µs a message: at full / half load",
            [
                (name, f"{used:.1f} / {cpu_per_message(half).get(name, 0):.1f}")
                for name, used in cpu_per_message(full).items()
            ],
        ),
        (
            "Peak memory, MiB (VmHWM; postgres: its largest process without shared buffers)",
            [(name, f"{size:.0f}") for name, size in result.memory_mib.items()],
        ),
        (
            f"Ledger, messages: {'balanced' if ledger.is_balanced else 'NOT BALANCED'}",
            [
                ("published, poison among them", f"{ledger.published:,} / {ledger.poisoned:,}"),
                ("stored + rejected", f"{ledger.stored:,} + {ledger.rejected:,}"),
                ("lost / duplicated", f"{ledger.lost} / {ledger.duplicated}"),
            ],
        ),
        (
            "Targets",
            [
                (target.name, f"{target.value:,.2f} {'ok' if target.is_met else 'MISSED'}")
                for target in result.targets()
            ],
        ),
    ]


def _core_rows(window: LoadWindow) -> list[tuple[str, str]]:
    cores = (window.busy_cores, window.foreign_cores, window.stolen_cores)
    return [("cores busy / of others / stolen", " / ".join(f"{value:.2f}" for value in cores))]


def _latency(milliseconds: NDArray[np.float64]) -> str:
    found = percentiles(milliseconds)
    if not found:
        return "not measured"
    return "p50 {p50:.0f}  p95 {p95:.0f}  p99 {p99:.0f}".format(**found)
