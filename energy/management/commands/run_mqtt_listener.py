"""Take messages from the broker into the durable buffer."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from devices.wires.mqtt import BrokerAddress, MqttSubscriber, Received
from energy.lib.metrics import MESSAGES_RECEIVED
from energy.lib.process import ProcessCommand
from energy.lib.redis import check_durability, durable
from telemetry.ingest.buffer import BufferFull, BufferUnavailable, IngestBuffer
from telemetry.ingest.envelope import Envelope

# Topics of every family; what is not understood is kept as rejected by the worker.
TOPICS = ("tenant/#", "devices/#")


class Command(ProcessCommand):
    """Own the MQTT connection; several copies need MQTT_SHARE_GROUP."""

    help = "Receive MQTT messages and acknowledge them once they are in the ingest stream."
    process_name = "listener"
    idle_seconds = 0.0  # a round waits on the socket by itself
    error_seconds = 0.5

    def open(self, **options: Any) -> None:
        """Refuse a Redis that loses data, then prepare the connection."""
        self._is_blocked = False
        check_durability(durable())
        self._buffer = IngestBuffer()
        share = settings.MQTT_SHARE_GROUP
        self._subscriber = MqttSubscriber(
            BrokerAddress(
                host=settings.MQTT_HOST,
                port=settings.MQTT_PORT,
                username=settings.MQTT_USERNAME,
                password=settings.MQTT_PASSWORD,
                use_tls=settings.MQTT_TLS,
                ca_file=settings.MQTT_CA_FILE,
            ),
            client_id=f"energy-listener-{settings.REDIS_KEY_PREFIX}{self.instance}",
            topics=[f"$share/{share}/{topic}" if share else topic for topic in TOPICS],
            deliver=self._deliver,
        )

    def work(self) -> bool:
        """Receive for one round; while the buffer refuses, read nothing and acknowledge nothing."""
        try:
            self._subscriber.run_round()
        except (BufferFull, BufferUnavailable) as error:
            if not self._is_blocked:
                self.stderr.write(f"Reading stops until the buffer takes messages: {error}")
            self._is_blocked = True
            self.stopping.wait(0.2)
        return True

    def close(self) -> None:
        """Deliver what was read and disconnect; the broker keeps the session."""
        if not hasattr(self, "_subscriber"):
            return
        try:
            self._subscriber.stop(drain=not self._is_blocked)
        except (BufferFull, BufferUnavailable) as error:
            # not acknowledged, so the broker sends them to the next listener
            self.stderr.write(f"Left to the broker: {error}")

    def _deliver(self, messages: list[Received]) -> None:
        self._buffer.append([Envelope("mqtt", m.topic, m.payload, m.received_at) for m in messages])
        self._is_blocked = False
        MESSAGES_RECEIVED.labels("mqtt").inc(len(messages))
