"""Sends a meter's CSV file as if its gateway had stored it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.tenancy import tenant_scope
from devices.demo.passwords import read_demo_file
from devices.models import Channel, Device
from devices.simulation.csv_rows import (
    MappingError,
    RowReader,
    TimedRow,
    parse_mapping,
    payload_conversions,
    time_columns,
)
from devices.wires.publisher import BrokerEndpoint, Credentials, Publisher
from energy.lib.units import IncompatibleUnits, UnknownUnit

MAX_UNACKNOWLEDGED = 200
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0


class ReplayFailed(Exception):
    """The file could not be sent; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file and how to read it; `speed` 0 means as fast as possible, else times real time."""

    path: Path
    mapping: str
    time_columns: str
    time_format: str
    zone: str
    delimiter: str = ","
    speed: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the readings go: a device's topic, and the credentials of its gateway."""

    topic: str
    endpoint: BrokerEndpoint
    credentials: Credentials
    units: dict[str, str]


def replay_file(file: CsvFile, target: Target) -> dict[str, Any]:
    """Publish every row and wait for each acknowledgement; return the counts.

    Raises:
        ReplayFailed: the file does not fit its description, or the broker does not answer.
    """
    began = time.monotonic()
    with _open_rows(file, target) as (reader, rows):
        publisher = Publisher(
            target.endpoint, target.credentials, client_id=f"replay-{uuid.uuid4().hex[:12]}"
        )
        try:
            sent, values = _publish(publisher, target.topic, reader.read(rows), file.speed)
        finally:
            publisher.close(deadline=time.monotonic())
    return {
        **asdict(reader.counts),
        "messages": sent,
        "values": values,
        "seconds": round(time.monotonic() - began, 3),
    }


def find_target(*, credentials: Path, gateway_uid: str, device_uid: str) -> Target:
    """Find a registered device and the credentials of its gateway; make nothing.

    Raises:
        ReplayFailed: the file has no such gateway, or the gateway no such device.
    """
    demo = read_demo_file(credentials)
    known = {gateway["uid"]: gateway for gateway in demo.get("gateways", [])}
    gateway = known.get(gateway_uid)
    if gateway is None:
        raise ReplayFailed(
            f"{credentials} has no credentials of gateway {gateway_uid!r}; it has: "
            f"{', '.join(known) or 'none'}. Register the gateway first; nothing is created here."
        )
    mqtt = demo["mqtt"]
    return Target(
        topic=f"{gateway['topic_prefix']}/data/device/{device_uid}",
        endpoint=BrokerEndpoint(mqtt["host"], mqtt["port"]),
        credentials=Credentials(gateway["username"], gateway["password"]),
        units=_payload_units(uuid.UUID(gateway["tenant"]), gateway_uid, device_uid),
    )


def _payload_units(tenant_id: uuid.UUID, gateway_uid: str, device_uid: str) -> dict[str, str]:
    """Return the unit of each metric that the device's payload may hold."""
    with tenant_scope(tenant_id):
        device = Device.objects.filter(gateway__uid=gateway_uid, uid=device_uid).first()
        if device is None:
            raise ReplayFailed(
                f"Gateway {gateway_uid!r} has no device {device_uid!r}. Register it first; "
                "nothing is created here."
            )
        channels = Channel.objects.filter(device=device)
        return dict(channels.values_list("source", "source_unit"))


@contextmanager
def _open_rows(
    file: CsvFile, target: Target
) -> Iterator[tuple[RowReader, Iterator[dict[str, str | None]]]]:
    delimiter = file.delimiter.replace("\\t", "\t")
    try:
        mappings = parse_mapping(file.mapping)
        with file.path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, delimiter=delimiter)
            header = list(rows.fieldnames or [])
            absent = [mapping.column for mapping in mappings if mapping.column not in header]
            if absent:
                raise MappingError(f"The file has no column {absent}; it has {header}.")
            yield (
                RowReader(
                    mappings=mappings,
                    conversions=payload_conversions(mappings, target.units),
                    time_names=time_columns(header, file.time_columns),
                    time_format=file.time_format,
                    zone=ZoneInfo(file.zone),
                ),
                iter(rows),
            )
    except (MappingError, UnknownUnit, IncompatibleUnits, UnicodeDecodeError, OSError) as error:
        raise ReplayFailed(f"{file.path}: {error}") from error
    except ZoneInfoNotFoundError as error:
        raise ReplayFailed(f"{file.zone!r} is no IANA time zone.") from error


def _publish(
    publisher: Publisher, topic: str, rows: Iterator[TimedRow], speed: float
) -> tuple[int, int]:
    """Send every row; return how many messages and values the broker has acknowledged."""
    publisher.start()
    _wait_for_connection(publisher)
    messages, values = 0, 0
    began: tuple[float, dt.datetime] | None = None
    for row in rows:
        if speed:
            began = began or (time.monotonic(), row.at)
            due = began[0] + (row.at - began[1]).total_seconds() / speed
            time.sleep(max(due - time.monotonic(), 0.0))
        _wait_for_acknowledgements(publisher, limit=MAX_UNACKNOWLEDGED)
        ts_ms = round(row.at.timestamp() * 1000)
        publisher.publish(topic, json.dumps({"ts": ts_ms, "values": row.values}))
        messages += 1
        values += len(row.values)
    _wait_for_acknowledgements(publisher, limit=0)
    return messages, values


def _wait_for_connection(publisher: Publisher) -> None:
    deadline = time.monotonic() + CONNECT_SECONDS
    while not publisher.is_connected:
        _check_refusal(publisher)
        if time.monotonic() > deadline:
            raise ReplayFailed("No connection to the broker; is it running?")
        time.sleep(0.01)


def _wait_for_acknowledgements(publisher: Publisher, *, limit: int) -> None:
    deadline = time.monotonic() + SILENCE_SECONDS
    if not publisher.wait_until_acknowledged(deadline=deadline, limit=limit):
        _check_refusal(publisher)
        raise ReplayFailed(
            f"{publisher.unacknowledged()} messages are not acknowledged after "
            f"{SILENCE_SECONDS:.0f} s. Start again: what is stored is not stored twice."
        )


def _check_refusal(publisher: Publisher) -> None:
    if publisher.refusal:
        raise ReplayFailed(
            f"The broker refuses the gateway {publisher.username}: {publisher.refusal}. Are its "
            "credentials in the file the current ones?"
        )
