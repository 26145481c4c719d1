"""Command a device from the command line."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.command_states import ENDED
from devices.queries_commands import find_commanded_device, offered_commands, reason, timeline
from devices.services.command_refusals import BadParams
from devices.services.commands import DEFAULT_SECONDS, queue_command


class Command(BaseCommand):
    """Asks for the same permission, and the same safety, as the console."""

    help = "Command a device; without a command, list what it takes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom, what, and by whom."""
        parser.add_argument("device", type=uuid.UUID)
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument("params", nargs="*", metavar="name=value", help="Values as JSON.")
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--by", help="E-mail of a person who may control the device.")
        parser.add_argument("--key", default="", help="Idempotency key; a new one by default.")
        parser.add_argument("--expires-in", type=float, default=DEFAULT_SECONDS)
        parser.add_argument("--wait", type=float, default=0.0, help="Seconds to wait for its end.")

    def handle(self, *, device: uuid.UUID, name: str, tenant: str, **options: Any) -> None:
        """Send, or list."""
        try:
            with tenant_scope(Tenant.objects.get(slug=tenant).id):
                found = find_commanded_device(device)
                if not name:
                    return self._list(found)
                return self._send(found, name, **options)
        except BadParams as error:
            problems = "; ".join(f"{p.name}: {p.detail}" for p in error.problems)
            raise CommandError(problems) from error
        except (ObjectDoesNotExist, Refusal) as error:
            raise CommandError(str(error)) from error

    def _list(self, device: Any) -> None:
        for spec in offered_commands(device):
            params = " ".join(f"{param.name}=<{param.type}>" for param in spec.params)
            self.stdout.write(f"{spec.name} {params}".rstrip())

    def _send(self, device: Any, name: str, **options: Any) -> None:
        command = queue_command(
            actor=User.objects.get(email=options["by"], is_active=True),
            device=device,
            name=name,
            params=dict(map(_read_param, options["params"])),
            idempotency_key=options["key"] or f"cli:{uuid.uuid4()}",
            expires_in=options["expires_in"],
            now=timezone.now(),
        ).command
        deadline = time.monotonic() + options["wait"]
        while command.state not in ENDED and time.monotonic() < deadline:
            time.sleep(0.2)
            command.refresh_from_db()
        for step in timeline(command):
            self.stdout.write(f"{step.at:%H:%M:%S.%f} {step.state} {step.code} {step.detail}")
        if command.state == "invalid":
            raise CommandError(reason(command))
        self.stdout.write(str(command.id))


def _read_param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text!r}: write name=value.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
