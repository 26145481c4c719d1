"""What a box does not forget: a folder that survives kill -9 and that only its owner reads."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from devices.simulators.keys import is_of_key, make_key

KEPT_COMMANDS = 500
KEPT_OFFERS = 3  # who claims may have scanned an older code


class Offer(msgspec.Struct):
    """A code that the box shows, and the key that would go with it."""

    code: str
    key_pem: str
    made_at: float


class Identity(msgspec.Struct):
    """Who the box is, as the platform told it; `key_pem` never leaves the folder."""

    tenant_id: str
    device_id: str
    gateway_uid: str
    username: str
    host: str
    port: int
    is_tls: bool
    authority: str
    certificate: str
    key_pem: str
    prefix: str
    ownership_topic: str
    firmware_key: str = ""


class Firmware(msgspec.Struct):
    """Two slots, as on an ESP32: what runs, and what it falls back to.

    `trial`: the running image has not proven itself. `tried`: it was started once. `outcome`:
    of an update, to be told after the boot.
    """

    version: str
    previous: str = ""
    trial: bool = False
    tried: bool = False
    outcome: dict[str, Any] = {}


class BoxState(msgspec.Struct):
    """The whole memory of a box."""

    hardware_id: str
    serial_number: str
    model: str
    firmware: Firmware
    offers: list[Offer] = []
    identity: Identity | None = None
    is_owned: bool = False
    next_key: str = ""
    revision: int = 0
    configuration: dict[str, Any] = {}
    steady: dict[str, Any] = {}
    live_until: float | None = None
    commands: dict[str, dict[str, Any]] = {}
    boots: int = 0


class Memory:
    """The folder of one box; `state` is saved as a whole by `save`."""

    def __init__(self, folder: Path, *, model: str, firmware_version: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._file = folder / "box.json"
        if self._file.exists():
            self.state = msgspec.json.decode(self._file.read_bytes(), type=BoxState)
        else:
            self.state = _new_state(model, firmware_version)
            self.save()

    def save(self) -> None:
        """Write everything; a crash leaves the old file or the new one."""
        self.write_file("box.json", msgspec.json.format(msgspec.json.encode(self.state)))

    def write_file(self, name: str, content: bytes) -> Path:
        """Replace a file of the folder, readable by its owner only."""
        return replace_file(self.folder / name, content)

    def key_of(self, certificate_pem: str) -> str:
        """Return the key that a certificate is for, "" if it is none of ours."""
        known = [offer.key_pem for offer in self.state.offers]
        if self.state.next_key:
            known.append(self.state.next_key)
        return next((key for key in known if is_of_key(certificate_pem, key)), "")

    def add_offer(self, *, code: str, now: float) -> Offer:
        """Show a new code, with a new key: the platform refuses keys that were revoked."""
        offer = Offer(code=code, key_pem=make_key(), made_at=now)
        self.state.offers = [*self.state.offers[1 - KEPT_OFFERS :], offer]
        self.save()
        return offer

    def remember_command(self, command_id: str, answer: dict[str, Any]) -> None:
        """Keep what was answered, so that a command which comes twice is done once."""
        commands = self.state.commands
        commands[command_id] = answer
        while len(commands) > KEPT_COMMANDS:
            del commands[next(iter(commands))]
        self.save()

    def forget_owner(self) -> None:
        """Become a box that nobody owns; the hardware stays what it is."""
        old = self.state
        self.state = BoxState(
            hardware_id=old.hardware_id,
            serial_number=old.serial_number,
            model=old.model,
            firmware=Firmware(version=old.firmware.version),
            boots=old.boots,
        )
        self.save()


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file that appears whole, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(temporary).replace(path)


def _new_state(model: str, firmware_version: str) -> BoxState:
    # a locally administered address, so that it is nobody's
    mac = bytes([0x02, *secrets.token_bytes(5)]).hex().upper()
    return BoxState(
        hardware_id=mac,
        serial_number=f"SIM-{mac[-6:]}",
        model=model,
        firmware=Firmware(version=firmware_version),
    )
