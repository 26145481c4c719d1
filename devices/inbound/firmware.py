"""What devices say about firmware: `reported/firmware`."""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec

from devices.inbound.message import BadMessage, Inbound
from devices.models import Device
from devices.services.firmware_reports import FirmwareReport, note_report
from devices.services.presence import note_firmware, own_device

# the words of several firmware families
_WORDS = {
    "accepted": "offered", "offered": "offered", "initiated": "offered", "queued": "offered",
    "downloading": "downloading", "in_progress": "downloading",
    "downloaded": "downloaded", "verified": "downloaded", "verifying": "downloaded",
    "installing": "installing", "applying": "installing", "updating": "installing",
    "rebooting": "installing",
    "done": "done", "installed": "done", "success": "done", "updated": "done",
    "failed": "failed", "error": "failed", "refused": "failed", "rejected": "failed",
    "rolled_back": "rolled_back", "rollback": "rolled_back", "reverted": "rolled_back",
    "renew": "renew", "url_expired": "renew", "expired": "renew",
    "booted": "booted", "boot": "booted", "idle": "booted", "running": "booted",
}  # fmt: skip
MAX_TEXT = 500


class Report(msgspec.Struct, frozen=True):
    """`{"state": "downloading", "progress": 40, "job_id": "…", "version": "2.4.1"}`.

    `version` is what runs now, so with `done` the new one; `progress` in percent.
    """

    state: str
    version: str = ""
    current_version: str = ""
    progress: float | None = None
    error: str = ""
    error_code: str = ""
    job_id: str = ""


def handle_firmware(message: Inbound, now: dt.datetime) -> None:
    """Keep how far a device is with its firmware, and what it runs.

    Raises: BadMessage: `bad_state`, `bad_payload`.
    """
    report = message.read(Report)
    word = _WORDS.get(report.state.strip().lower().replace("-", "_"))
    if word is None:
        raise BadMessage("bad_state", f"{report.state[:40]!r} is no state of a download.")
    device = _device(message)
    running = _text(report.current_version or report.version)
    if word in {"done", "rolled_back", "booted"}:
        note_firmware(device=device, version=running)
    note_report(
        device=device,
        report=FirmwareReport(
            word=word,
            version=running,
            progress=_percent(report.progress),
            error_code=_text(report.error_code)[:60].lower().replace(" ", "_"),
            error=_text(report.error),
            job_id=_job(report.job_id),
        ),
        now=now,
    )


def _device(message: Inbound) -> Device:
    if message.device is None and message.gateway is not None:
        found = own_device(gateway=message.gateway)
        if found is not None:
            return found
    return message.known_device()


def _job(text: str) -> uuid.UUID | None:
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise BadMessage("bad_payload", "job_id is no id of ours.") from error


def _percent(value: float | None) -> int | None:
    if value is None:
        return None
    if not 0 <= value <= 100:  # also refuses NaN
        raise BadMessage("bad_payload", "progress must be a percentage from 0 to 100.")
    return int(value)


def _text(value: str) -> str:
    return value.replace("\0", "")[:MAX_TEXT]
