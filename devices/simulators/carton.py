"""A box that nobody owns: says hello, shows its code, waits for its identity."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.claim_codes import make_code, normalize_hardware
from devices.simulators.faults import Faults
from devices.simulators.http import post_json
from devices.simulators.keys import hash_text, signing_request
from devices.simulators.label import show_label
from devices.simulators.link import Endpoint, Link, client_context
from devices.simulators.memory import Identity, Memory, Offer

logger = logging.getLogger(__name__)

# often at first: the platform may be starting, too
HELLO_SECONDS = (1.0, 1.0, 2.0, 3.0, 5.0, 10.0)
POLL_SECONDS = 3.0
# the platform forgets a code after fifteen minutes
CODE_SECONDS = 600.0


class Carton:
    """The time of a box before it is somebody's."""

    def __init__(
        self, memory: Memory, faults: Faults, *, door: str, web: str, authority: str = ""
    ) -> None:
        """Args:
        door: `mqtt://user:password@host:port`, or `https://host` of the platform.
        web: address of the platform's pages, for the code to be scanned.
        authority: PEM that the box was made with, to trust the door by.
        """
        self._memory = memory
        self._faults = faults
        self._door = urllib.parse.urlsplit(door)
        self._web = web
        self._authority = authority
        self._hellos = 0

    def wait_for_owner(self, stopping: threading.Event) -> bool:
        """Return once the box has an identity; False when it was stopped before."""
        if self._door.scheme.startswith("mqtt"):
            return self._wait_on_broker(stopping)
        return self._wait_on_web(stopping)

    def hello(self) -> dict[str, Any]:
        """Return what the box says of itself; nothing secret."""
        state, offer = self._memory.state, self._offer()
        return {
            "model": state.model,
            "fw": state.firmware.version,
            "serial": state.serial_number,
            "code_sha256": hash_text(offer.code),
            "csr": signing_request(offer.key_pem),
        }

    def take_identity(self, told: Mapping[str, Any]) -> bool:
        """Keep an identity that fits one of our keys; False for anything else."""
        key = self._key_of(told)
        if not key:
            logger.warning("an identity that is not for this box")
            return False
        state = self._memory.state
        state.identity = read_identity(told, key)
        state.is_owned, state.revision, state.configuration = False, 0, {}
        self._memory.save()
        self._faults.reach("delivered")
        logger.info("identity of device %s", state.identity.device_id)
        return True

    def _key_of(self, told: Mapping[str, Any]) -> str:
        try:
            return str(told.get("key", "")) or self._memory.key_of(str(told["certificate"]))
        except (KeyError, ValueError):
            return ""

    def _offer(self) -> Offer:
        """Return the code to show now; a new one when the old one ends soon."""
        offers, now = self._memory.state.offers, time.time()
        if offers and now - offers[-1].made_at < CODE_SECONDS:
            return offers[-1]
        offer = self._memory.add_offer(code=make_code(), now=now)
        hardware_id = normalize_hardware(self._memory.state.hardware_id)
        show_label(self._memory, web=self._web, hardware_id=hardware_id, code=offer.code)
        return offer

    def _wait_on_broker(self, stopping: threading.Event) -> bool:
        mac = self._memory.state.hardware_id
        link = Link(self._endpoint(), topics=(f"/bootstrap/{mac}/claim",))
        next_hello = 0.0
        try:
            while not stopping.is_set():
                event = link.next_event(0.2)
                if event is not None and event.kind in {"refused", "unreachable"}:
                    logger.warning("the bootstrap door is closed: %s", event.detail)
                if event is not None and event.kind == "message":
                    if self._hear(link, event.payload):
                        return True
                elif link.is_connected and time.monotonic() >= next_hello:
                    next_hello = time.monotonic() + self._pause()
                    self._say_hello(link)
            return False
        finally:
            link.close()

    def _endpoint(self) -> Endpoint:
        door = self._door
        is_tls = door.scheme == "mqtts"
        return Endpoint(
            host=door.hostname or "localhost",
            port=door.port or (8883 if is_tls else 1883),
            client_id=f"box-{self._memory.state.hardware_id}-{uuid.uuid4().hex[:6]}",
            username=urllib.parse.unquote(door.username or ""),
            password=urllib.parse.unquote(door.password or ""),
            tls=client_context(Path(), authority=self._authority) if is_tls else None,
        )

    def _say_hello(self, link: Link) -> None:
        """Say hello, and that an identity is welcome: whoever claimed it meanwhile sends one."""
        mac = self._memory.state.hardware_id
        link.publish(f"/bootstrap/{mac}/hello", json.dumps(self.hello()))
        self._faults.reach("hello")
        link.publish(f"/bootstrap/{mac}/claim_ready", "{}")

    def _hear(self, link: Link, payload: bytes) -> bool:
        try:
            told = json.loads(payload)
        except ValueError:
            return False
        if not isinstance(told, dict):
            return False
        if told.get("state") == "claimed":
            logger.info("somebody claimed this box")
            link.publish(f"/bootstrap/{self._memory.state.hardware_id}/claim_ready", "{}")
            self._faults.reach("claim-ready")
            return False
        return told.get("state") == "delivered" and self.take_identity(told)

    def _wait_on_web(self, stopping: threading.Event) -> bool:
        next_hello = 0.0
        while not stopping.is_set():
            try:
                if time.monotonic() >= next_hello:
                    self._post("hello", {**self.hello(), **self._name()}, code="")
                    next_hello = time.monotonic() + self._pause()
                    self._faults.reach("hello")
                told = self._post("credentials", self._name(), code=self._offer().code)
                if told.get("state") == "delivered" and self.take_identity(told):
                    return True
            except (OSError, http.client.HTTPException) as error:
                logger.warning("the platform does not answer: %s", error)
            stopping.wait(POLL_SECONDS)
        return False

    def _pause(self) -> float:
        """Return the seconds until the next hello."""
        self._hellos += 1
        return HELLO_SECONDS[min(self._hellos, len(HELLO_SECONDS)) - 1]

    def _name(self) -> dict[str, str]:
        return {"hardware_id": self._memory.state.hardware_id}

    def _post(self, what: str, body: Mapping[str, Any], *, code: str) -> dict[str, Any]:
        url = f"{self._door.geturl().rstrip('/')}/api/v1/bootstrap/{what}"
        headers = {"Authorization": f"Bearer {code}"} if code else {}
        answer = post_json(url, body, headers=headers, authority=self._authority)
        if answer.status >= 400 and answer.content.get("code") != "not_claimed":
            logger.warning("%s: %s %s", what, answer.status, answer.content.get("code", ""))
        return answer.content


def read_identity(told: Mapping[str, Any], key_pem: str) -> Identity:
    """Read what the platform delivers.

    Raises: KeyError, TypeError: something is missing.
    """
    return Identity(
        tenant_id=told["tenant_id"],
        device_id=told["device_id"],
        gateway_uid=told["gateway_uid"],
        username=told["username"],
        host=told["mqtt"]["host"],
        port=int(told["mqtt"]["port"]),
        is_tls=bool(told["mqtt"]["tls"]),
        authority=told["ca"],
        certificate=told["certificate"],
        key_pem=key_pem,
        prefix=told["topics"]["prefix"],
        ownership_topic=told["topics"]["ownership_ack"],
        firmware_key=told["firmware"]["key"],
    )
