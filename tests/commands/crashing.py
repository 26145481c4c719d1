"""Dies by kill -9 at one point of a command's life: `python -m tests.commands.crashing POINT …`.

Each point is the worst moment: the step before it is done, what should follow is not.
"""

# ruff: noqa: E402 (Django is set up before its models are imported)

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from typing import Any, NoReturn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energy.settings")

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from accounts.tenancy import tenant_scope
from devices.inbound import routes
from devices.queries_commands import find_commanded_device
from devices.services import command_sweep
from devices.services.commanders import Robot
from devices.services.commands import queue_command
from devices.services.outbox import database_now
from devices.wires import sender
from devices.wires.mqtt import BrokerAddress
from telemetry.ingest import messages


def die(*_args: object, **_kwargs: object) -> NoReturn:
    """End as a crash does: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    raise SystemExit(1)


def queue(tenant: str, device: str, key: str, seconds: str) -> None:
    """Queue the command that the tests watch."""
    with tenant_scope(uuid.UUID(tenant)):
        queue_command(
            actor=Robot("crash"), device=find_commanded_device(uuid.UUID(device)),
            name="pump_on", params={}, idempotency_key=key, expires_in=float(seconds),
            now=timezone.now(),
        )  # fmt: skip


def crash_after_row(*command: str) -> None:
    """The row is written, not committed."""
    with transaction.atomic():
        queue(*command)
        die()


def crash_after_commit(*command: str) -> None:
    """Committed; whoever asked gets no answer."""
    queue(*command)
    die()


def crash_after_publish() -> None:
    """The broker has taken it, nobody has noted that."""
    sender.note_sent = die  # type: ignore[assignment]
    running = sender.OutboxSender(
        BrokerAddress(
            settings.MQTT_HOST, settings.MQTT_PORT, settings.MQTT_USERNAME, settings.MQTT_PASSWORD
        ),
        client_id=f"crash-{uuid.uuid4().hex[:8]}",
    )
    running.start()
    time.sleep(30)


def crash_at_answer(instance: str, *, after_row: bool) -> None:
    """The device has answered; the worker dies before or after it has committed that."""
    original = routes.handle

    def handle(message: Any, **kwargs: Any) -> None:
        if message.route.kind == "command_answer":
            if after_row:
                original(message, **kwargs)
            die()
        original(message, **kwargs)

    messages.handle = handle  # type: ignore[attr-defined]
    call_command("run_ingest_worker", instance=instance)


def crash_at_expiry() -> None:
    """What expired is marked, not committed."""
    original = command_sweep.move

    def move(**kwargs: Any) -> NoReturn:
        original(**kwargs)
        die()

    command_sweep.move = move  # type: ignore[assignment]
    command_sweep.sweep_commands(now=database_now())


if __name__ == "__main__":
    point, *arguments = sys.argv[1:]
    {
        "row": crash_after_row,
        "commit": crash_after_commit,
        "publish": crash_after_publish,
        "answer": lambda instance: crash_at_answer(instance, after_row=False),
        "answer-row": lambda instance: crash_at_answer(instance, after_row=True),
        "expiry": crash_at_expiry,
    }[point](*arguments)
