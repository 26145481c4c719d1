"""A device that does all that devices must do with firmware, over a client of the site."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client

from devices.firmware.offer import check_offer
from devices.inbound.message import Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import Device, OutboundMessage

PIECE = 100_000


@dataclass
class DeviceDouble:
    """`loses_power_after`: pieces; `flips`: a bit of the flash is broken."""

    device: Device
    version: str = "1.0.0"
    flips: bool = False
    loses_power_after: int = 0
    flash: bytearray = field(default_factory=bytearray)
    job: str = ""
    said: list[str] = field(default_factory=list)

    def follow_offers(self, now: dt.datetime) -> None:
        """Take what came on down/firmware, the last offer only."""
        rows = OutboundMessage.objects.filter(topic=f"devices/{self.device.id}/down/firmware")
        offers = [json.loads(bytes(row.payload)) for row in rows.order_by("id")]
        rows.delete()
        if offers:
            self.update(offers[-1], now)

    def update(self, offer: dict[str, Any], now: dt.datetime) -> None:
        """Check, load, check again, install, boot."""
        key = base64.b64decode(Client().get("/pki/firmware.pub").content)
        check_offer(offer, public_key=key, device_id=self.device.id, now=now)
        if self.job != offer["job_id"]:
            self.job, self.flash = offer["job_id"], bytearray()
        if not self._load(offer, now):
            return
        if hashlib.sha256(self.flash).hexdigest() != offer["sha256"]:
            self.flash = bytearray()
            self.say(now, state="failed", error_code="hash_mismatch", error="sha256 differs")
            return
        self.say(now, state="downloaded")
        self.say(now, state="installing")
        self.version = offer["version"]

    def boot(self, now: dt.datetime) -> None:
        """Connect and say what runs."""
        self.say(now, topic="reported/status", status="online", fw=self.version)

    def say(self, now: dt.datetime, *, topic: str = "reported/firmware", **content: Any) -> None:
        """Publish."""
        if topic == "reported/firmware":
            content["job_id"] = self.job
            self.said.append(content["state"])
        route = match_message(f"devices/{self.device.id}/{topic}".split("/"))
        assert route is not None
        handle(
            Inbound(
                route=route, payload=json.dumps(content).encode(), received_at=now,
                tenant_id=self.device.tenant_id, device=self.device,
            ),
            now=now,
        )  # fmt: skip

    def _load(self, offer: dict[str, Any], now: dt.datetime) -> bool:
        address, loaded = offer["url"].removeprefix(settings.PUBLIC_URL), 0
        while len(self.flash) < offer["size"]:
            start = len(self.flash)
            answer = Client().get(address, headers={"Range": f"bytes={start}-{start + PIECE - 1}"})
            assert answer.status_code == 206, answer.content
            piece = bytearray(b"".join(answer.streaming_content))
            if self.flips:
                piece[0] ^= 1
            self.flash += piece
            self.say(now, state="downloading", progress=100 * len(self.flash) // offer["size"])
            loaded += 1
            if loaded == self.loses_power_after:
                return False
        return True
