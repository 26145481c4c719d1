"""What would be stored: the first rows as they are understood, and what is known of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from devices.models import Channel
from energy.lib.units import linear
from telemetry.imports import store
from telemetry.imports.channels import existing_channels, template_of
from telemetry.imports.models import ImportJob, ImportState
from telemetry.imports.plan import Plan, PlanError, check_plan, read_plan, zone_of
from telemetry.imports.reading import FileReader, Row, shift_of
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.ingest.times import MAX_FUTURE_US
from telemetry.storage.reads import raw_samples

SHOWN_ROWS = 50
LOOKED_AT = 5_000
_FAR_BACK = dt.timedelta(days=730)


@dataclass(slots=True)
class ShownColumn:
    """A column with what its values are stored as."""

    index: int
    header: str
    channel: str
    unit: str
    kind: str
    scale: float
    stored_unit: str
    is_new: bool


@dataclass(slots=True)
class ShownRow:
    """A row as it is understood; `values` by column, in the stored unit, None where missing."""

    number: int
    time: dt.datetime | None
    local: str
    values: list[float | None]
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Preview:
    """What an import would do, judged by the first five thousand rows."""

    columns: list[ShownColumn] = field(default_factory=list)
    rows: list[ShownRow] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    looked_at: int = 0
    is_whole: bool = False
    new: int = 0
    duplicates: int = 0
    conflicts: int = 0
    missing: int = 0
    refused: int = 0
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    error: tuple[str, str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the API shows."""
        return asdict(self)


def preview_import(job: ImportJob, *, now: dt.datetime) -> Preview:
    """Read the beginning of a file by its plan; `error` says what must be decided first.

    Raises: FileProblem: it cannot be read like this. ColumnRefused: a channel does not fit.
    """
    preview = Preview(warnings=[(code, text) for code, text in job.notes])
    try:
        plan = read_plan(job.plan)
        check_plan(plan)
    except PlanError as error:
        preview.error = (error.path, error.code, error.detail)
        return preview
    channels = existing_channels(job.device, plan)
    preview.columns = [_column(plan, n, channels) for n in range(len(plan.columns))]
    rows = _read(job, plan, preview, now)
    _show(preview, plan, channels, rows)
    if plan.device_column is None:
        _compare(preview, plan, channels, rows, job)
    _warn(preview, job, now)
    return preview


def _column(plan: Plan, position: int, channels: dict[str, Channel]) -> ShownColumn:
    column = plan.columns[position]
    known = channels.get(column.channel)
    stored = known.unit if known else template_of(column).unit
    return ShownColumn(
        column.index,
        column.header,
        column.channel,
        column.unit,
        column.kind,
        column.scale,
        stored,
        known is None,
    )


def _read(job: ImportJob, plan: Plan, preview: Preview, now: dt.datetime) -> list[Row]:
    reader = FileReader(store.opener_of(job), plan, latest=to_microseconds(now) + MAX_FUTURE_US)
    rows: list[Row] = []
    preview.is_whole = True
    for row in reader.rows():
        rows.append(row)
        preview.missing += row.missing
        preview.refused += len(row.problems)
        if len(rows) >= LOOKED_AT:
            preview.is_whole = False
            break
    reader.source.close()
    preview.looked_at = len(rows)
    times = [row.time for row in rows if row.time is not None]
    if times:
        preview.first, preview.last = from_microseconds(min(times)), from_microseconds(max(times))
    return rows


def _show(preview: Preview, plan: Plan, channels: dict[str, Channel], rows: list[Row]) -> None:
    zone = zone_of(plan.zone)
    scales = _scales(plan, channels)
    for row in rows[:SHOWN_ROWS]:
        values: list[float | None] = [None] * len(plan.columns)
        for position, value in row.values:
            factor, divisor, offset = scales[position]
            values[position] = value * factor / divisor + offset
        moment = None
        if row.time is not None:
            shift = max((shift_of(plan, n) for n, _ in row.values), default=0)
            moment = from_microseconds(row.time - shift)
        local = f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %z}" if moment else ""
        problems = [detail for _, detail in row.problems]
        preview.rows.append(ShownRow(row.number, moment, local, values, problems))


def _scales(plan: Plan, channels: dict[str, Channel]) -> list[tuple[float, float, float]]:
    found = []
    for column in plan.columns:
        known = channels.get(column.channel)
        unit = known.unit if known else template_of(column).unit
        found.append(linear(column.scale, column.unit or unit, unit))
    return found


def _compare(
    preview: Preview,
    plan: Plan,
    channels: dict[str, Channel],
    rows: list[Row],
    job: ImportJob,
) -> None:
    """Count what is stored already, with the same value and with another, and what is new."""
    scales = _scales(plan, channels)
    seen: set[tuple[int, int]] = set()
    wanted: dict[tuple[int, int], float] = {}
    for row in rows:
        if row.time is None:
            continue
        for position, value in row.values:
            moment = row.time - shift_of(plan, position)
            factor, divisor, offset = scales[position]
            key = (position, moment)
            if key in seen:
                preview.duplicates += 1
                continue
            seen.add(key)
            wanted[key] = value * factor / divisor + offset
    stored = _stored(plan, channels, wanted, job)
    for key, value in wanted.items():
        if key not in stored:
            preview.new += 1
        elif stored[key] == value:
            preview.duplicates += 1
        else:
            preview.conflicts += 1


def _stored(
    plan: Plan,
    channels: dict[str, Channel],
    wanted: dict[tuple[int, int], float],
    job: ImportJob,
) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for position, column in enumerate(plan.columns):
        channel = channels.get(column.channel)
        times = [time for n, time in wanted if n == position]
        if channel is None or not times:
            continue
        samples = raw_samples(
            [channel.id],
            from_microseconds(min(times)),
            from_microseconds(max(times) + 1),
            limit=20 * LOOKED_AT,
            tenant_id=job.tenant_id,
        )
        is_wanted = np.isin(samples["time"], np.array(times))
        for sample in samples[is_wanted]:
            found[position, int(sample["time"])] = float(sample["value"])
    return found


def _warn(preview: Preview, job: ImportJob, now: dt.datetime) -> None:
    if not preview.is_whole:
        text = _("The counts are of the first %(rows)s rows.") % {"rows": preview.looked_at}
        preview.warnings.append(("counts_of_beginning", text))
    if preview.first and preview.first < now - _FAR_BACK:
        text = _(
            "Some values are older than two years. They are kept for the grace of history that "
            "is filled in late, and then deleted by the retention of your plan."
        )
        preview.warnings.append(("older_than_retention", text))
    if any("does not exist" in p for row in preview.rows for p in row.problems):
        text = _(
            "The file has hours that do not exist in this zone. If the meter knows no "
            "daylight-saving time, choose a fixed offset such as UTC-08:00."
        )
        preview.warnings.append(("nonexistent_times", text))
    before = ImportJob.objects.filter(
        sha256=job.sha256, device_id=job.device_id, state=ImportState.DONE
    ).exclude(id=job.id)
    if job.sha256 and before.exists():
        preview.warnings.append(
            (
                "imported_before",
                _("This file was imported before; what is there is not added again."),
            )
        )
