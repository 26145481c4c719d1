"""Sends what waits in the outbox, over a connection of its own.

Reading stops while Redis is away; sending must not, so that an emergency stop leaves with
Redis and Celery down. MQTT 5, because the broker then drops what a device that sleeps did not
fetch in time, and says what it does not take.
"""

from __future__ import annotations

import datetime as dt
import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, transaction
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices.models import OutboundMessage
from devices.services import outbox
from devices.services.command_sweep import sweep_commands
from devices.services.sent import note_sent, note_unsendable, prepare
from devices.wires.mqtt import CONNECT_TIMEOUT_SECONDS, KEEPALIVE_SECONDS, BrokerAddress

logger = logging.getLogger(__name__)

BATCH = 100
WAIT_SECONDS = 0.5  # for a notification; a due `not_before` or deadline is found as late
ACK_SECONDS = 5.0
GIVE_UP_TRIES = 8  # alone on a good connection; then a command will never be sent


class OutboxSender:
    """A thread that publishes due messages with QoS 1 and deletes what the broker took.

    Any number may run: rows are locked. One that dies leaves its rows to the next, so a
    message may be sent twice. New messages go together; one that the broker did not take goes
    alone from then on, so that it spoils no other. Between messages the thread ends commands
    whose time is over: that must not wait for Celery.
    """

    def __init__(self, address: BrokerAddress, *, client_id: str) -> None:
        self._address = address
        self._client_id = client_id
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._listening: Any = None
        self._swept_at = 0.0
        self._refused: set[int] = set()
        self._client = self._connect()

    def start(self) -> None:
        """Begin; connects by itself, for as long as it takes."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current batch, at most six seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=ACK_SECONDS + 1)
        _end(self._client)

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker has accepted the connection."""
        return bool(self._client.is_connected())

    def send_due(self) -> int:
        """Send one batch, and one message that failed before; return how many were handled."""
        return self._send(limit=BATCH, were_tried=False) + self._send(limit=1, were_tried=True)

    def _send(self, *, limit: int, were_tried: bool) -> int:
        with transaction.atomic():
            now = outbox.database_now()
            messages = outbox.take_messages(now=now, limit=limit, were_tried=were_tried)
            if not messages:
                return 0
            ready = prepare(messages=messages, now=now)
            taken, unsendable = self._publish(ready, now)
            left = [m for m in ready if m not in taken and m not in unsendable]
            if were_tried and left and left[0].tries >= GIVE_UP_TRIES and left[0].command_id:
                unsendable, left = [*unsendable, *left], []
            outbox.postpone_messages(left, now=now)
            outbox.forget_messages([m for m in messages if m not in left])
            note_unsendable(messages=unsendable, reason="The broker does not take it.", now=now)
            note_sent(messages=taken, now=outbox.database_now())
        if left:
            # the client would send what it holds at its next connection, perhaps too late
            logger.warning("The broker did not take %d messages, trying again", len(left))
            self._renew()
        return len(messages)

    def _publish(
        self, messages: list[OutboundMessage], now: dt.datetime
    ) -> tuple[list[OutboundMessage], list[OutboundMessage]]:
        """Publish all, then wait for the acknowledgements together.

        Returns: what the broker took, and what no broker can take.
        """
        self._refused.clear()
        sent: list[tuple[OutboundMessage, mqtt.MQTTMessageInfo]] = []
        unsendable = []
        for message in messages:
            try:
                sent.append((message, self._publish_one(message, now)))
            except ValueError as error:
                logger.error("Message to %.100r can never be sent: %s", message.topic, error)
                unsendable.append(message)
        infos = [info for _message, info in sent if info.rc == mqtt.MQTT_ERR_SUCCESS]
        _wait(infos, lambda: self.is_connected)
        taken = [
            message
            for message, info in sent
            if info.rc == mqtt.MQTT_ERR_SUCCESS
            and info.is_published()
            and info.mid not in self._refused
        ]
        return taken, unsendable

    def _publish_one(self, message: OutboundMessage, now: dt.datetime) -> mqtt.MQTTMessageInfo:
        properties = None
        if message.expires_at is not None:
            properties = Properties(PacketTypes.PUBLISH)
            left = (message.expires_at - now).total_seconds()
            properties.MessageExpiryInterval = max(1, int(left))
        return self._client.publish(
            message.topic, bytes(message.payload), message.qos, message.is_retained, properties
        )

    def _run(self) -> None:
        """Sweep, send, then wait for a notification, until stopped."""
        while not self._stopping.is_set():
            try:
                close_old_connections()
                wire = self._listen()  # before looking, so that no notice falls in between
                self._sweep()
                if not self.is_connected:
                    self._stopping.wait(0.1)
                elif not self.send_due():
                    next(wire.notifies(timeout=WAIT_SECONDS, stop_after=1), None)
            except (DatabaseError, psycopg.Error, OSError) as error:
                logger.warning("Outbox waits: %s", error)
                self._forget_connection()
            except Exception:
                logger.exception("Round of the outbox failed, going on")
                self._forget_connection()
        connection.close()

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at < WAIT_SECONDS:
            return
        self._swept_at = time.monotonic()
        sweep_commands(now=outbox.database_now())

    def _forget_connection(self) -> None:
        connection.close()
        self._stopping.wait(1.0)

    def _listen(self) -> Any:
        """Return the driver's connection, which hears of every new message."""
        connection.ensure_connection()
        wire: Any = connection.connection
        if wire is not self._listening:
            wire.execute(f"LISTEN {outbox.CHANNEL}")
            self._listening = wire
        return wire

    def _renew(self) -> None:
        """Begin a new connection, which knows nothing of messages of the old one."""
        _end(self._client)
        self._client = self._connect()

    def _connect(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5
        )
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.use_tls:
            client.tls_set_context(ssl.create_default_context(cafile=self._address.ca_file or None))
        client.connect_timeout = CONNECT_TIMEOUT_SECONDS
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.max_inflight_messages_set(BATCH)
        client.on_publish = self._on_publish
        client.connect_async(self._address.host, self._address.port, KEEPALIVE_SECONDS)
        client.loop_start()
        return client

    def _on_publish(
        self, client: mqtt.Client, userdata: Any, mid: int, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused.add(mid)


def _wait(infos: list[mqtt.MQTTMessageInfo], is_connected: Callable[[], bool]) -> None:
    """Wait until all are acknowledged, the connection is lost or five seconds are over."""
    deadline = time.monotonic() + ACK_SECONDS
    for info in infos:
        while not info.is_published() and is_connected() and time.monotonic() < deadline:
            info.wait_for_publish(0.05)


def _end(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()
