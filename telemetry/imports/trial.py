"""What an import would store, found out without storing anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accounts.tenancy import current_tenant_id
from telemetry.imports.channels import existing_channels, template_of
from telemetry.imports.plan import Plan
from telemetry.ingest.assemble import Columns, assemble, conflict
from telemetry.ingest.batch import SampleBatch, from_microseconds
from telemetry.ingest.direct import DirectResult, Target, Within, slot_entries
from telemetry.ingest.slots import SLOT_DTYPE
from telemetry.storage.reads import raw_samples


class TrialStore:
    """Counts as `DirectStore` would; channels that do not exist yet have numbers below zero.

    Remembers what it was given, 22 bytes a value, to find values that stand in a file twice.
    """

    def __init__(self) -> None:
        self._table: NDArray[np.void] = np.empty(0, dtype=SLOT_DTYPE)
        self._seen: list[SampleBatch] = []

    def add_targets(self, targets: Sequence[Target]) -> int:
        """Add channels; return the index of the first."""
        first = len(self._table)
        known = [target for target in targets if target.channel_id > 0]
        entries = {entry[0]: entry for entry in slot_entries(known)}
        rows: list[Any] = []
        for target in targets:
            scaling = (target.scale, 1.0, 0.0)
            blank = (target.channel_id, *scaling, -np.inf, np.inf, 0.0, 0)
            rows.append(entries.get(target.channel_id, blank))
        self._table = np.concatenate([self._table, np.array(rows, dtype=SLOT_DTYPE)])
        return first

    def store_rows(
        self, columns: Columns, *, now: dt.datetime, within: Within | None = None
    ) -> DirectResult:
        """Return what would become of the rows."""
        assembled = assemble(columns, self._table)
        result = DirectResult(duplicates=assembled.duplicates)
        for found in assembled.refused:
            (result.conflicts if found[1] == "conflicting_value" else result.refused).append(found)
        rows = assembled.rows
        if len(rows) == 0:
            return result
        known = np.zeros(len(rows), dtype=np.bool_)
        for other in [*self._seen, self._stored(rows)]:
            same, differs = _compare(rows, other)
            fresh = (same | differs) & ~known
            result.duplicates += int((same & fresh).sum())
            for at in np.flatnonzero(differs & fresh):
                number = int(assembled.messages[at])
                result.conflicts.append((number, "conflicting_value", conflict(rows[at])))
            known |= fresh
        result.stored = int((~known).sum())
        self._seen.append(rows[~known])
        return result

    def close(self) -> None:
        """Forget what was seen."""
        self._seen.clear()

    def _stored(self, rows: SampleBatch) -> SampleBatch:
        channels = [int(id_) for id_ in np.unique(rows["channel"]) if id_ > 0]
        start, end = int(rows["time"].min()), int(rows["time"].max())
        return raw_samples(
            channels,
            from_microseconds(start),
            from_microseconds(end + 1),
            tenant_id=current_tenant_id(),
        )


def trial_targets(device: Any, plan: Plan) -> list[Target]:
    """Return where values would go; for channels that would be made, numbers below zero.

    Raises: ColumnRefused.
    """
    found = existing_channels(device, plan)
    targets = []
    for number, column in enumerate(plan.columns, start=1):
        channel = found.get(column.channel)
        unit = channel.unit if channel else template_of(column).unit
        id_ = channel.id if channel else -number
        targets.append(Target(id_, column.unit or unit, column.scale))
    return targets


def _compare(rows: SampleBatch, other: SampleBatch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows stand in another sorted batch with the same, and with another value."""
    nothing = np.zeros(len(rows), dtype=np.bool_)
    if len(other) == 0 or other["time"].max() < rows["time"].min():
        return nothing, nothing
    keys = np.ascontiguousarray(other[["channel", "time"]])
    wanted = np.ascontiguousarray(rows[["channel", "time"]])
    _, mine, theirs = np.intersect1d(wanted, keys, assume_unique=True, return_indices=True)
    same, differs = nothing.copy(), nothing.copy()
    equal = rows["value"][mine] == other["value"][theirs]
    same[mine[equal]] = True
    differs[mine[~equal]] = True
    return same, differs
