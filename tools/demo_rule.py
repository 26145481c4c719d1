"""`./run demo --check`, fifth part: a value, a rule, a command, its answer; and a recipe."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import paho.mqtt.client as mqtt
import psycopg

from devices.simulation.relays import Relays
from tools.terminal import paint, say
from tools.web_session import WebSession

RULE = "Air the office when it is warm"
SENSOR, RELAYS = "office-2", "load-relays"
NORMAL, HIGH = 21.0, 31.0
RULE_SECONDS = 20.0
POLL_SECONDS = 0.02
_SOURCE = """
SELECT channel.source FROM automation_automationrule AS rule
JOIN devices_channel AS channel ON channel.id = ANY(rule.channels)
WHERE rule.name = %s AND rule.is_enabled
"""
_STORED = """
SELECT count(*) FROM telemetry_sample AS sample
JOIN automation_automationrule AS rule ON sample.channel_id = ANY(rule.channels)
WHERE rule.name = %s AND sample.time = to_timestamp(%s / 1000.0)
"""
_DONE = """
SELECT execution.state, command.state FROM automation_execution AS execution
JOIN automation_automationrule AS rule ON rule.id = execution.rule_id
LEFT JOIN automation_executionstep AS step ON step.execution_id = execution.id
LEFT JOIN devices_command AS command ON command.id = step.command_id
WHERE rule.name = %s
"""
_RECIPE = """
SELECT schedule.id, schedule.name FROM automation_schedule AS schedule
JOIN automation_zonecontrol AS control ON control.id = schedule.control_id
WHERE control.recipe_state = 'running' AND schedule.is_enabled
"""
_WATERED = """
SELECT execution.state, command.state FROM automation_execution AS execution
LEFT JOIN automation_executionstep AS step ON step.execution_id = execution.id
LEFT JOIN devices_command AS command ON command.id = step.command_id
WHERE execution.id = %s
"""


class RuleFailed(RuntimeError):
    """The rule did not act, or its command was not answered."""


def follow_rule(demo: Mapping[str, Any]) -> bool:
    """Send a value that sets a rule off, obey its command as a board of relays would.

    Raises: RuleFailed, OSError, psycopg.Error.
    """
    entries = {entry["uid"]: entry for entry in demo["devices"]}
    with psycopg.connect(demo["database_url"], autocommit=True) as database:
        row = database.execute(_SOURCE, [RULE]).fetchone()
        if row is None:
            raise RuleFailed("the seed made no rule")
        board = _Board(demo, entries[RELAYS])
        sensor = _connect(demo, entries[SENSOR])
        try:
            topic = f"{entries[SENSOR]['topic_prefix']}/{row[0]}"
            sent = _send(sensor, topic, NORMAL)
            _wait(lambda: _one(database, _STORED, [RULE, sent]) == (1,), "first value stored")
            began = time.monotonic()
            _send(sensor, topic, HIGH)
            _wait(lambda: board.obeyed_at is not None, "command at the device")
            _report("value to the command at the device", (board.obeyed_at or began) - began)
            _wait(lambda: _one(database, _DONE, [RULE]) == ("done", "done"), "end of the execution")
            _report("value to the answer, execution done", time.monotonic() - began)
            _follow_recipe(demo, database, board)
        finally:
            for client in (sensor, board.client):
                client.disconnect()
                client.loop_stop()
    return True


def _follow_recipe(
    demo: Mapping[str, Any], database: psycopg.Connection[Any], board: _Board
) -> None:
    """Run what the phase of a recipe has scheduled, until the board has answered."""
    row = database.execute(_RECIPE).fetchone()
    if row is None:
        raise RuleFailed("the seed started no recipe")
    schedule, name = row
    tenant = next(one["tenant_slug"] for one in demo["devices"] if one["uid"] == RELAYS)
    person = next(
        user for user in demo["users"] if (user["tenant"], user["role"]) == (tenant, "admin")
    )
    session = WebSession(demo["web"])
    session.log_in(person["email"], person["password"])
    board.obeyed_at, began = None, time.monotonic()
    path = f"/api/v1/automation/schedules/{schedule}/run"
    execution = session.post_json(path, {})["id"]
    _wait(lambda: board.obeyed_at is not None, f"water of {name} at the device")
    _report("schedule to the water at the device", (board.obeyed_at or began) - began, "recipe")
    _wait(lambda: _one(database, _WATERED, [execution]) == ("done", "done"), "end of the water")
    _report("schedule to the answer, execution done", time.monotonic() - began, "recipe")


class _Board:
    """A board of relays on the broker."""

    def __init__(self, demo: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        self.obeyed_at: float | None = None
        self._relays = Relays()
        self._prefix = entry["topic_prefix"]
        self.client = _connect(demo, entry)
        self.client.on_message = self._obey
        self.client.subscribe(f"{self._prefix}/commands/+", qos=1)

    def _obey(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        self.obeyed_at = self.obeyed_at or time.monotonic()
        for answer in self._relays.obey(bytes(message.payload), now=time.time()):
            client.publish(f"{self._prefix}/status", answer, qos=1)


def _connect(demo: Mapping[str, Any], entry: Mapping[str, Any]) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=entry["username"])
    client.username_pw_set(entry["username"], entry["password"])
    client.connect(demo["mqtt"]["host"], demo["mqtt"]["port"])
    client.loop_start()
    _wait(client.is_connected, "a connection to the broker")
    return client


def _send(client: mqtt.Client, topic: str, value: float) -> int:
    """Publish a value; return its time in ms since 1970."""
    now = time.time_ns() // 1_000_000
    client.publish(topic, json.dumps({"value": value, "ts": now}), qos=1).wait_for_publish(10)
    return now


def _one(database: psycopg.Connection[Any], query: str, values: list[Any]) -> Any:
    return database.execute(query, values).fetchone()


def _wait(condition: Any, what: str) -> None:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > RULE_SECONDS:
            raise RuleFailed(f"{what}: nothing after {RULE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _report(what: str, seconds: float, of: str = "rule") -> None:
    say(f"  {paint('ok', '32')}      {f'{of}: {what}':<50}{seconds * 1000:6.0f} ms")
