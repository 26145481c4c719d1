"""Press or release an emergency stop from the command line."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.models import EmergencyStop
from devices.queries_commands import find_stop_target, list_stops
from devices.services.emergency_stop import press_emergency_stop, release_emergency_stop


class Command(BaseCommand):
    """Works with the database alone: no web server, Redis or Celery is asked."""

    help = "Switch everything off in a device, zone, site or organisation, or let it go again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what is done, where, and by whom."""
        parser.add_argument("what", choices=["press", "release", "list"])
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--by", help="E-mail of a person who may control.")
        parser.add_argument("--scope", choices=EmergencyStop.Scope.values, default="tenant")
        parser.add_argument("--target", type=uuid.UUID, help="Id of the device, zone or site.")
        parser.add_argument("--stop", type=uuid.UUID, help="Id of the stop to release.")
        parser.add_argument("--reason", default="")

    def handle(self, *, what: str, tenant: str, by: str | None, **options: Any) -> None:
        """Do it, and say what was done."""
        try:
            owner = Tenant.objects.get(slug=tenant)
            with tenant_scope(owner.id):
                if what == "list":
                    return self._list()
                person = User.objects.get(email=by, is_active=True)
                if what == "press":
                    return self._press(owner, person, **options)
                return self._release(person, **options)
        except (ObjectDoesNotExist, Refusal) as error:
            raise CommandError(str(error)) from error

    def _press(self, owner: Tenant, person: User, **options: Any) -> None:
        pressed = press_emergency_stop(
            actor=person,
            target=find_stop_target(options["scope"], options["target"], owner),
            reason=options["reason"],
            now=timezone.now(),
        )
        self.stdout.write(
            f"{pressed.stop.id}: {pressed.stop.target_label} is stopped, {pressed.off_commands} "
            f"commands switch off, {pressed.cancelled} were cancelled."
        )
        for name in pressed.without_off:
            self.stderr.write(f"{name} knows no command to switch off: do it by hand.")

    def _release(self, person: User, **options: Any) -> None:
        stop = EmergencyStop.objects.get(id=options["stop"])
        release_emergency_stop(
            actor=person, stop=stop, reason=options["reason"], now=timezone.now()
        )
        self.stdout.write(f"{stop.target_label} is released. Nothing starts by itself.")

    def _list(self) -> None:
        for stop in list_stops(only_active=True).order_by("pressed_at", "id"):
            self.stdout.write(
                f"{stop.id} {stop.scope} {stop.target_label}: {stop.pressed_by}, "
                f"{stop.pressed_at:%Y-%m-%d %H:%M:%S} UTC {stop.reason}"
            )
