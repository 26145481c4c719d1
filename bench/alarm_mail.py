"""`./run bench alarm_mail`: from a device that publishes to the alarm, and to the mail server."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import psycopg
from django.core.management import call_command

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from alarms.models import (
    AlarmRule,
    AlarmRuleVersion,
    EscalationStep,
    NotificationRoute,
    NotificationTarget,
)
from bench.conditions import describe_conditions
from bench.fleet import FleetDevice, seed_fleet
from bench.mailbox import Mailbox
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import durable

COMMANDS = (
    ("run_mqtt_listener",), ("run_ingest_worker",), ("run_reactor", "alarms"), ("run_notifier",),
)  # fmt: skip
PROCESSES = ("listener:1", "ingest:1", "reactor_alarms:1", "notifier:1")
POINTS, NORMAL, HIGH, LIMIT = 10, 50.0, 150.0, 100.0
RAISED_MS, HANDED_OVER_MS = 500.0, 2_000.0
_SEEN = """
SELECT device.name FROM alarms_alarm AS alarm JOIN devices_device AS device
    ON device.id = alarm.device_id
"""


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench alarm_mail")
    parser.add_argument("--rate", type=int, default=500, help="messages of 10 values a second")
    parser.add_argument("--alarms", type=int, default=3, help="raised a second")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args(list(arguments))
    call_command("migrate", verbosity=0, interactive=False)
    conditions = describe_conditions(os.environ["DATABASE_URL"], durable())
    fleet = seed_fleet(devices=2 * options.alarms * options.seconds, points=POINTS)
    devices = fleet.devices[: len(fleet.devices) // 2]  # those of the first tenant
    _make_rule(fleet.metrics[0], devices[0])
    with Mailbox() as mailbox:
        env = {**os.environ, "EMAIL_URL": mailbox.url, "LOG_LEVEL": "WARNING"}
        programs = [
            subprocess.Popen([sys.executable, "manage.py", *command], env=env)
            for command in COMMANDS
        ]
        try:
            figures = _measure(devices, fleet.metrics, mailbox, options)
        finally:
            for program in programs:
                program.terminate()
            for program in programs:
                program.wait(30)
    return _report(figures | {"conditions": conditions})


def _make_rule(metric: str, device: FleetDevice) -> None:
    """Watch a metric of all devices of a tenant, and tell a mailbox."""
    tenant = Tenant.objects.get(id=device.tenant_id)
    with tenant_scope(tenant.id):
        rule = AlarmRule.objects.create(name="Too high", metric=metric, is_enabled=True)
        definition = {"when": {"kind": "threshold", "above": LIMIT, "clear_above": 80.0}}
        AlarmRuleVersion.objects.create(rule=rule, number=1, definition=definition)
        target = NotificationTarget.objects.create(
            name="Mailbox", kind="email", address="duty@bench.example", most_per_hour=999
        )
        route = NotificationRoute.objects.create(name="All", tells_end=False)
        EscalationStep.objects.create(route=route, target=target)


def _measure(
    devices: Sequence[FleetDevice],
    metrics: Sequence[str],
    mailbox: Mailbox,
    options: argparse.Namespace,
) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not set(PROCESSES) <= set(read_heartbeats()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3.0)
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    client = _connect()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        begun, number, last = time.perf_counter(), 0, options.rate * options.seconds
        every = options.rate // options.alarms
        while number < last or (len(seen) < len(sent) and time.perf_counter() < begun + 120):
            while number < last and time.perf_counter() - begun > number / options.rate:
                _publish(client, devices, metrics, number, every, sent)
                number += 1
            for (name,) in database.execute(_SEEN).fetchall():
                seen.setdefault(name, time.time())
            time.sleep(0.005)
    client.disconnect()
    while len(mailbox.mails) < len(sent) and time.perf_counter() < begun + 180:
        time.sleep(0.1)
    return _figures(sent, seen, mailbox)


def _connect() -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench-alarm-mail")
    client.username_pw_set(os.environ["MQTT_USERNAME"], os.environ["MQTT_PASSWORD"])
    client.max_inflight_messages_set(500)
    client.connect(os.environ["MQTT_HOST"], int(os.environ["MQTT_PORT"]))
    client.loop_start()
    return client


def _publish(
    client: mqtt.Client,
    devices: Sequence[FleetDevice],
    metrics: Sequence[str],
    number: int,
    every: int,
    sent: dict[str, float],
) -> None:
    """Publish a message; one of `every` says of a device of its own that its value is too high."""
    turn, is_high = divmod(number, every)[0], number % every == 0 and number > 0
    place = turn % len(devices) if is_high else (number * 7) % len(devices)
    name = f"Meter {place}"
    now = time.time()
    if is_high and name not in sent:
        sent[name] = now
    value = HIGH if name in sent else NORMAL + number % 7
    values = {metric: NORMAL for metric in metrics} | {metrics[0]: value}
    payload = json.dumps({"ts": int(now * 1000), "values": values})
    client.publish(devices[place].topic, payload, qos=1)


def _figures(
    sent: Mapping[str, float], seen: Mapping[str, float], mailbox: Mailbox
) -> dict[str, Any]:
    handed: dict[str, float] = {}
    for at, text in mailbox.mails:
        for name in sent:
            if f"{name} " in text or f"{name}\r" in text:
                handed.setdefault(name, at)
    raised = np.array([seen[name] - sent[name] for name in sent if name in seen]) * 1000
    told = np.array([handed[n] - seen[n] for n in sent if n in handed and n in seen]) * 1000
    return {
        "due": len(sent), "raised": len(raised), "told": len(told), "mails": len(mailbox.mails),
        "published_to_raised_ms": _percentiles(raised), "raised_to_handed_ms": _percentiles(told),
    }  # fmt: skip


def _percentiles(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    if not len(values):
        return {"p50": float("inf"), "p95": float("inf"), "p99": float("inf")}
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95, 99)}


def _report(figures: dict[str, Any]) -> int:
    targets = [
        ("alarms raised", figures["raised"], figures["due"], True),
        ("of them told by mail", figures["told"], figures["due"], True),
        ("published to raised, p95 ms", figures["published_to_raised_ms"]["p95"], RAISED_MS, False),
        ("raised to handed over, p95 ms", figures["raised_to_handed_ms"]["p95"], HANDED_OVER_MS,
         False),
    ]  # fmt: skip
    is_met = True
    for name, value, limit, is_minimum in targets:
        met = value >= limit if is_minimum else value <= limit
        is_met &= met
        print(f"  {'ok  ' if met else 'MISS'} {name:<32}{value:>10,}  ({limit:,.10g})")
    print(json.dumps(figures))
    return 0 if is_met else 1
