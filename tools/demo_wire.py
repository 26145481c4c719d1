"""Speaks for a gateway of the demo, with its certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import paho.mqtt.client as mqtt

WAIT_SECONDS = 10.0


def publish_readings(
    demo: Mapping[str, Any],
    gateway: Mapping[str, Any],
    device: str,
    source: str,
    readings: Mapping[int, float],
) -> None:
    """Publish values of one metric of a device, in order, each taken before the next one.

    Args:
        demo, gateway: of the demo file.
        readings: values by time in ms since 1970.

    Raises: OSError, RuntimeError, ValueError.
    """
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=gateway["uid"])
    client.tls_set(demo["mqtt"]["ca_file"], gateway["cert_file"], gateway["key_file"])
    client.connect("127.0.0.1", demo["mqtt"]["tls_port"])
    client.loop_start()
    try:
        for moment, value in readings.items():
            payload = json.dumps({"ts": moment, "values": {source: value}})
            topic = f"{gateway['topic_prefix']}/data/device/{device}"
            client.publish(topic, payload, qos=1).wait_for_publish(WAIT_SECONDS)
    finally:
        client.disconnect()
        client.loop_stop()
