"""The sender, with a real broker: fast, patient, and not to be blocked."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
import uuid

import paho.mqtt.client as mqtt
import pytest
from django.db import transaction
from django.utils import timezone

from devices.models import OutboundMessage
from devices.services.outbox import URGENT, database_now, queue_message
from devices.wires import sender as sender_module
from devices.wires.sender import OutboxSender
from tests.commands.conftest import wait_until
from tests.pace import assert_within

pytestmark = pytest.mark.django_db(transaction=True)


class Ear:
    """Hears everything below a topic of its own."""

    def __init__(self, broker):
        self.root = f"test/{uuid.uuid4().hex}"
        self.heard: list[tuple[str, bytes, float]] = []
        # the broker keeps what is sent before it is back
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=self.root, clean_session=False
        )
        self.client.username_pw_set(broker.address.username, broker.address.password)
        self.client.on_message = lambda _c, _u, m: self.heard.append(
            (m.topic.removeprefix(f"{self.root}/"), m.payload, time.monotonic())
        )
        self.client.on_connect = lambda *_: self.client.subscribe(f"{self.root}/#", qos=1)
        self.client.reconnect_delay_set(1, 1)
        self.is_ready = False
        self.client.on_subscribe = lambda *_: setattr(self, "is_ready", True)
        self.client.connect(broker.address.host, broker.address.port)
        self.client.loop_start()

    def names(self):
        return [name for name, _payload, _at in self.heard]


@pytest.fixture
def ear(broker):
    found = Ear(broker)
    wait_until(lambda: found.is_ready, "a subscription")
    yield found
    found.client.disconnect()
    found.client.loop_stop()


def put(ear, name, payload=b"x", **options):
    """Queue a message."""
    return queue_message(
        topic=f"{ear.root}/{name}", payload=payload, now=timezone.now(), tenant_id=None, **options
    )


def is_empty():
    return not OutboundMessage.objects.exists()


def test_a_notice_wakes_it_within_100_ms(ear, sender, monkeypatch):
    monkeypatch.setattr(sender_module, "WAIT_SECONDS", 600.0)  # it does not look by itself
    taken = []
    for number in range(20):
        with transaction.atomic():
            put(ear, str(number))
        committed = time.monotonic()
        wait_until(lambda number=number: str(number) in ear.names(), "the message")
        taken.append(ear.heard[-1][2] - committed)

    wait_until(is_empty, "an empty outbox")
    assert_within(sorted(taken)[int(len(taken) * 0.9)], 0.1)


def test_a_notice_during_its_work_is_not_lost(ear, sender):
    for number in range(300):
        put(ear, str(number))

    wait_until(lambda: len(ear.heard) == 300, "all messages")
    assert ear.names() == [str(number) for number in range(300)]


def test_what_is_rolled_back_is_not_sent(ear, sender):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        put(ear, "never")
        1 / 0  # noqa: B018
    put(ear, "after")

    wait_until(lambda: "after" in ear.names(), "the message")
    assert ear.names() == ["after"]


def test_urgent_goes_first_and_later_waits(ear, broker):
    put(ear, "normal")
    put(ear, "later", not_before=timezone.now() + dt.timedelta(seconds=2))
    put(ear, "urgent", priority=URGENT)
    late = OutboxSender(broker.address, client_id="late")
    late.start()
    try:
        wait_until(lambda: len(ear.heard) == 3, "all three")
    finally:
        late.stop()

    assert ear.names() == ["urgent", "normal", "later"]


def test_expired_is_never_sent(ear, broker):
    put(ear, "old", expires_at=database_now() - dt.timedelta(milliseconds=1))
    put(ear, "soon", expires_at=database_now() + dt.timedelta(seconds=1))
    time.sleep(1.1)
    late = OutboxSender(broker.address, client_id="late")
    late.start()
    try:
        put(ear, "fresh")
        wait_until(lambda: "fresh" in ear.names(), "the message")
        wait_until(is_empty, "an empty outbox: what expired is deleted")
    finally:
        late.stop()

    assert ear.names() == ["fresh"]


def test_two_senders_never_send_twice(ear, broker, sender):
    other = OutboxSender(broker.address, client_id="other")
    other.start()
    try:
        wait_until(lambda: other.is_connected, "the other")
        for number in range(400):
            put(ear, str(number))
        wait_until(is_empty, "an empty outbox")
        wait_until(lambda: len(ear.heard) >= 400, "all messages")
    finally:
        other.stop()

    assert sorted(map(int, ear.names())) == list(range(400))


@pytest.mark.parametrize(
    "poison",
    [{"name": "a/+/b"}, {"name": "large", "payload": b"x" * 300_000}],
    ids=["wildcard", "larger than the broker takes"],
)
def test_one_poison_message_never_blocks_others(ear, sender, poison):
    put(ear, **poison, priority=URGENT)
    for number in range(50):
        put(ear, str(number))

    wait_until(lambda: {str(n) for n in range(50)} <= set(ear.names()), "all others")
    put(ear, "later")
    wait_until(lambda: "later" in ear.names(), "what came later")

    wait_until(lambda: not OutboundMessage.objects.filter(tries=0).exists(), "the rest")
    assert OutboundMessage.objects.count() <= 1


def test_a_broker_that_is_down_is_waited_for(ear, broker, sender):
    broker.stack.stop_one("mosquitto")
    try:
        wait_until(lambda: not sender.is_connected, "the loss")
        put(ear, "kept")
        put(ear, "too late", expires_at=database_now() + dt.timedelta(seconds=1))
        time.sleep(1.5)
    finally:
        broker.stack.restart("mosquitto")
    wait_until(lambda: "kept" in ear.names(), "the message")

    assert ear.names() == ["kept"]
    wait_until(is_empty, "an empty outbox")


def test_what_a_frozen_broker_did_not_take_is_not_sent_after_its_end(ear, broker, sender):
    """The client itself would send at its next connection what it still holds."""
    broker.stack.freeze("mosquitto")
    try:
        put(ear, "brief", expires_at=database_now() + dt.timedelta(seconds=2))
        time.sleep(7)
    finally:
        broker.stack.restart("mosquitto")
    put(ear, "after")
    wait_until(lambda: "after" in ear.names(), "the message")
    time.sleep(0.5)

    assert ear.names() == ["after"]


def test_the_broker_drops_what_a_sleeping_device_did_not_fetch_in_time(broker, sender):
    topic, heard = f"test/{uuid.uuid4().hex}", []

    def connect():
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="sleeper", clean_session=False
        )
        client.username_pw_set(broker.address.username, broker.address.password)
        client.on_message = lambda _c, _u, m: heard.append(m.payload)
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.connect(broker.address.host, broker.address.port)
        client.loop_start()
        client.subscribe(f"{topic}/#", qos=1)
        assert subscribed.wait(60)
        return client

    def leave(client):
        client.disconnect()
        client.loop_stop()

    leave(connect())
    for name, seconds in (("brief", 1), ("long", 60)):
        queue_message(
            topic=f"{topic}/{name}", payload=json.dumps(name).encode(), now=timezone.now(),
            tenant_id=None, expires_at=database_now() + dt.timedelta(seconds=seconds),
        )  # fmt: skip
    wait_until(is_empty, "an empty outbox")
    time.sleep(2.5)
    client = connect()
    wait_until(lambda: heard, "the message")
    leave(client)

    assert heard == [b'"long"']
