"""Settings of an import as they are written on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from devices.canonical import lookup
from devices.models import Kind
from telemetry.imports.plan import Plan, PlanColumn, PlanError


def plan_from(options: Mapping[str, Any], headers: Sequence[str]) -> dict[str, Any]:
    """Return the settings that flags name.

    Raises: PlanError: the file has no such column.
    """
    found: dict[str, Any] = {}
    for flag, name in (
        ("time_format", "time_format"), ("tz", "zone"), ("stamp", "stamp"),
        ("interval", "interval_seconds"), ("delimiter", "delimiter"), ("decimal", "decimal"),
    ):  # fmt: skip
        if options.get(flag):
            found[name] = options[flag]
    if found.get("delimiter") == "\\t":
        found["delimiter"] = "\t"
    if options.get("time"):
        found["time_columns"] = _time_columns(options["time"], headers)
    return found


def columns_from(text: str, headers: Sequence[str], plan: Plan) -> list[dict[str, Any]]:
    """Read `Column=channel:unit:kind, …`; unit and kind may be left out.

    Raises: PlanError.
    """
    guessed = {column.index: column for column in plan.columns}
    columns = []
    for part in text.split(","):
        header, equals, target = part.partition("=")
        if not equals:
            raise PlanError("columns", "invalid", f"{part!r} is not Column=channel:unit:kind.")
        index = find_column(header.strip(), headers)
        channel, unit, kind = (*target.strip().split(":"), "", "")[:3]
        known = lookup(channel)
        before = guessed.get(index)
        kind = kind or (known.kind if known else Kind.GAUGE)
        unit = unit or (known.unit if known else before.unit if before else "")
        scale = before.scale if before else 1.0
        columns.append(asdict(PlanColumn(index, channel, unit, kind, scale, headers[index])))
    return columns


def find_column(name: str, headers: Sequence[str]) -> int:
    """Return the index of a column by its header, or by #n with n from 1.

    Raises: PlanError: there is none.
    """
    if name.startswith("#") and name[1:].isdigit() and 1 <= int(name[1:]) <= len(headers):
        return int(name[1:]) - 1
    if name not in headers:
        raise PlanError("columns", "unknown_column", f"No column {name!r}; there are {headers}.")
    return headers.index(name)


def _time_columns(text: str, headers: Sequence[str]) -> list[int]:
    if text in headers:
        return [find_column(text, headers)]
    names = text.split(",") if "," in text else text.split()
    return [find_column(name.strip(), headers) for name in names]
