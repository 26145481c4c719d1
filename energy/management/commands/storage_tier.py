"""Tell where samples lie, or move them into a hypertable."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from telemetry.storage.tiers import NoTimescale, ask_tier, make_hypertable


class Command(BaseCommand):
    """Tell the tier of this database."""

    help = "Tell where hot samples lie; --convert moves them into a hypertable of TimescaleDB."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument(
            "--convert",
            action="store_true",
            help="Move the hot samples; nothing is stored or read meanwhile.",
        )

    def handle(self, *, convert: bool, **options: Any) -> None:
        """Tell, or convert and tell."""
        tier = ask_tier(connection)
        if convert and not tier.is_hypertable:
            try:
                tier = make_hypertable(connection)
            except NoTimescale as error:
                raise CommandError(str(error)) from error
        self.stdout.write(str(tier))
