"""Show messages that could not be stored."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from telemetry.queries_rejected import list_rejected


class Command(BaseCommand):
    """Print one line, or one JSON object, for each rejected message, newest first."""

    help = "List rejected messages: reason, count, times, topic, and the start of the payload."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        parser.add_argument("--reason", help="Only this reason, such as unknown_device.")
        parser.add_argument("--tenant", help="Only this tenant (short name).")
        parser.add_argument("--state", default="open", choices=["open", "replayed", "discarded"])
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--json", action="store_true", help="One JSON array on stdout.")

    def handle(self, **options: Any) -> None:
        """Print what the query found."""
        rows = list_rejected(
            state=options["state"],
            reason=options["reason"],
            tenant_slug=options["tenant"],
            limit=options["limit"],
        )
        if options["json"]:
            self.stdout.write(json.dumps([row.as_dict() for row in rows]))
            return
        for row in rows:
            self.stdout.write(
                f"{row.id}  {row.last_received_at:%Y-%m-%d %H:%M:%S}Z  ×{row.count}  "
                f"{row.reason}  {row.topic}\n    {row.detail}\n    {row.payload_start!r}"
            )
        self.stdout.write(f"{len(rows)} shown.")
