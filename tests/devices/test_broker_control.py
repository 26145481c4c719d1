"""The connection that manages the broker's accounts."""

import uuid

import pytest
from django.conf import settings

from devices.wires import broker
from devices.wires.broker import (
    BrokerControl,
    BrokerRefused,
    BrokerTimeout,
    BrokerUnreachable,
    CommandFailed,
    connect_control,
)

pytestmark = pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker")


def control_as(username: str, password: str) -> BrokerControl:
    return BrokerControl(
        host=settings.MQTT_HOST, port=settings.MQTT_PORT, username=username, password=password
    )


@pytest.fixture
def username():
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    with connect_control() as control:
        control.run([{"command": "deleteClient", "username": name}], tolerate=["Client not found"])


def test_answers_come_in_the_order_of_the_commands(username):
    commands = [
        {"command": "createClient", "username": username, "password": "x"},
        {"command": "getClient", "username": username},
    ]

    with connect_control() as control:
        created, found = control.run(commands)

    assert created["command"] == "createClient"
    assert found["data"]["client"]["username"] == username


def test_more_commands_than_fit_in_a_message_are_split(monkeypatch, username):
    monkeypatch.setattr(broker, "COMMANDS_PER_MESSAGE", 3)

    with connect_control() as control:
        answers = control.run([{"command": "listClients"}] * 7)

    assert len(answers) == 7


def test_names_the_command_that_failed():
    with connect_control() as control, pytest.raises(CommandFailed, match="deleteClient"):
        control.run([{"command": "deleteClient", "username": "nobody-at-all"}])


def test_a_tolerated_error_is_no_failure():
    with connect_control() as control:
        answers = control.run(
            [{"command": "deleteClient", "username": "nobody-at-all"}],
            tolerate=["Client not found"],
        )

    assert answers[0]["error"] == "Client not found"


def test_refuses_a_wrong_password():
    with pytest.raises(BrokerRefused), control_as(settings.MQTT_USERNAME, "wrong"):
        pass


def test_an_account_without_control_learns_so(monkeypatch, username):
    with connect_control() as control:
        control.run([{"command": "createClient", "username": username, "password": "pw"}])
    monkeypatch.setattr(broker, "ANSWER_SECONDS", 0.5)

    with pytest.raises((BrokerRefused, BrokerTimeout)), control_as(username, "pw") as control:
        control.run([{"command": "listClients"}])


def test_says_when_nothing_answers():
    silent = BrokerControl(host="127.0.0.1", port=1, username="x", password="x")

    with pytest.raises(BrokerUnreachable, match="MQTT_HOST"), silent:
        pass
