"""What devices say about being there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from devices.inbound.message import BadMessage, Inbound
from devices.models import Device, Gateway, ReportedStatus
from devices.services.certificates import note_certificate_seen
from devices.services.configuration import push_pending
from devices.services.firmware_reports import note_boot
from devices.services.presence import (
    UnknownStatus,
    apply_status_report,
    note_firmware,
    own_device,
)

MAX_UPTIME_SECONDS = 1e9


class StatusReport(msgspec.Struct, frozen=True):
    """`{"status": "online", "fw": "2.4.1"}`; a bare word is read as the status.

    `cert_serial`: hexadecimal serial number of the certificate in use.
    """

    status: str
    fw: str = ""
    firmware: str = ""
    cert_serial: str = ""

    @property
    def firmware_version(self) -> str:
        """The version under either name."""
        return self.fw or self.firmware


_decoder = msgspec.json.Decoder(StatusReport)


def read_status(payload: bytes) -> StatusReport:
    """Read a status payload.

    Raises:
        BadMessage: `bad_status`.
    """
    text = payload.strip()
    try:
        if text[:1] in (b"{", b"["):
            return _decoder.decode(text)
        return StatusReport(text.decode("utf-8").strip('"').lower())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage("bad_status", str(error)[:500]) from error


def handle_status(message: Inbound, now: dt.datetime) -> None:
    """Keep what a gateway or a device says about itself, also as its last will."""
    thing = message.device if message.route.family != "tenant" else message.gateway
    if thing is None:
        message.known_device()
        return
    report = read_status(message.payload)
    if message.is_retained and thing.reported_status_at is not None:
        return  # sent again at each of our connections: no sign of life, and known already
    try:
        apply_status_report(
            thing=thing,
            status=report.status.lower(),
            at=message.received_at,
            firmware_version=report.firmware_version,
        )
    except UnknownStatus as error:
        raise BadMessage("bad_status", str(error)) from error
    device = own_device(gateway=thing) if isinstance(thing, Gateway) else thing
    if device is not None and report.status.lower() == ReportedStatus.ONLINE:
        push_pending(device_id=device.id, now=now)
        version = report.firmware_version
        at = message.received_at
        note_boot(device=device, version=version, at=at, now=now, uptime_seconds=0)
    _note_certificate(device, report.cert_serial, now)


class Heartbeat(msgspec.Struct, frozen=True):
    """`{"uptime": 60, "free_heap": 81234, "rssi": -61, "fw_version": "2.4.1"}`; all optional.

    uptime in s, free_heap in bytes, rssi −100 to 0 dBm. The numbers are stored as readings
    by the pipeline; other fields are left alone.
    """

    fw_version: str = ""
    fw: str = ""
    firmware: str = ""
    firmware_version: str = ""
    cert_serial: str = ""
    uptime: Any = None

    @property
    def uptime_seconds(self) -> float | None:
        """The time since the last boot; None when the device tells nothing usable."""
        is_number = isinstance(self.uptime, int | float) and not isinstance(self.uptime, bool)
        return float(self.uptime) if is_number and 0 <= self.uptime < MAX_UPTIME_SECONDS else None

    @property
    def version(self) -> str:
        """The version under any of its names."""
        return self.fw_version or self.firmware_version or self.fw or self.firmware


def handle_heartbeat(message: Inbound, now: dt.datetime) -> None:
    """Keep the firmware version that a heartbeat tells; hearing it is presence enough."""
    device = message.device
    if device is None and message.gateway is not None and not message.route.device_uid:
        device = own_device(gateway=message.gateway)
    if device is None:
        device = message.known_device()
    heartbeat = message.read(Heartbeat)
    note_firmware(device=device, version=heartbeat.version)
    note_boot(
        device=device,
        version=heartbeat.version,
        at=message.received_at,
        now=now,
        uptime_seconds=heartbeat.uptime_seconds,
    )
    _note_certificate(device, heartbeat.cert_serial, now)


def _note_certificate(device: Device | None, serial: str, now: dt.datetime) -> None:
    if device is not None and serial:
        note_certificate_seen(device=device, serial=serial, now=now)
