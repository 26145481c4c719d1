"""An MQTT client that publishes with QoS 1 and knows what is acknowledged."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

MAX_QUEUED_MESSAGES = 2_000
MAX_INFLIGHT_MESSAGES = 40
KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS = (1, 30)


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """Where clients connect; with a `ca_file` over TLS, with their certificates."""

    host: str
    port: int
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a client proves who it is: with a password, or over TLS with a certificate."""

    username: str
    password: str
    cert_file: str = ""
    key_file: str = ""


class Publisher:
    """Connects in the background and again after a loss; its queue is bounded."""

    def __init__(self, endpoint: BrokerEndpoint, credentials: Credentials, *, client_id: str):
        self.username = credentials.username
        self.dropped = 0
        self.refusal = ""
        self._unacknowledged: set[int] = set()
        self._early: set[int] = set()
        self._lock = threading.Lock()
        self._endpoint = endpoint
        self._mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
        self._mqtt.max_queued_messages_set(MAX_QUEUED_MESSAGES)
        self._mqtt.max_inflight_messages_set(MAX_INFLIGHT_MESSAGES)
        self._mqtt.reconnect_delay_set(*RECONNECT_SECONDS)
        if endpoint.ca_file:
            self._mqtt.tls_set(endpoint.ca_file, credentials.cert_file, credentials.key_file)
        else:
            self._mqtt.username_pw_set(credentials.username, credentials.password)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_publish = self._on_publish

    def start(self) -> None:
        """Begin to connect."""
        self._mqtt.connect_async(self._endpoint.host, self._endpoint.port, KEEPALIVE_SECONDS)
        self._mqtt.loop_start()

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker has accepted the client."""
        return self._mqtt.is_connected()

    def publish(self, topic: str, payload: str) -> bool:
        """Queue a message; False when the queue is full, which is counted.

        Without connection it is sent after the next connect.
        """
        info = self._mqtt.publish(topic, payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            self.dropped += 1
            return False
        with self._lock:
            if info.mid in self._early:
                self._early.discard(info.mid)
            else:
                self._unacknowledged.add(info.mid)
        return True

    def unacknowledged(self) -> int:
        """Return how many messages the broker has not taken over yet."""
        with self._lock:
            return len(self._unacknowledged)

    def wait_until_acknowledged(self, *, deadline: float, limit: int = 0) -> bool:
        """Wait until at most `limit` messages are open; tell whether it came to that.

        Gives up at `deadline` (monotonic) and when the broker refuses the client.
        """
        while self.unacknowledged() > limit:
            if time.monotonic() > deadline or self.refusal:
                return False
            time.sleep(0.005)
        return True

    def close(self, *, deadline: float) -> None:
        """Leave; messages that are still open by `deadline` (monotonic) are lost."""
        if self.is_connected:
            self.wait_until_acknowledged(deadline=deadline)
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def connected(self) -> None:
        """Do what must follow each connect; runs in the client's thread."""

    def refused(self) -> None:
        """Do what must follow a refusal; `refusal` holds the reason."""

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, props: object
    ) -> None:
        self.refusal = str(reason) if reason.is_failure else ""
        if self.refusal:
            self.refused()
        else:
            self.connected()

    def _on_publish(
        self, client: mqtt.Client, _: object, mid: int, reason: ReasonCode, props: object
    ) -> None:
        """Note an acknowledgement, which may come before `publish` has returned.

        paho holds a lock of its own here that `publish` takes too: never call it while
        holding ours.
        """
        with self._lock:
            if mid in self._unacknowledged:
                self._unacknowledged.discard(mid)
            else:
                self._early.add(mid)
