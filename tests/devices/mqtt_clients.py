"""MQTT clients for tests that judge the broker by what it delivers."""

from __future__ import annotations

import queue
import threading
import uuid
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from django.conf import settings

PATIENCE_SECONDS = 60.0


class Refused(Exception):
    """The broker did not let the client in."""


class TestClient:
    """A connected client that remembers what it receives."""

    __test__ = False

    def __init__(self, username: str, password: str, *, client_id: str = "") -> None:
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.disconnected = threading.Event()
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._reason = "no answer"
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id or f"test-{uuid.uuid4().hex[:12]}",
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(username, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.disconnected.set()
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _c, _u, m: self.received.put((m.topic, m.payload))

    def __enter__(self) -> Self:
        self.client.connect(settings.MQTT_HOST, settings.MQTT_PORT)
        self.client.loop_start()
        self._connected.wait(PATIENCE_SECONDS)
        if self._reason:
            self.__exit__(None, None, None)
            raise Refused(self._reason)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the answer, whatever it says."""
        self._subscribed.clear()
        self.client.subscribe(topic, qos=1)
        assert self._subscribed.wait(PATIENCE_SECONDS)

    def publish(self, topic: str, payload: str = "x") -> None:
        """Publish and wait for the acknowledgement, which the broker gives in any case."""
        self.client.publish(topic, payload, qos=1).wait_for_publish(PATIENCE_SECONDS)

    def take_until(self, topic: str) -> list[str]:
        """Return the topics received before `topic`; deliveries keep their order."""
        seen: list[str] = []
        while True:
            received, _ = self.received.get(timeout=PATIENCE_SECONDS)
            if received == topic:
                return seen
            seen.append(received)

    def _on_connect(
        self, client: object, userdata: object, flags: object, reason: object, props: object
    ) -> None:
        self._reason = str(reason) if reason != "Success" else ""
        self._connected.set()
