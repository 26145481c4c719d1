"""A device of a few lines, which does each command once and can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt

PATIENCE_SECONDS = 60.0


class DeviceDouble:
    """A direct device behind a real broker: `effects` counts what it did for each id.

    It never does a command twice, and none after its end. `mute` lets it not answer.
    """

    def __init__(self, address: dict[str, Any], device_id: uuid.UUID, *, mute: bool = False):
        self.effects: Counter[str] = Counter()
        self.arrivals: list[tuple[str, dict[str, Any], float]] = []
        self.mute = mute
        self._topic = f"devices/{device_id}"
        self._ready = threading.Event()
        self._address = address
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"double-{uuid.uuid4().hex[:12]}"
        )
        self._client.username_pw_set(address["username"], address["password"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect(self._address["host"], self._address["port"])
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def names(self) -> list[str]:
        """Return the names of what arrived, in order, repetitions included."""
        return [message["cmd"] for _topic, message, _at in self.arrivals]

    def wait_for(self, number: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many messages have arrived."""
        deadline = time.monotonic() + seconds
        while len(self.arrivals) < number:
            assert time.monotonic() < deadline, f"{len(self.arrivals)} of {number} arrived"
            time.sleep(0.005)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{self._topic}/commands/#", qos=1)

    def _on_message(self, client: mqtt.Client, _: Any, raw: mqtt.MQTTMessage) -> None:
        message = json.loads(raw.payload)
        self.arrivals.append((raw.topic, message, time.time()))
        late = time.time() > message.get("expires_at", float("inf"))
        if not late and not self.effects[message["cmd_id"]]:
            self.effects[message["cmd_id"]] += 1
        if not self.mute:
            answer = {"req_id": message["cmd_id"], "status": "expired" if late else "done"}
            client.publish(f"{self._topic}/status", json.dumps(answer), qos=1)
