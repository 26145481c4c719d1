"""The MQTT connection of the platform: durable session, manual acknowledgement in bulk.

MQTT 3.1.1, because paho spends half the CPU on it that it spends on MQTT 5.
"""

from __future__ import annotations

import logging
import select
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.wires.read_ahead import ReadAheadClient, Received

logger = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 5.0
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who the platform is there; `ca_file` "" means the system's."""

    host: str
    port: int
    username: str
    password: str
    use_tls: bool = False
    ca_file: str = ""


class MqttSubscriber:
    """Receives in rounds of at most `max_messages` or `max_wait_seconds`.

    `deliver` must make the messages durable before it returns; only then they are
    acknowledged, and only on the connection they came from. When it raises, the round
    keeps them, reads nothing more, and the next round tries again.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        topics: Sequence[str],
        deliver: Callable[[list[Received]], None],
        max_messages: int = 500,
        max_wait_seconds: float = 0.02,
    ) -> None:
        self._address = address
        self._topics = [(topic, 1) for topic in topics]
        self._deliver = deliver
        self._max_messages = max_messages
        self._max_wait_seconds = max_wait_seconds
        self._pending: list[Received] = []
        self._oldest = 0.0
        self._failures = 0
        self._retry_at = 0.0
        self._misc_at = 0.0
        self._client = self._make_client(client_id)

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker accepted the connection."""
        return bool(self._client.is_connected())

    def run_round(self) -> None:
        """Read, deliver and acknowledge for about 20 ms; (re)connect when needed.

        Raises whatever `deliver` raises.
        """
        if self._client.socket() is None:
            self._connect()
            return
        self._transfer()
        now = time.monotonic()
        if self._pending and (
            len(self._pending) >= self._max_messages or now - self._oldest >= self._max_wait_seconds
        ):
            self._flush()
        if now >= self._misc_at:
            self._misc_at = now + 1.0
            self._client.loop_misc()

    def stop(self, *, drain: bool = True) -> None:
        """Deliver what was read, say goodbye; the broker keeps the rest for the session."""
        try:
            if drain and self._pending:
                self._flush()
                self._write()
        finally:
            self._client.disconnect()

    def _make_client(self, client_id: str) -> ReadAheadClient:
        client = ReadAheadClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.use_tls:
            client.tls_set_context(ssl.create_default_context(cafile=self._address.ca_file or None))
        client.connect_timeout = CONNECT_TIMEOUT_SECONDS
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _connect(self) -> None:
        """Try to connect, at growing intervals; messages of the old connection are dropped.

        The broker has no acknowledgement for them and sends them again.
        """
        wait = self._retry_at - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, 0.2))
            return
        self._client.forget_input()
        self._pending.clear()
        try:
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_SECONDS)
        except (OSError, ValueError) as error:
            self._back_off(f"Broker {self._address.host}:{self._address.port}: {error}")

    def _back_off(self, reason: str) -> None:
        delay = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
        self._failures += 1
        self._retry_at = time.monotonic() + delay
        logger.warning("%s; next try in %.1f s", reason, delay)

    def _transfer(self) -> None:
        """Move bytes between socket and client until the round is full or nothing waits."""
        client = self._client
        sock = client.socket()
        if sock is None:
            return
        timeout = self._max_wait_seconds
        if self._pending:
            timeout = max(0.0, self._oldest + self._max_wait_seconds - time.monotonic())
        full = len(self._pending) >= self._max_messages
        pending_tls = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        if full or client.has_input() or pending_tls:
            timeout = 0.0
        wants_write = [sock] if client.want_write() else []
        readable, writable, _ = select.select([] if full else [sock], wants_write, [], timeout)
        if writable:
            client.loop_write()
        if full:
            return
        if (readable or pending_tls) and not client.has_input():
            client.read_ahead()
        while client.has_input() and len(self._pending) < self._max_messages:
            if not self._take_messages() and client.loop_read() != mqtt.MQTT_ERR_SUCCESS:
                return

    def _take_messages(self) -> bool:
        """Keep the next messages of the input; False when another packet comes first."""
        messages = self._client.take_messages(self._max_messages - len(self._pending))
        if messages and not self._pending:
            self._oldest = time.monotonic()
        self._pending += messages
        return bool(messages) or not self._client.has_input()

    def _flush(self) -> None:
        self._deliver(self._pending)
        delivered, self._pending = self._pending, []
        mids = [message.mid for message in delivered if message.mid]
        if mids and self._client.socket() is not None:
            self._client.acknowledge(mids)

    def _write(self) -> None:
        deadline = time.monotonic() + 1.0
        while self._client.want_write() and time.monotonic() < deadline:
            if self._client.loop_write() != mqtt.MQTT_ERR_SUCCESS:
                return

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._back_off(f"Broker refused the platform: {reason}")
            return
        self._failures = 0
        logger.info("Connected to the broker, session present: %s", flags.session_present)
        client.subscribe(self._topics)

    def _on_disconnect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        # what is pending was received on a connection that is gone: its ids mean nothing now
        self._pending.clear()
        if reason.is_failure:
            self._back_off(f"Connection to the broker lost: {reason}")

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        now = time.time()
        if not self._pending:
            self._oldest = time.monotonic()
        self._pending.append(
            Received(
                topic=_topic_of(message),
                payload=bytes(message.payload),
                received_at=int(now * 1_000_000),
                mid=message.mid if message.qos else 0,
                is_retained=bool(message.retain),
            )
        )


def _topic_of(message: mqtt.MQTTMessage) -> str:
    """Return the topic; bytes that are no UTF-8 are shown, so the message can be rejected."""
    raw: bytes = message._topic
    return raw.decode("utf-8", "backslashreplace")
