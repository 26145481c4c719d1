"""Take messages from the broker into the durable buffer, and send what waits in the outbox."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from django.conf import settings

from devices.downlink import is_down
from devices.wires.mqtt import BrokerAddress, MqttSubscriber, Received
from devices.wires.sender import OutboxSender
from energy.lib import heartbeat
from energy.lib.identity import is_gone, own_identity
from energy.lib.metrics import MESSAGES_RECEIVED
from energy.lib.process import ProcessCommand
from energy.lib.redis import RedisError, RedisNotDurable, check_durability, durable, key
from telemetry.ingest.buffer import BufferFull, BufferUnavailable, IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.silence import HEARS
from telemetry.reactors.lease import Lease

# Topics of every family; what is not understood is kept as rejected by the worker.
TOPICS = (
    *("tenant/#", "devices/#", "kaiser/#", "hydro/#"),
    *("/bootstrap/#", "bootstrap/#", "zeus/devices/#"),
)
# longer than a process may stall without being given up
LEASE_SECONDS = 8.0
STANDBY_SECONDS = 0.5


class Command(ProcessCommand):
    """Own the MQTT session. Who has its lease reads; another copy stands by.

    With MQTT_SHARE_GROUP each --instance has a session of its own and all of them read; a
    second copy of the same instance stands by. Without, there is one session for all.
    """

    help = "Receive MQTT messages and acknowledge them once they are in the ingest stream."
    process_name = "listener"
    idle_seconds = 0.0  # a round waits on the socket by itself
    error_seconds = 0.5

    def open(self, **options: Any) -> None:
        """Refuse a Redis that loses data, then prepare the connection."""
        self._is_blocked = False
        address = BrokerAddress(
            host=settings.MQTT_HOST,
            port=settings.MQTT_PORT,
            username=settings.MQTT_USERNAME,
            password=settings.MQTT_PASSWORD,
            use_tls=settings.MQTT_TLS,
            ca_file=settings.MQTT_CA_FILE,
        )
        # first: what must be sent does not wait for Redis
        self._sender = OutboxSender(
            address, client_id=f"energy-sender-{settings.REDIS_KEY_PREFIX}{self.instance}"
        )
        self._sender.start()
        self._is_durable = False
        with contextlib.suppress(RedisError):  # it is away: sending goes on, reading waits
            self._check_buffer()
        self._buffer = IngestBuffer()
        share = settings.MQTT_SHARE_GROUP
        session = self.instance if share else "1"
        self._lease = Lease(
            durable(),
            key(f"lease:listener:{session}"),
            holder=own_identity(),
            seconds=LEASE_SECONDS,
            is_gone=is_gone,
        )
        self._subscriber = MqttSubscriber(
            address,
            client_id=f"energy-listener-{settings.REDIS_KEY_PREFIX}{session}",
            topics=[f"$share/{share}/{topic}" if share else topic for topic in TOPICS],
            deliver=self._deliver,
        )

    def work(self) -> bool:
        """Receive for one round; while the buffer refuses, read nothing and acknowledge nothing."""
        try:
            self._check_buffer()
            if not self._may_read():
                self.stopping.wait(STANDBY_SECONDS)
                return True
            self._subscriber.run_round()
            if self._subscriber.is_connected:
                heartbeat.beat(HEARS, self.instance, now=time.time())
        except RedisNotDurable as error:
            raise SystemExit(str(error)) from error
        except (BufferFull, BufferUnavailable, RedisError) as error:
            if not self._is_blocked:
                self.stderr.write(f"Reading stops until the buffer takes messages: {error}")
            self._is_blocked = True
            self.stopping.wait(0.2)
        return True

    def close(self) -> None:
        """Deliver what was read and disconnect; the broker keeps the session."""
        if hasattr(self, "_sender"):
            self._sender.stop()
        if not hasattr(self, "_subscriber"):
            return
        try:
            self._subscriber.stop(drain=not self._is_blocked)
        except (BufferFull, BufferUnavailable) as error:
            # not acknowledged, so the broker sends them to the next listener
            self.stderr.write(f"Left to the broker: {error}")
        with contextlib.suppress(RedisError):  # else it runs out by itself
            self._lease.release()

    def _may_read(self) -> bool:
        """Tell whether this copy has the session; one that woke up too late gives way.

        Raises: RedisError: nobody knows.
        """
        holds = self._lease.hold(now=time.monotonic())
        name = "listener" if holds else "listener_standby"
        if name != self.process_name:
            self.stderr.write("Reading." if holds else "Standing by: another copy reads.")
            heartbeat.forget(self.process_name, self.instance)
            self.process_name = name
            if not holds:
                self._subscriber.stop(drain=False)
        return holds

    def _check_buffer(self) -> None:
        """Ask Redis once whether it keeps what it takes.

        Raises:
            RedisError: it does not answer.
            RedisNotDurable: it does not; nothing is read into such a Redis.
        """
        if not self._is_durable:
            check_durability(durable())
            self._is_durable = True

    def _deliver(self, messages: list[Received]) -> None:
        envelopes = [
            Envelope("mqtt", m.topic, m.payload, m.received_at, is_retained=m.is_retained)
            for m in messages
            if not is_down(m.topic)  # said by our own sender
        ]
        if envelopes:
            self._buffer.append(envelopes)
        self._is_blocked = False
        MESSAGES_RECEIVED.labels("mqtt").inc(len(messages))
