"""What devices say about their configuration."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from devices.inbound.message import BadMessage, Inbound, read_object
from devices.models import Device
from devices.services.nodes import note_bound
from devices.services.presence import own_device
from devices.services.reported import note_answer, note_reported

_ACCEPTED = frozenset({"ok", "success", "done", "applied", "accepted", "ack", "true"})
_REFUSED = frozenset({"error", "failed", "fail", "invalid", "refused", "rejected", "nack", "false"})


class Answer(msgspec.Struct, frozen=True):
    """`{"revision": 7, "status": "success"}`, or with `error_code` and `message`."""

    status: str | bool = ""
    success: bool | None = None
    revision: int | None = None
    config_revision: int | None = None
    error_code: str = ""
    error: str = ""
    message: str = ""

    @property
    def is_accepted(self) -> bool:
        """Tell whether the device took it.

        Raises: BadMessage: `bad_status`.
        """
        word = str(self.success if self.success is not None else self.status).lower()
        if word not in _ACCEPTED | _REFUSED:
            raise BadMessage("bad_status", f"{word[:40]!r}: say success or error.")
        return word in _ACCEPTED


def handle_reported(message: Inbound, now: dt.datetime) -> None:
    """Keep the configuration that a device reports: `{"revision": 7, "config": {…}}` or bare."""
    document = read_object(message)
    body = document.get("config", document)
    if not isinstance(body, dict):
        raise BadMessage("bad_payload", "`config` must be an object.")
    device = _speaker(message)
    note_reported(
        device=device,
        body=body,
        revision=_revision(document if "config" in document else {}),
        raw="",
        at=message.received_at,
    )
    note_bound(device=device, zone_uid=message.route.captures.get("zone", ""), now=now)


def handle_raw(message: Inbound, now: dt.datetime) -> None:
    """Keep the raw text of a configuration; an object in it is read, `ack` answers the push."""
    text = message.payload.decode("utf-8", "backslashreplace").replace("\0", "")
    try:
        document = msgspec.json.decode(message.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = {}
    found = document if isinstance(document, dict) else {}
    body = found.get("config", {} if "ack" in found else found)
    device = _speaker(message)
    revision = _revision(found)
    if "ack" in found:
        note_answer(
            device=device,
            revision=revision,
            is_accepted=bool(found["ack"]),
            error_code=str(found.get("error_code", "")),
            error=str(found.get("error", "")),
            at=message.received_at,
        )
    if isinstance(body, dict) and body:
        at = message.received_at
        note_reported(device=device, body=body, revision=revision, raw=text, at=at)


def handle_response(message: Inbound, now: dt.datetime) -> None:
    """Keep the answer of a device to a push."""
    answer = message.read(Answer)
    named = answer.revision if answer.revision is not None else answer.config_revision
    note_answer(
        device=_speaker(message),
        revision=named,
        is_accepted=answer.is_accepted,
        error_code=answer.error_code,
        error=answer.message or answer.error,
        at=message.received_at,
    )


def _speaker(message: Inbound) -> Device:
    """Return the device that a message is about; without a name the gateway's own."""
    if message.device is None and message.gateway is not None and not message.route.device_uid:
        own = own_device(gateway=message.gateway)
        if own is not None:
            return own
    return message.known_device()


def _revision(document: dict[str, Any]) -> int | None:
    found = document.get("revision")
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found < 2**31 else None
