"""The MQTT connection of one simulated gateway or direct device."""

from __future__ import annotations

import json
import logging

from devices.simulation.build import SimulatedClient
from devices.wires.publisher import BrokerEndpoint, Credentials, Publisher

logger = logging.getLogger(__name__)

FIRMWARE = "3.2.1"


class SimulatedConnection(Publisher):
    """A gateway reports itself online after each connect; its last will says offline."""

    def __init__(self, client: SimulatedClient, endpoint: BrokerEndpoint) -> None:
        credentials = Credentials(
            client.username, client.password, client.cert_file, client.key_file
        )
        super().__init__(endpoint, credentials, client_id=client.username)
        self._status_topic = f"{client.prefix}/reported/status" if client.is_gateway else ""
        if self._status_topic:
            self._mqtt.will_set(self._status_topic, _status("offline"), qos=1)
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

    def refused(self) -> None:
        """Tell the operator what to do."""
        logger.error(
            "The broker refuses %s: %s. Seed again: manage.py seed_demo",
            self.username,
            self.refusal,
        )


def _status(word: str) -> str:
    return json.dumps({"status": word, "fw": FIRMWARE})
