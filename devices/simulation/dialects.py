"""How gateways of different makes put readings into topics and payloads.

device      …/data/device/{device}          {"ts": ms, "values": {…}}
group       …/data/device/{device}/{group}  {"ts": s, "values": {…}}, one per group
timeseries  …/data/timeseries               [{"ts": ISO, "device": …, "values": {…}}, …]
            …/data/{device}/timeseries      the same for history
legacy      …/telemetry/{device}            {"ts": s, metric: value, …}; own: …/telemetry
direct      devices/{id}/{metric}           bare number; history [{"ts": ms, "value": …}, …]
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """What one device shows at an instant, in seconds since 1970."""

    device_uid: str
    at: float
    values: dict[str, float]
    is_gateway: bool = False


Message = tuple[str, str]
Dialect = Callable[[str, Sequence[Row]], Iterable[Message]]

_GROUPS = ("power", "voltage", "current", "energy", "temp")


def encode_rows(
    dialect: str, prefix: str, rows: Sequence[Row], *, history: bool = False
) -> list[Message]:
    """Return the messages, topic and payload, that carry these rows.

    With `history` many rows of the same device travel in one message.
    """
    return list(_DIALECTS[dialect, history](prefix, rows))


def _device_messages(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for row in rows:
        yield f"{prefix}/data/device/{row.device_uid}", _dump(_timed(row.at, row.values))


def _device_history(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for uid, own in _by_device(rows):
        yield f"{prefix}/data/device/{uid}", _dump([_timed(row.at, row.values) for row in own])


def _group_messages(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for row in rows:
        for group, values in _by_group(row.values):
            payload = {"ts": row.at, "values": values}
            yield f"{prefix}/data/device/{row.device_uid}/{group}", _dump(payload)


def _group_history(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for uid, own in _by_device(rows):
        payload = [{"ts": row.at, "values": row.values} for row in own]
        yield f"{prefix}/data/device/{uid}/history", _dump(payload)


def _timeseries_messages(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    if rows:
        yield f"{prefix}/data/timeseries", _dump([_named(row) for row in rows])


def _timeseries_history(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for uid, own in _by_device(rows):
        payload = [{"ts": _iso(row.at), "values": row.values} for row in own]
        yield f"{prefix}/data/{uid}/timeseries", _dump(payload)


def _legacy_messages(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for row in rows:
        yield _legacy_topic(prefix, row), _dump({"ts": row.at, **row.values})


def _legacy_history(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for _, own in _by_device(rows):
        yield (
            _legacy_topic(prefix, own[0]),
            _dump([{"ts": row.at, **row.values} for row in own]),
        )


def _direct_messages(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for row in rows:
        for metric, value in row.values.items():
            yield f"{prefix}/{metric}", _dump(value)


def _direct_history(prefix: str, rows: Sequence[Row]) -> Iterable[Message]:
    for metric in rows[0].values if rows else ():
        payload = [{"ts": _ms(row.at), "value": row.values[metric]} for row in rows]
        yield f"{prefix}/{metric}", _dump(payload)


_DIALECTS: dict[tuple[str, bool], Dialect] = {
    ("device", False): _device_messages,
    ("device", True): _device_history,
    ("group", False): _group_messages,
    ("group", True): _group_history,
    ("timeseries", False): _timeseries_messages,
    ("timeseries", True): _timeseries_history,
    ("legacy", False): _legacy_messages,
    ("legacy", True): _legacy_history,
    ("direct", False): _direct_messages,
    ("direct", True): _direct_history,
}


def _legacy_topic(prefix: str, row: Row) -> str:
    return f"{prefix}/telemetry" if row.is_gateway else f"{prefix}/telemetry/{row.device_uid}"


def _named(row: Row) -> dict[str, Any]:
    named = {} if row.is_gateway else {"device": row.device_uid}
    return {"ts": _iso(row.at), **named, "values": row.values}


def _by_device(rows: Sequence[Row]) -> Iterable[tuple[str, list[Row]]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.device_uid, []).append(row)
    return grouped.items()


def _by_group(values: dict[str, float]) -> Iterable[tuple[str, dict[str, float]]]:
    grouped: dict[str, dict[str, float]] = {}
    for metric, value in values.items():
        group = next((group for group in _GROUPS if group in metric), "status")
        grouped.setdefault(group, {})[metric] = value
    return grouped.items()


def _timed(at: float, values: dict[str, float]) -> dict[str, Any]:
    return {"ts": _ms(at), "values": values}


def _ms(at: float) -> int:
    return round(at * 1000)


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z")


def _dump(payload: Any) -> str:
    return json.dumps(payload, separators=(",", ":"))
