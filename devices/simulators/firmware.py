"""Firmware: checked before a byte is loaded, loaded in pieces, and taken back if it is bad."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.firmware.keys import decode_signature, is_signed_by, read_public_key
from devices.firmware.manifest import BadManifest, read_manifest
from devices.firmware.offer import BadOffer, check_offer
from devices.simulators.faults import Faults
from devices.simulators.http import open_request
from devices.simulators.memory import Identity, Memory

logger = logging.getLogger(__name__)

CHUNK_BYTES = 16_384
TRIES = 40
PAUSE_SECONDS = 1.0
_PROGRESS_STEP = 20

Tell = Callable[[dict[str, Any]], None]


class UpdateFailed(RuntimeError):
    """An update that the box gives up; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys the box was made with: the platform's, which signs offers, and the vendor's.

    Without a platform's key the one counts that came with the identity.
    """

    platform_key: bytes | None = None
    vendor_key: bytes | None = None


class Updater:
    """Loads and installs what the box is offered, beside everything else that it does.

    `tell` sends a report and `restart` reboots; both are called from the loading thread.
    """

    def __init__(
        self, memory: Memory, identity: Identity, faults: Faults, trust: Trust,
        *, tell: Tell, restart: Callable[[], None],
    ) -> None:  # fmt: skip
        self._memory = memory
        self._identity = identity
        self._faults = faults
        self._trust = trust
        self._tell = tell
        self._restart = restart
        self._thread: threading.Thread | None = None
        self._offer: dict[str, Any] = {}
        self._stopping = threading.Event()

    def take(self, payload: bytes, *, now: float) -> None:
        """Follow an offer unless it is forged, for another box, too old, or no news."""
        try:
            offer = json.loads(payload)
            self._check(offer, now)
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("%s: an offer that cannot be followed: %s", self._name, error)
            return
        except UpdateFailed as error:
            logger.warning("%s: an offer that is refused: %s", self._name, error)
            return
        self._offer = offer  # a running download goes on with the new address
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="firmware", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop loading; what was loaded stays."""
        self._stopping.set()

    def boot_report(self) -> dict[str, Any]:
        """Return what a boot tells: which version runs, and how an update ended."""
        firmware = self._memory.state.firmware
        report = firmware.outcome or {"state": "booted"}
        firmware.outcome = {}
        if firmware.trial:  # it runs and is connected: the new image stays
            firmware.trial = firmware.tried = False
            firmware.previous = ""
        self._memory.save()
        return {**report, "version": firmware.version}

    @property
    def _name(self) -> str:
        return self._identity.username

    def _check(self, offer: Mapping[str, Any], now: float) -> None:
        """Check who signed the offer and the image's manifest.

        Raises: UpdateFailed.
        """
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        trust, device_id = self._trust, uuid.UUID(self._identity.device_id)
        platform_key = trust.platform_key or _told_key(self._identity)
        if platform_key is None and trust.vendor_key is None:
            raise UpdateFailed("no_key", "this box was made without a key to check it by")
        try:
            if platform_key is not None:
                check_offer(offer, public_key=platform_key, device_id=device_id, now=moment)
            if offer["device_id"] != str(device_id):
                raise UpdateFailed("other_device", "for another device")
            if trust.vendor_key is not None:
                _check_manifest(offer, trust.vendor_key)
        except (BadOffer, BadManifest) as error:
            raise UpdateFailed(error.code, str(error)) from error

    def _work(self) -> None:
        offer = self._offer
        try:
            self._report("downloading", progress=0)
            image = self._load()
            self._verify(image)
            self._report("downloaded")
            self._faults.reach("downloaded")
            self._install(offer, image)
        except UpdateFailed as error:
            logger.warning("%s: %s", self._name, error)
            self._report("failed", error_code=error.code, error=str(error))

    def _report(self, state: str, **more: Any) -> None:
        self._tell({"state": state, "job_id": self._offer["job_id"], **more})

    def _load(self) -> Path:
        """Load what is missing, however often the connection breaks.

        Raises: UpdateFailed.
        """
        part = self._memory.folder / f"{self._offer['sha256'][:16]}.part"
        for _attempt in range(TRIES):
            if self._stopping.is_set():
                raise UpdateFailed("stopped", "the box is switched off")
            begun = part.stat().st_size if part.exists() else 0
            if begun >= int(self._offer["size"]):
                return part
            try:
                self._load_rest(part, begun)
            except (OSError, http.client.HTTPException) as error:
                logger.info("%s: download broke: %s", self._name, error)
                self._stopping.wait(PAUSE_SECONDS)
        raise UpdateFailed("download_failed", f"not complete after {TRIES} tries")

    def _load_rest(self, part: Path, begun: int) -> None:
        headers = {"Range": f"bytes={begun}-"} if begun else {}
        connection, answer = open_request(
            "GET", self._offer["url"], headers=headers, authority=self._identity.authority
        )
        try:
            if answer.status == 200:
                begun = 0
            elif answer.status != 206:
                self._wait_for_another_address(answer.status)
                return
            logger.info("%s loads from byte %d", self._name, begun)
            self._save_chunks(part, begun, answer)
        finally:
            connection.close()

    def _save_chunks(self, part: Path, begun: int, answer: http.client.HTTPResponse) -> None:
        size, told = int(self._offer["size"]), begun * 100 // int(self._offer["size"])
        with part.open("r+b" if begun else "wb") as file:
            file.seek(begun)
            while chunk := answer.read(CHUNK_BYTES):
                file.write(self._damaged(chunk))
                file.flush()
                percent = file.tell() * 100 // size
                if percent >= told + _PROGRESS_STEP:
                    told = percent
                    self._report("downloading", progress=percent)
                if percent >= 30:
                    self._faults.reach("downloading")
                if file.tell() > size:
                    raise UpdateFailed("wrong_size", f"more than {size} bytes")

    def _damaged(self, chunk: bytes) -> bytes:
        if not self._faults.has_wrong_hash:
            return chunk
        return bytes([chunk[0] ^ 1]) + chunk[1:]

    def _wait_for_another_address(self, status: int) -> None:
        """Addresses hold for ten minutes; ask for another, which may come meanwhile."""
        logger.info("%s: the platform answers %d", self._name, status)
        if status in (401, 403, 404, 410):
            self._report("renew")
        self._stopping.wait(PAUSE_SECONDS)

    def _verify(self, image: Path) -> None:
        with image.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self._offer["sha256"]:
            image.unlink()
            raise UpdateFailed("hash_mismatch", "the image arrived damaged")

    def _install(self, offer: Mapping[str, Any], image: Path) -> None:
        """Put the image into the other slot and start it, on trial."""
        self._report("installing")
        image.replace(self._memory.folder / "firmware.bin")
        firmware = self._memory.state.firmware
        firmware.previous, firmware.version = firmware.version, str(offer["version"])
        firmware.trial, firmware.tried = True, False
        firmware.outcome = {"state": "done", "job_id": offer["job_id"]}
        self._memory.save()
        time.sleep(0.3)  # the report leaves
        self._faults.reach("rebooting")
        self._restart()


