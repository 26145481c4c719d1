"""Time series as tables: CSV and one JSON object a line; and all as MessagePack."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import orjson
from rest_framework.renderers import BaseRenderer

from telemetry.series import EPOCH

COLUMNS = ("time", "device", "metric", "agg", "unit", "value", "quality")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
BYTE_ORDER_MARK = "\ufeff"
# a spreadsheet takes a text that begins with one of these for a formula
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class CSVRenderer(BaseRenderer):
    """Table with a header; times in UTC. The series of a comparison are left out."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the table."""
        params = getattr((renderer_context or {}).get("view"), "params", {})
        text = io.StringIO()
        if params.get("bom"):
            text.write(BYTE_ORDER_MARK)
        table = csv.writer(text, delimiter=SEPARATORS[params.get("sep", "comma")])
        if params.get("layout") == "wide":
            table.writerows(wide_rows(data["series"]))
        else:
            table.writerow(COLUMNS)
            for series in data["series"]:
                table.writerows(long_rows(series))
        return text.getvalue()


class NDJSONRenderer(BaseRenderer):
    """One object a line, times in epoch ms."""

    media_type = "application/x-ndjson"
    format = "ndjson"
    charset = None

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the lines."""
        return b"".join(
            orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            for series in data["series"]
            for line in line_objects(series)
        )


class MessagePackRenderer(BaseRenderer):
    """What JSON says, in MessagePack."""

    media_type = "application/msgpack"
    format = "msgpack"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the bytes of the answer."""
        return msgspec.msgpack.encode(data)


def long_rows(series: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each value, as `COLUMNS` says."""
    texts = [escape(series[name]) for name in ("metric", "agg", "unit")]
    for time_ms, value, quality in zip(series["t"], series["v"], series["q"], strict=True):
        yield (write_time(time_ms), series["device"], *texts,
               "" if value is None else value, quality)  # fmt: skip


def wide_rows(all_series: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Yield a header and a row for each time, with a column for each series.

    A column is headed `device metric (unit) aggregate`.
    """
    yield ["time", *(_heading(series) for series in all_series)]
    columns = [dict(zip(series["t"], series["v"], strict=True)) for series in all_series]
    for time_ms in sorted({time for column in columns for time in column}):
        values = (column.get(time_ms) for column in columns)
        yield [write_time(time_ms), *("" if value is None else value for value in values)]


def _heading(series: Mapping[str, Any]) -> str:
    unit = f" ({series['unit']})" if series["unit"] else ""
    return escape(f"{series['device']} {series['metric']}{unit} {series['agg']}")


def write_time(time_ms: int) -> str:
    """Return RFC 3339 with milliseconds, UTC."""
    time = EPOCH + dt.timedelta(milliseconds=time_ms)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def line_objects(series: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an object for each value, time in epoch ms."""
    fixed = {name: series[name] for name in ("device", "metric", "agg", "unit")}
    for time_ms, value, quality in zip(series["t"], series["v"], series["q"], strict=True):
        yield {"t": time_ms, **fixed, "v": value, "q": quality}


def escape(text: str) -> str:
    """Return the text of a cell so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
