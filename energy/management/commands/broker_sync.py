"""Make the broker's accounts those of the boxes in the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from devices.services.broker_changes import carry_out
from devices.services.broker_sync import sync_accounts
from devices.wires.broker import BrokerError


class Command(BaseCommand):
    """Do what is pending, then compare and mend."""

    help = "Do pending changes of broker accounts, then mend what differs from the database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument(
            "--rights", action="store_true", help="Set all topics anew; ends all sessions once."
        )

    def handle(self, *, rights: bool, **options: Any) -> None:
        """Mend, and tell what was different."""
        now = timezone.now()
        left = carry_out(now=now)
        try:
            report = sync_accounts(now=now, rights_too=rights)
        except BrokerError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(report.added)} added: {', '.join(report.added[:20])}")
        self.stdout.write(f"{len(report.removed)} removed: {', '.join(report.removed[:20])}")
        self.stdout.write(f"{left} pending")
