"""Accounts on the MQTT broker, through mosquitto's dynamic security plugin.

Commands are published to a control topic and answered on another one. Any number of
commands travel in one message, which the broker applies in order and answers once.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from django.conf import settings
from paho.mqtt.reasoncodes import ReasonCode

REQUEST_TOPIC = "$CONTROL/dynamic-security/v1"
RESPONSE_TOPIC = f"{REQUEST_TOPIC}/response"
ANSWER_SECONDS = 5.0
COMMANDS_PER_MESSAGE = 50  # stays below a max_packet_size of 64 kB

Command = Mapping[str, Any]


class BrokerError(Exception):
    """The broker's accounts could not be read or changed."""


class BrokerUnreachable(BrokerError):
    """Nothing answers at the address."""


class BrokerRefused(BrokerError):
    """The broker does not accept the platform's account, or denies it control."""


class BrokerTimeout(BrokerError):
    """The broker did not answer in time; whether it did what was asked is unknown."""


class CommandFailed(BrokerError):
    """The broker answered one of the commands with an error."""


class BrokerControl:
    """A connection that manages accounts. Use it in a `with` block, in one thread.

    Raises on entry: BrokerUnreachable, BrokerRefused, BrokerTimeout.
    """

    def __init__(
        self, *, host: str, port: int, username: str, password: str, ca_file: str | None = None
    ) -> None:
        self._host, self._port = host, port
        self._ready = threading.Event()
        self._answered = threading.Event()
        self._refusal = ""
        self._answer: list[dict[str, Any]] = []
        self._request_id = ""
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"control-{uuid.uuid4().hex[:16]}"
        )
        self._client.username_pw_set(username, password)
        self._client.connect_timeout = ANSWER_SECONDS
        if ca_file is not None:
            self._client.tls_set(ca_file or None)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._host, self._port)
        except OSError as error:
            raise BrokerUnreachable(
                f"No broker answers at {self._host}:{self._port}: {error}. "
                "Check MQTT_HOST and MQTT_PORT."
            ) from error
        self._client.loop_start()
        self._ready.wait(ANSWER_SECONDS)
        if self._refusal or not self._ready.is_set():
            self._disconnect()
            if self._refusal:
                raise BrokerRefused(self._refusal)
            raise BrokerTimeout(f"{self._host}:{self._port} takes connections, but is silent.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._disconnect()

    def run(
        self, commands: Sequence[Command], *, tolerate: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """Run commands in order; return the broker's answer to each.

        Args: tolerate: error texts that are no failure, such as "Client already exists".

        Raises:
            BrokerTimeout: no answer within five seconds.
            CommandFailed: the broker answered with another error; later commands ran too.
        """
        tolerated = frozenset(tolerate)
        answers: list[dict[str, Any]] = []
        for part in _chunks(commands):
            answers += self._ask(part)
        failed = [
            f"{answer['command']}: {answer['error']}"
            for answer in answers
            if "error" in answer and answer["error"] not in tolerated
        ]
        if failed:
            raise CommandFailed("The broker refused: " + "; ".join(failed[:5]))
        return answers

    def _ask(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        self._answered.clear()
        self._request_id = uuid.uuid4().hex
        request = [{**command, "correlationData": self._request_id} for command in commands]
        self._client.publish(REQUEST_TOPIC, json.dumps({"commands": request}), qos=1)
        if not self._answered.wait(ANSWER_SECONDS):
            raise BrokerTimeout(
                f"No answer on {RESPONSE_TOPIC} within {ANSWER_SECONDS:.0f} s. Is the dynamic "
                "security plugin loaded, and may this account use it?"
            )
        return self._answer

    def _disconnect(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, props: object
    ) -> None:
        if reason.is_failure:
            self._refusal = f"The broker refuses the platform's account: {reason}."
            self._ready.set()
        else:
            client.subscribe(RESPONSE_TOPIC, qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, _: object, mid: int, reasons: list[ReasonCode], props: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = "The broker does not let this account manage other accounts."
        self._ready.set()

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        """Keep the answer to the pending request; others have their own correlation."""
        try:
            answers = json.loads(message.payload)["responses"]
        except (ValueError, KeyError, TypeError):
            return
        if answers and answers[0].get("correlationData") == self._request_id:
            self._answer = answers
            self._answered.set()


def connect_control() -> BrokerControl:
    """Return an unopened connection as the platform, by the settings."""
    return BrokerControl(
        host=settings.MQTT_HOST,
        port=settings.MQTT_PORT,
        username=settings.MQTT_USERNAME,
        password=settings.MQTT_PASSWORD,
        ca_file=settings.MQTT_CA_FILE if settings.MQTT_TLS else None,
    )


def _chunks(commands: Sequence[Command]) -> Iterator[Sequence[Command]]:
    for start in range(0, len(commands), COMMANDS_PER_MESSAGE):
        yield commands[start : start + COMMANDS_PER_MESSAGE]
