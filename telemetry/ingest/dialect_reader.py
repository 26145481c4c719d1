"""Messages of the dialects, with what the directory knows of their sensors."""

from __future__ import annotations

from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.ingest.dialects import decode_hydro, decode_kaiser, sensor_source
from telemetry.ingest.directory import Directory
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.sensors import (
    TEMPERATURE_TYPES,
    Answer,
    fresh_temperatures,
    note_temperature,
)
from telemetry.ingest.source import Source
from telemetry.ingest.times import TimeError, read_time
from telemetry.ingest.topics import Family
from telemetry.quality import Quality


class DialectReader:
    """Reads messages and collects `answers` for the devices that wait for one."""

    def __init__(self, directory: Directory) -> None:
        self.answers: list[Answer] = []
        self._directory = directory

    def read(self, envelope: Envelope, source: Source) -> list[Reading]:
        """Return the readings of a message.

        Raises: DecodeError.
        """
        route = source.route
        if route is None or source.device_id is None or source.tenant_id is None:
            raise DecodeError("unknown_device", "The gateway has no such device; register it.")
        if route.family is Family.HYDRO:
            return [decode_hydro(envelope.payload, channel=route.group)]
        temperatures = fresh_temperatures(
            self._directory.temperatures, source.device_id, source.sensors, envelope.received_at
        )
        readings, processed = decode_kaiser(
            envelope.payload,
            gpio=route.group,
            device_uid=route.device_uid or "",
            sensors=source.sensors,
            temperatures=temperatures,
        )
        self._note_temperatures(source, envelope, readings)
        if processed is not None:
            received_at = from_microseconds(envelope.received_at)
            self.answers.append(
                Answer(
                    source.tenant_id,
                    route.gateway_uid,
                    route.device_uid or "",
                    processed,
                    received_at,
                )
            )
        return readings

    def _note_temperatures(
        self, source: Source, envelope: Envelope, readings: list[Reading]
    ) -> None:
        """Remember good temperatures: sensors of the same node are compensated with them."""
        pin = source.route.group if source.route else ""
        known = {sensor_source(int(pin), kind) for kind in TEMPERATURE_TYPES}
        for reading in readings:
            for name in known & reading.values.keys():
                if reading.quality is Quality.GOOD and source.device_id is not None:
                    time = _time(reading, envelope)
                    value = reading.values[name]
                    found = self._directory.temperatures
                    note_temperature(found, source.device_id, int(pin), time, value)


def _time(reading: Reading, envelope: Envelope) -> int:
    try:
        return read_time(reading.raw_time, received_at=envelope.received_at)
    except TimeError:
        return envelope.received_at
