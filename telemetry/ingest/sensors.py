"""Sensors of the kaiser dialect: what their configuration says, what was measured beside them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from accounts.tenancy import all_tenants
from devices.downlink import processed_topic
from devices.models import DeviceConfiguration, OutboundMessage
from devices.sensor_calculation import Sensor, read_sensors
from devices.services.outbox import queue_messages
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.dialects import Processed, sensor_source
from telemetry.models import LatestValue

# who waits longer measures again
ANSWER_VALID = dt.timedelta(seconds=60)
FRESH_US = 3_600_000_000
MAX_TEMPERATURES = 100_000

Sensors = Mapping[tuple[int, str], Sensor]
# (device, pin) → time in µs and °C
Temperatures = dict[tuple[uuid.UUID, int], tuple[int, float]]
TEMPERATURE_TYPES = frozenset(
    {"ds18b20", "sht31", "bmp280", "temperature", "temp", "ds18b20_temp", "sht31_temp"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was calculated, for the device at a gateway that sent the raw number."""

    tenant_id: uuid.UUID
    gateway_uid: str
    device_uid: str
    processed: Processed
    received_at: dt.datetime


class Node(Protocol):
    """A source that may have sensors."""

    device_id: uuid.UUID | None
    sensors: Sensors


def equip_nodes(nodes: Sequence[Node], temperatures: Temperatures) -> None:
    """Give nodes the sensors of their newest configuration.

    `temperatures` gets what is stored of pins that the configurations ask for and of which
    nothing newer is known.
    """
    by_id = {node.device_id: node for node in nodes if node.device_id}
    if not by_id:
        return
    with all_tenants():
        newest = (
            DeviceConfiguration.objects.filter(device_id__in=by_id)
            .order_by("device_id", "-revision")
            .distinct("device_id")
            .values_list("device_id", "body")
        )
        found = {device_id: read_sensors(body) for device_id, body in newest}
        _load_temperatures(found, temperatures)
    for device_id, sensors in found.items():
        by_id[device_id].sensors = sensors


def _load_temperatures(
    found: Mapping[uuid.UUID, Mapping[tuple[int, str], Sensor]], temperatures: Temperatures
) -> None:
    sources: dict[tuple[uuid.UUID, str], int] = {}
    for device_id, sensors in found.items():
        for pin in {s.temperature_gpio for s in sensors.values() if s.temperature_gpio is not None}:
            if (device_id, pin) not in temperatures:
                kinds = TEMPERATURE_TYPES
                sources |= {(device_id, sensor_source(pin, kind)): pin for kind in kinds}
    if not sources:
        return
    rows = LatestValue.objects.filter(
        channel__device__in={device_id for device_id, _ in sources},
        channel__source__in={source for _, source in sources},
    ).values_list("channel__device_id", "channel__source", "time", "value")
    for device_id, source, time, value in rows:
        known = sources.get((device_id, source))
        if known is not None and time is not None and value is not None:
            note_temperature(temperatures, device_id, known, to_microseconds(time), value)


def note_temperature(
    temperatures: Temperatures, device_id: uuid.UUID, pin: int, time: int, value: float
) -> None:
    """Remember a temperature if it is the newest of its pin."""
    known = temperatures.get((device_id, pin))
    if known is None or known[0] <= time:
        if len(temperatures) >= MAX_TEMPERATURES:
            temperatures.clear()
        temperatures[device_id, pin] = time, value


def fresh_temperatures(
    temperatures: Temperatures, device_id: uuid.UUID, sensors: Sensors, time: int
) -> dict[int, float]:
    """Return °C by pin, of pins that were measured within an hour of `time`."""
    pins = {s.temperature_gpio for s in sensors.values() if s.temperature_gpio is not None}
    found = {pin: temperatures.get((device_id, pin)) for pin in pins}
    return {
        pin: known[1]
        for pin, known in found.items()
        if known is not None and abs(time - known[0]) <= FRESH_US
    }


def publish_answers(answers: Sequence[Answer], *, now: dt.datetime) -> None:
    """Let values that were calculated be sent to their devices, unless they came long ago.

    It may happen twice after a crash; a device shows the same number again.
    """
    queue_messages(
        [
            OutboundMessage(
                topic=processed_topic(answer.gateway_uid, answer.device_uid, answer.processed.gpio),
                payload=_payload(answer.processed),
                tenant_id=answer.tenant_id,
                created_at=now,
                not_before=now,
                expires_at=answer.received_at + ANSWER_VALID,
            )
            for answer in answers
            if answer.received_at + ANSWER_VALID > now
        ]
    )


def _payload(processed: Processed) -> bytes:
    said = {
        "ts": processed.raw_time if isinstance(processed.raw_time, int | float | str) else None,
        "gpio": processed.gpio,
        "sensor_type": processed.sensor_type,
        "raw": processed.raw,
        "value": processed.value,
        "unit": processed.unit,
        "quality": processed.quality,
        "error": processed.error or None,
    }
    return msgspec.json.encode({key: value for key, value in said.items() if value is not None})
