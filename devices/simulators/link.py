"""A box's connection to a broker: what happens on it becomes events in a queue."""

from __future__ import annotations

import queue
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

KEEPALIVE_SECONDS = 20
CONNECT_SECONDS = 5.0
RECONNECT_SECONDS = (1, 10)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to connect; `tls` None for the plain listener."""

    host: str
    port: int
    client_id: str
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Event:
    """`connected` (and subscribed), `lost`, `refused`, `unreachable`, or `message`."""

    kind: str
    topic: str = ""
    payload: bytes = b""
    detail: str = ""


class Link:
    """Connects in the background, and again after a loss.

    With `is_durable` the broker keeps QoS 1 messages while the box is away.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        topics: tuple[str, ...],
        will: tuple[str, str] | None = None,
        is_durable: bool = False,
    ) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self._topics = topics
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=endpoint.client_id,
            clean_session=not is_durable,
        )
        if endpoint.username:
            self._client.username_pw_set(endpoint.username, endpoint.password)
        if endpoint.tls is not None:
            self._client.tls_set_context(endpoint.tls)
        if will is not None:
            self._client.will_set(*will, qos=1)
        self._client.reconnect_delay_set(*RECONNECT_SECONDS)
        self._client.connect_timeout = CONNECT_SECONDS
        self._client.max_queued_messages_set(1000)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = lambda *_: self.events.put(Event("connected"))
        self._client.on_message = lambda _c, _u, message: self.events.put(
            Event("message", message.topic, bytes(message.payload))
        )
        self._client.connect_async(endpoint.host, endpoint.port, KEEPALIVE_SECONDS)
        self._client.loop_start()

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker has accepted the box."""
        return bool(self._client.is_connected())

    def next_event(self, seconds: float) -> Event | None:
        """Wait for an event; None when there is none in time."""
        try:
            return self.events.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None

    def publish(self, topic: str, payload: str) -> mqtt.MQTTMessageInfo:
        """Send with QoS 1; without connection after the next connect."""
        return self._client.publish(topic, payload, qos=1)

    def close(self, *, last_words: tuple[str, str] | None = None) -> None:
        """Leave, saying something first if there is anybody to hear it."""
        if last_words is not None and self.is_connected:
            try:
                self.publish(*last_words).wait_for_publish(2.0)
            except (RuntimeError, ValueError):
                pass
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, props: Any) -> None:
        if reason.is_failure:
            self.events.put(Event("refused", detail=str(reason)))
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self.events.put(Event("unreachable", detail="no connection or no TLS"))

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, props: Any) -> None:
        self.events.put(Event("lost", detail=str(reason)))


def client_context(folder: Path, *, authority: str, certificate: str = "") -> ssl.SSLContext:
    """Return a TLS context of a box.

    Args: certificate: name of the files in `folder`, such as "box" for box.crt and box.key.
    """
    context = ssl.create_default_context(cadata=authority)
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    return context
