"""Messages whose every point is known beforehand, and the publisher that keeps the ledger."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import paho.mqtt.client as mqtt

IN_FLIGHT = 500
STEP_US = 1000
TICK_SECONDS = 0.01
BROKER_PATIENCE_SECONDS = 60.0

# (device uid, metric in the payload, time in µs)
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Message:
    """One publication and the points that must be stored because of it."""

    topic: str
    payload: bytes
    points: Mapping[Key, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A gateway of a tenant of its own, with its devices."""

    tenant: str
    gateway: str
    devices: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """What all topics of the gateway begin with."""
        return f"tenant/{self.tenant}/gw/{self.gateway}"

    def with_device(self, uid: str) -> Fleet:
        """Return the fleet with another device."""
        return replace(self, devices=(*self.devices, uid))

    def topic(self, device: str) -> str:
        """Return the topic of a device's readings."""
        return f"{self.prefix}/data/device/{device}/main"

    def message(
        self, number: int, *, start_us: int, step_us: int = STEP_US, is_numbered: bool = False
    ) -> Message:
        """Return the message of this number: its device, time and values follow from it.

        Args: is_numbered: the device counts its readings from 1.
        """
        device = self.devices[number % len(self.devices)]
        moment = start_us + number * step_us
        values = {
            "active_power_import": number + 0.125,
            "active_energy_import": number * 0.1,
            "voltage_l1": 200 + number % 700 / 7,
            "power_active_total": float(number),
        }
        points = {(device, metric, moment): value for metric, value in values.items()}
        # the payload is in W, kW are stored
        points[device, "power_active_total", moment] = number / 1000
        document: dict[str, object] = {"ts": moment, "values": values}
        if is_numbered:
            document |= {"boot": 1, "seq": 1 + number // len(self.devices)}
        return Message(self.topic(device), json.dumps(document).encode(), points)

    def messages(
        self,
        count: int,
        *,
        start_us: int | None = None,
        step_us: int = STEP_US,
        is_numbered: bool = False,
    ) -> list[Message]:
        """Return messages of consecutive instants, one ms apart, from one hour ago."""
        start_us = an_hour_ago() if start_us is None else start_us
        return [
            self.message(number, start_us=start_us, step_us=step_us, is_numbered=is_numbered)
            for number in range(count)
        ]


def an_hour_ago() -> int:
    """Return µs since 1970, on a whole second."""
    return (int(time.time()) - 3600) * 1_000_000


def in_portions(
    messages: Sequence[Message], portions: threading.Semaphore, *, size: int
) -> Iterator[Message]:
    """Yield `size` messages for each release: load at each fault, however slow the machine is."""
    for number, message in enumerate(messages):
        if number % size == 0:
            portions.acquire()
        yield message


def points_of(messages: Iterable[Message]) -> dict[Key, float]:
    """Return the points of many messages together."""
    return {key: value for message in messages for key, value in message.points.items()}


class LedgerPublisher:
    """Publishes with QoS 1 in a durable session and knows what the broker acknowledged.

    At most 500 are in flight, any number waits in the client.
    """

    def __init__(self, env: Mapping[str, str], *, client_id: str) -> None:
        self.published: list[Message] = []
        self._receipts: list[mqtt.MQTTMessageInfo] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False
        )
        self._client.username_pw_set(env["MQTT_USERNAME"], env["MQTT_PASSWORD"])
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.max_queued_messages_set(0)
        self._address = env["MQTT_HOST"], int(env["MQTT_PORT"])

    def __enter__(self) -> LedgerPublisher:
        self._client.connect(*self._address)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, messages: Iterable[Message], *, rate: float = 3000) -> None:
        """Publish at `rate` messages a second; returns before the broker has all."""
        burst = max(1, round(rate * TICK_SECONDS))
        due = time.monotonic()
        for number, message in enumerate(messages):
            if self._stopping.is_set():
                return
            receipt = self._client.publish(message.topic, message.payload, qos=1)
            if receipt.rc == mqtt.MQTT_ERR_NO_CONN:  # the client keeps it for its next connection
                receipt.rc = mqtt.MQTT_ERR_SUCCESS
            self._receipts.append(receipt)
            self.published.append(message)
            if number % burst == burst - 1:
                due = max(due + TICK_SECONDS, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))

    def publish_in_background(self, messages: Iterable[Message], *, rate: float = 3000) -> None:
        """Publish from a thread until the messages end or `stop`."""
        self._thread = threading.Thread(
            target=self.publish, args=(messages,), kwargs={"rate": rate}
        )
        self._thread.start()

    def stop(self) -> None:
        """End the publishing in the background; what was handed to the client still goes out."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait for the end of the publishing in the background."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def acknowledged(self) -> list[Message]:
        """Return the messages whose PUBACK has arrived."""
        pairs = zip(self.published, self._receipts, strict=False)
        return [message for message, receipt in pairs if receipt.is_published()]

    def wait_for_acknowledgements(self) -> None:
        """Wait until the broker has acknowledged everything that was published."""
        for receipt in self._receipts:
            receipt.wait_for_publish(BROKER_PATIENCE_SECONDS)
            assert receipt.is_published(), "the broker stopped acknowledging"
