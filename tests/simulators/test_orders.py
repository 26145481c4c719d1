"""Commands: once, in time, and only from who may."""

import json
import uuid

import pytest

from devices.signature import sign
from devices.simulators.faults import Faults
from devices.simulators.memory import Memory
from devices.simulators.orders import Orders

NOW = 1_795_176_000


def order(name="switch_on", *, secret="", ts=NOW, **more):
    message = {
        "cmd": name, "cmd_id": str(uuid.uuid4()), "params": {"channel": "relay1"}, "ts": ts,
        "expires_at": NOW + 30, **more,
    }  # fmt: skip
    return json.dumps(sign(message, secret=secret) if secret else message).encode()


def words(outcome):
    return [answer["status"] for answer in outcome.answers]


def test_does_it_and_tells_the_state(orders, hardware):
    outcome = orders.obey(order(max_runtime_ms=5000), now=NOW)

    assert words(outcome) == ["accepted", "done"]
    assert outcome.answers[1]["actuators"] == {"relay1": True}


def test_what_comes_twice_is_done_once(orders, hardware):
    message = order()
    orders.obey(message, now=NOW)
    hardware.switch_off("relay1")

    again = orders.obey(message, now=NOW)

    assert words(again) == ["done"]
    assert hardware.states() == {"relay1": False}


def test_it_is_known_after_a_restart(orders, memory, hardware):
    message = order()
    orders.obey(message, now=NOW)
    hardware.switch_off("relay1")
    reborn = Memory(memory.folder, model="x", firmware_version="0")

    Orders(reborn, hardware, Faults()).obey(message, now=NOW)

    assert hardware.states() == {"relay1": False}


def test_an_old_command_is_not_begun(orders, hardware):
    assert words(orders.obey(order(expires_at=NOW - 1), now=NOW)) == ["expired"]
    assert hardware.states() == {}


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (order(secret="right"), "done"),
        (order(secret="right", ts=NOW - 10), "done"),
        (order(secret="right", ts=NOW - 11), "timestamp_expired"),
        (order(secret="right", ts=NOW + 11), "timestamp_expired"),
        (order(secret="wrong"), "invalid_signature"),
        (order(), "invalid_hmac_format"),
    ],
)
def test_a_box_with_a_secret_obeys_only_who_knows_it(memory, hardware, message, word):
    orders = Orders(memory, hardware, Faults(), secret="right")

    assert words(orders.obey(message, now=NOW))[-1] == word
    assert hardware.states() == ({"relay1": True} if word == "done" else {})


def test_what_a_power_cut_interrupted_is_told_and_not_done(orders, memory, hardware):
    memory.remember_command("abc", {"status": "begun"})

    [answer] = orders.interrupted()

    assert (answer["cmd_id"], answer["status"]) == ("abc", "error")
    assert orders.interrupted() == ()


def test_during_an_emergency_it_is_busy(orders, hardware):
    hardware.press_emergency()

    assert words(orders.obey(order(), now=NOW)) == ["busy"]
    assert words(orders.obey(order("switch_off"), now=NOW)) == ["accepted", "done"]


def test_says_what_it_cannot_do_and_ignores_what_it_cannot_read(orders):
    assert words(orders.obey(order("make_coffee"), now=NOW)) == ["unsupported"]
    for payload in (b"", b"[]", b"{}", b"\xff", b'{"cmd": "switch_on"}', b"[" * 100_000):
        assert orders.obey(payload, now=NOW).answers == ()


def test_restarts_after_the_answer(orders):
    outcome = orders.obey(order("restart"), now=NOW)

    assert outcome.wants_restart
    assert words(outcome) == ["accepted", "done"]


def test_remembers_a_bounded_number(memory):
    for number in range(600):
        memory.state.commands[str(number)] = {"status": "done"}
    memory.remember_command("last", {"status": "done"})

    assert len(memory.state.commands) == 500
    assert "last" in memory.state.commands
