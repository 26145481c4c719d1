"""Fill an empty installation with two demo customers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from devices.demo.passwords import merge_into_file, read_demo_file
from devices.demo.seed import seed_fleet
from devices.services.broker_accounts import apply_grants
from devices.wires.broker import BrokerError


class Command(BaseCommand):
    """Make two tenants with people, sites, gateways, devices and broker accounts."""

    help = (
        "Make two demo tenants with people, sites, gateways, devices and their accounts on the "
        "broker, and write logins and credentials to a file. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of this command."""
        parser.add_argument("--out", required=True, help="JSON file to write or to complete.")
        parser.add_argument(
            "--reset-passwords", action="store_true", help="Give everybody a new password."
        )

    def handle(self, *, out: str, reset_passwords: bool = False, **options: Any) -> None:
        """Seed, then write the file, then open the broker's accounts."""
        path = Path(out)
        fleet = seed_fleet(known=read_demo_file(path), reset_passwords=reset_passwords)
        merge_into_file(path, fleet.entries())
        if settings.HAS_BROKER:
            try:
                apply_grants(grants=fleet.grants)
            except BrokerError as error:
                raise CommandError(f"Seeded, but the broker got no accounts: {error}") from error
        else:
            self.stderr.write("MQTT_HOST is not set: no accounts were made on the broker.")
        self.stdout.write(
            f"{len(fleet.gateways)} gateways, {len(fleet.devices)} direct devices and "
            f"{len(fleet.users)} users are in {path}."
        )
