"""How a file is to be read: decided by its evidence or by a person, and kept with the job."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django.utils.translation import gettext as _

from devices.canonical import NAME_LENGTH
from devices.models import Kind
from energy.lib.units import IncompatibleUnits, UnknownUnit, find_unit

FORMATS = ("csv", "xlsx", "espi")
# dmy is 31/12/2026, mdy 12/31/2026, ymd 2026/12/31; native are the dates of a spreadsheet
TIME_FORMATS = ("iso", "dmy", "mdy", "ymd", "epoch", "time_of_day", "native")
MISSING = (
    *("", "?", "-", "--", ".", "null", "nan", "na", "n/a", "#n/a", "none", "nil"),
    *("unavailable", "unknown"),
)
MAX_COLUMNS = 256
# of these the value stands for the time between two stamps, not for the instant
SPANNING = (Kind.GAUGE, Kind.INTERVAL)


class PlanError(ValueError):
    """A plan that cannot be followed; `path` names the setting."""

    def __init__(self, path: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.path, self.code, self.detail = path, code, detail


@dataclass(frozen=True, slots=True)
class PlanColumn:
    """Column `index` of the file (0 is the first) goes to a channel; value × scale is in `unit`."""

    index: int
    channel: str
    unit: str = ""
    kind: str = Kind.GAUGE
    scale: float = 1.0
    header: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is to be read.

    `skip_rows` stand before the data. `zone` is that of times without an offset: an IANA
    name or a fixed offset such as -08:00. `stamp` tells whether a time is the start or the
    end of the `interval_seconds` that a value stands for. `time_format` is one of
    TIME_FORMATS or a strptime pattern; `date` completes times of day. `order` decides which
    of two equal local times of autumn came first. `device_column` holds identifiers of
    devices.
    """

    format: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    skip_rows: int = 1
    sheet: str = ""
    time_columns: tuple[int, ...] = (0,)
    time_format: str = "iso"
    date: str = ""
    zone: str = "UTC"
    stamp: str = "start"
    interval_seconds: int = 0
    order: str = "ascending"
    missing: tuple[str, ...] = MISSING
    sentinels: tuple[float, ...] = ()
    device_column: int | None = None
    columns: tuple[PlanColumn, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what `read_plan` takes."""
        return asdict(self)


def read_plan(data: Any) -> Plan:
    """Read a plan from JSON.

    Raises: PlanError: another shape, an unknown setting.
    """
    if not isinstance(data, dict):
        raise PlanError("", "invalid", "The plan is no object.")
    known = {field.name for field in fields(Plan)}
    if unknown := sorted(set(data) - known):
        raise PlanError(str(unknown[0]), "unknown_field", f"There is no setting {unknown[0]!r}.")
    try:
        return msgspec.convert(data, Plan, strict=False)
    except msgspec.ValidationError as error:
        raise PlanError("", "invalid", str(error)) from error


def check_plan(plan: Plan) -> None:
    """Make sure that a file can be read like this.

    Raises: PlanError: what a person has to decide or to correct first.
    """
    _check_choices(plan)
    zone_of(plan.zone)
    if plan.stamp == "end" and plan.interval_seconds <= 0:
        raise PlanError(
            "interval_seconds", "required", _("Say how long the intervals that end there are.")
        )
    if plan.time_format == "time_of_day":
        _check_date(plan.date)
    if not plan.columns:
        raise PlanError("columns", "required", _("Choose a channel for at least one column."))
    names = [column.channel for column in plan.columns]
    if len(set(names)) < len(names):
        raise PlanError("columns", "duplicate", _("Two columns go to the same channel."))
    for column in plan.columns:
        _check_column(column)


def _check_choices(plan: Plan) -> None:
    choices = (
        ("format", plan.format, FORMATS),
        ("decimal", plan.decimal, (".", ",")),
        ("stamp", plan.stamp, ("start", "end")),
        ("order", plan.order, ("ascending", "descending")),
    )
    for path, value, allowed in choices:
        if value not in allowed:
            raise PlanError(path, "invalid", f"{value!r} is none of {', '.join(allowed)}.")
    if plan.format == "csv" and len(plan.delimiter) != 1:
        raise PlanError("delimiter", "invalid", _("The separator is one character."))
    if plan.format != "espi" and not 1 <= len(plan.time_columns) <= 2:
        raise PlanError("time_columns", "invalid", _("The time stands in one or two columns."))
    if not plan.time_format:
        raise PlanError(
            "time_format",
            "date_order_unknown",
            _("Nothing in the file tells whether 5/2 is 5 February or 2 May: please choose."),
        )
    if plan.time_format not in TIME_FORMATS and "%" not in plan.time_format:
        raise PlanError("time_format", "invalid", f"{plan.time_format!r} is no format of times.")
    if plan.interval_seconds < 0 or plan.skip_rows < 0:
        raise PlanError("interval_seconds", "invalid", _("Numbers below zero mean nothing here."))


def _check_date(text: str) -> None:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        raise PlanError(
            "date", "required", _("The file has times without a date: say which day it is.")
        ) from None


def _check_column(column: PlanColumn) -> None:
    path = f"columns.{column.index}"
    name = column.channel
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise PlanError(
            path, "invalid", _("%(name)s is no name of a channel.") % {"name": repr(name)}
        )
    if column.kind not in Kind.values:
        raise PlanError(path, "invalid", f"{column.kind!r} is no kind of channel.")
    if not 0 < abs(column.scale) < 1e12:
        raise PlanError(path, "invalid", _("The factor is a number other than 0."))
    try:
        if column.unit:
            find_unit(column.unit)
    except (UnknownUnit, IncompatibleUnits) as error:
        raise PlanError(path, "unknown_unit", str(error)) from error


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone: an IANA name, or an offset such as +03:00 or UTC-08:00.

    Raises: PlanError: there is none of this name.
    """
    offset = name.removeprefix("UTC")
    if offset[:1] in {"+", "-"}:
        try:
            moment = dt.datetime.fromisoformat(f"2000-01-01T00:00{offset}")
            return moment.tzinfo or dt.UTC
        except ValueError:
            pass
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PlanError(
            "zone", "unknown_zone", _("%(name)s is no time zone.") % {"name": repr(name)}
        ) from None
