"""Time series as tables: CSV and one JSON object a line, one row for each value."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

from telemetry.series import EPOCH, Series

COLUMNS = ("time", "device", "metric", "agg", "unit", "value", "quality")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
BYTE_ORDER_MARK = "\ufeff"
# a spreadsheet takes a text that begins with one of these for a formula
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class CSVRenderer(BaseRenderer):
    """Long table with a header; times in UTC."""

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
        table.writerow(COLUMNS)
        for series in data["series"]:
            table.writerows(_rows(series))
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
            for line in _objects(series)
        )


def _rows(series: Series) -> Iterator[tuple[Any, ...]]:
    texts = [_escape(text) for text in (series.metric, series.agg, series.unit)]
    for time_ms, value, quality in zip(series.t, series.v, series.q, strict=True):
        time = EPOCH + dt.timedelta(milliseconds=time_ms)
        yield (f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z", series.device, *texts,
               "" if value is None else value, quality)  # fmt: skip


def _objects(series: Series) -> Iterator[dict[str, Any]]:
    for time_ms, value, quality in zip(series.t, series.v, series.q, strict=True):
        yield {
            "t": time_ms,
            "device": series.device,
            "metric": series.metric,
            "agg": series.agg,
            "unit": series.unit,
            "v": value,
            "q": quality,
        }


def _escape(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
