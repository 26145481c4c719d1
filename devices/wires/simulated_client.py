"""The MQTT connection of one simulated gateway or direct device."""

from __future__ import annotations

import json
import logging
import time

import paho.mqtt.client as mqtt

from devices.simulation.build import SimulatedClient
from devices.simulation.relays import Relays
from devices.wires.publisher import BrokerEndpoint, Credentials, Publisher

logger = logging.getLogger(__name__)

FIRMWARE = "3.2.1"


class SimulatedConnection(Publisher):
    """A gateway reports itself online after each connect; its last will says offline.

    A device with relays does what commands say.
    """

    def __init__(self, client: SimulatedClient, endpoint: BrokerEndpoint) -> None:
        credentials = Credentials(
            client.username, client.password, client.cert_file, client.key_file
        )
        super().__init__(endpoint, credentials, client_id=client.username)
        self._status_topic = f"{client.prefix}/reported/status" if client.is_gateway else ""
        if self._status_topic:
            self._mqtt.will_set(self._status_topic, _status("offline"), qos=1)
        self._prefix = client.prefix
        self._relays = Relays() if client.obeys else None
        self._mqtt.on_message = self._on_message
        self.start()

    def close(self, *, deadline: float) -> None:
        """Say offline, then leave."""
        if self._status_topic and self.is_connected:
            self.publish(self._status_topic, _status("offline"))
        super().close(deadline=deadline)

    def connected(self) -> None:
        """Report a gateway online."""
        if self._status_topic:
            self.publish(self._status_topic, _status("online"))
        if self._relays is not None:
            self._mqtt.subscribe(f"{self._prefix}/commands/+", qos=1)

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if self._relays is not None:
            for answer in self._relays.obey(bytes(message.payload), now=time.time()):
                self.publish(f"{self._prefix}/status", answer)

    def refused(self) -> None:
        """Tell the operator what to do."""
        logger.error(
            "The broker refuses %s: %s. Seed again: manage.py seed_demo",
            self.username,
            self.refusal,
        )


def _status(word: str) -> str:
    return json.dumps({"status": word, "fw": FIRMWARE})