def start_firmware(memory: Memory, faults: Faults) -> None:
    """Boot: go back to the image before when the new one does not start, or did not last."""
    firmware = memory.state.firmware
    if not firmware.trial:
        return
    if not faults.is_bad_image and not firmware.tried:
        firmware.tried = True
        memory.save()
        return
    logger.warning("%s does not start, back to %s", firmware.version, firmware.previous)
    job_id = firmware.outcome.get("job_id", "")
    firmware.outcome = {
        "state": "rolled_back", "job_id": job_id, "error_code": "boot_failed",
        "error": f"{firmware.version} did not start",
    }  # fmt: skip
    firmware.version, firmware.previous = firmware.previous, ""
    firmware.trial = firmware.tried = False
    memory.save()


def _told_key(identity: Identity) -> bytes | None:
    return read_public_key(identity.firmware_key) if identity.firmware_key else None


def _check_manifest(offer: Mapping[str, Any], vendor_key: bytes) -> None:
    """Check that the vendor vouches for just this image.

    Raises: UpdateFailed, BadManifest.
    """
    text = str(offer["manifest"]).encode()
    signature = decode_signature(str(offer["manifest_signature"]))
    if signature is None or not is_signed_by(vendor_key, signature, text):
        raise UpdateFailed("bad_signature", "the vendor did not sign this manifest")
    manifest = read_manifest(text)
    told = (offer["version"], int(offer["size"]), offer["sha256"])
    if told != (manifest.version, manifest.size, manifest.sha256):
        raise UpdateFailed("bad_manifest", "the manifest is of another image")
