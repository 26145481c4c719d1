"""`./run send GATEWAY TOPIC MESSAGE`: one message, as a gateway of the running demo sends it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import paho.mqtt.client as mqtt

from tools.demo_file import read_demo
from tools.lock_file import running_demo_pid
from tools.paths import DEMO_FILE
from tools.terminal import say

PATIENCE_SECONDS = 10.0


class NotSent(RuntimeError):
    """The broker did not take the message; the text says why."""


def sender_named(demo: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the gateway, or the device that speaks for itself. Raises: NotSent."""
    senders = [*demo.get("gateways", []), *demo.get("devices", [])]
    for sender in senders:
        if name == sender["uid"]:
            return dict(sender)
    names = ", ".join(sorted(sender["uid"] for sender in senders))
    raise NotSent(f"The demo has no gateway {name!r}. There are: {names}")


def publish(demo: Mapping[str, Any], sender: Mapping[str, Any], topic: str, payload: str) -> None:
    """Publish below the sender's own prefix with its own account. Raises: NotSent."""
    refusals: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda _client, _data, _flags, code, _properties: (
        refusals.append(str(code)) if code.is_failure else None
    )
    client.username_pw_set(sender["username"], sender["password"])
    try:
        client.connect(demo["mqtt"]["host"], demo["mqtt"]["port"])
    except OSError as error:
        raise NotSent(f"The broker cannot be reached: {error}") from error
    client.loop_start()
    try:
        message = client.publish(topic, payload, qos=1)
        if not _is_taken(message):
            raise NotSent(f"The broker did not take it: {', '.join(refusals) or 'no answer'}")
    finally:
        client.disconnect()
        client.loop_stop()


def _is_taken(message: mqtt.MQTTMessageInfo) -> bool:
    """Wait for the broker's acknowledgement; a connection that ends gives none."""
    try:
        message.wait_for_publish(PATIENCE_SECONDS)
        return message.is_published()
    except RuntimeError:
        return False


def main() -> None:
    """Read the arguments; exit with 1 and a reason when nothing was sent."""
    parser = argparse.ArgumentParser(prog="./run send", description=__doc__)
    parser.add_argument("sender", help="identifier of a gateway or of a device on its own")
    parser.add_argument("topic", help="what follows its prefix, such as data/device/line-1")
    parser.add_argument("message", help='such as \'{"values": {"active_power_import": 1.25}}\'')
    options = parser.parse_args()
    if running_demo_pid() is None:
        sys.exit("No demo of this checkout runs. Start one in another terminal: ./run demo")
    demo = read_demo(DEMO_FILE)
    try:
        sender = sender_named(demo, options.sender)
        topic = f"{sender['topic_prefix']}/{options.topic.strip('/')}"
        publish(demo, sender, topic, options.message)
    except NotSent as error:
        sys.exit(str(error))
    say(f"sent to {topic}")


if __name__ == "__main__":
    main()
