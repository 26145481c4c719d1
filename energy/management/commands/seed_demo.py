"""Fill an empty installation with two demo customers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from alarms.demo.rules import seed_rules
from automation.demo.seed import seed_automation
from charging.demo.seed import seed_charging
from devices.demo.certificates import issue_demo_certificates
from devices.demo.lines import seed_lines
from devices.demo.passwords import merge_into_file, read_demo_file
from devices.demo.seed import DemoFleet, seed_fleet
from devices.queries_certificates import shut_out_usernames
from devices.services.broker_accounts import apply_grants, grant_bootstrap
from devices.wires.broker import BrokerError
from metering.demo.history import seed_history
from metering.demo.meters import seed_meters
from metering.demo.tariffs import seed_tariffs


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

        parser.add_argument(
            "--history-days", type=int, default=0,
            help="Days of past counts for the meters, before the day that the simulator sends.",
        )  # fmt: skip
        parser.add_argument(
            "--certificates", help="Folder for the gateways' certificates; needs pki_init."
        )
        parser.add_argument(
            "--lines", help="JSON: where the simulated Modbus buses and the charger are found."
        )

    def handle(
        self,
        *,
        out: str,
        reset_passwords: bool = False,
        history_days: int = 0,
        certificates: str | None = None,
        lines: str | None = None,
        **options: Any,
    ) -> None:
        """Seed, then write the file, then open the broker's accounts."""
        path = Path(out)
        fleet = seed_fleet(known=read_demo_file(path), reset_passwords=reset_passwords)
        merge_into_file(path, fleet.entries())
        self._seed_meters(fleet, path, history_days)
        if lines:
            with transaction.atomic():
                seed_lines(json.loads(lines))
                seed_charging()
        if settings.HAS_BROKER:
            self._open_accounts(fleet)
        else:
            self.stderr.write("MQTT_HOST is not set: no accounts were made on the broker.")
        if certificates:
            gateways = issue_demo_certificates(
                fleet.gateways, folder=Path(certificates), now=timezone.now()
            )
            merge_into_file(path, {"gateways": gateways})
        self.stdout.write(
            f"{len(fleet.gateways)} gateways, {len(fleet.devices)} direct devices and "
            f"{len(fleet.users)} users are in {path}."
        )

    def _seed_meters(self, fleet: DemoFleet, path: Path, history_days: int) -> None:
        """Make the meters; their ledger is built from the past that is stored before."""
        now = timezone.now()
        state = path.with_name("sim_state.json")
        seed_history(fleet.entries(), days=history_days, state_file=state, now=now)
        with transaction.atomic():
            seed_tariffs(fleet.gateways, now=now)
            seed_meters(fleet.gateways, now=now)
            seed_rules(fleet.gateways, now=now)
            seed_automation(now=now)

    def _open_accounts(self, fleet: DemoFleet) -> None:
        """Give accounts to all but those whose access was revoked in an earlier run."""
        revoked = shut_out_usernames()
        try:
            apply_grants(grants=[row for row in fleet.grants if row.username not in revoked])
            grant_bootstrap()
        except BrokerError as error:
            raise CommandError(f"Seeded, but the broker got no accounts: {error}") from error
