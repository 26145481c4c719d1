"""The MQTT connection of one simulated gateway or direct device."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from devices.simulation.build import SimulatedClient

MAX_QUEUED_MESSAGES = 2_000
MAX_INFLIGHT_MESSAGES = 40
KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS = (1, 30)
FIRMWARE = "3.2.1"


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """Where clients connect; with a `ca_file` over TLS, with their certificates."""

    host: str
    port: int
    ca_file: str = ""


class SimulatedConnection:
    """Publishes with QoS 1 and reconnects by itself; what does not fit the queue is counted.

    The last will says offline; after each connect the gateway reports itself online.
    """

    def __init__(
        self,
        client: SimulatedClient,
        endpoint: BrokerEndpoint,
        *,
        on_refused: Callable[[str, str], None] = lambda username, reason: None,
    ) -> None:
        self.dropped = 0
        self._unacknowledged: set[int] = set()
        self._early: set[int] = set()
        self._lock = threading.Lock()
        self._simulated = client
        self._on_refused = on_refused
        self._mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client.username)
        self._mqtt.max_queued_messages_set(MAX_QUEUED_MESSAGES)
        self._mqtt.max_inflight_messages_set(MAX_INFLIGHT_MESSAGES)
        self._mqtt.reconnect_delay_set(*RECONNECT_SECONDS)
        if endpoint.ca_file:
            self._mqtt.tls_set(endpoint.ca_file, client.cert_file, client.key_file)
        else:
            self._mqtt.username_pw_set(client.username, client.password)
        if client.is_gateway:
            self._mqtt.will_set(self._status_topic, _status("offline"), qos=1)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_publish = self._on_publish
        self._mqtt.connect_async(endpoint.host, endpoint.port, KEEPALIVE_SECONDS)
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

    def wait_until_acknowledged(self, *, deadline: float) -> bool:
        """Wait until the broker has everything, or until `deadline` (monotonic)."""
        while self.unacknowledged():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def close(self, *, deadline: float) -> None:
        """Say offline, wait for the acknowledgement until `deadline` (monotonic), leave."""
        if self.is_connected and self._simulated.is_gateway:
            self.publish(self._status_topic, _status("offline"))
            self.wait_until_acknowledged(deadline=deadline)
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    @property
    def _status_topic(self) -> str:
        return f"{self._simulated.prefix}/reported/status"

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, props: object
    ) -> None:
        if reason.is_failure:
            self._on_refused(self._simulated.username, str(reason))
        elif self._simulated.is_gateway:
            self.publish(self._status_topic, _status("online"))

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


def _status(word: str) -> str:
    return json.dumps({"status": word, "fw": FIRMWARE})
