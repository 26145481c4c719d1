"""Send rejected messages through the pipeline again."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from telemetry.ingest.buffer import BufferFull, BufferUnavailable
from telemetry.queries_rejected import find_rejected_ids
from telemetry.services.rejected import replay_rejected


class Command(BaseCommand):
    """Replay by id, by reason or by tenant; what is refused again becomes open again."""

    help = "Replay rejected messages after their cause was fixed, such as a missing device."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the choice of messages."""
        parser.add_argument("ids", nargs="*", type=uuid.UUID, help="Ids from rejected_list.")
        parser.add_argument("--reason", help="All open messages with this reason.")
        parser.add_argument("--tenant", help="All open messages of this tenant (short name).")
        parser.add_argument("--all", action="store_true", help="All open messages.")
        parser.add_argument("--limit", type=int, default=100_000)
        parser.add_argument("--dry-run", action="store_true", help="Count, change nothing.")
        parser.add_argument("--json", action="store_true", help="One JSON summary on stdout.")

    def handle(self, **options: Any) -> None:
        """Choose, replay, print the sums."""
        ids: list[uuid.UUID] = options["ids"]
        if not ids and not (options["reason"] or options["tenant"] or options["all"]):
            raise CommandError("Name ids, --reason, --tenant or --all.", returncode=2)
        if not ids:
            ids = find_rejected_ids(
                reason=options["reason"], tenant_slug=options["tenant"], limit=options["limit"]
            )
        summary = {"chosen": len(ids), "replayed": 0, "failed": 0}
        if not options["dry_run"]:
            try:
                result = replay_rejected(ids=ids, now=timezone.now())
            except (BufferFull, BufferUnavailable) as error:
                raise CommandError(f"The ingest stream refuses: {error}", returncode=75) from error
            summary |= {"replayed": result.replayed, "failed": result.failed}
        self.stdout.write(
            json.dumps(summary)
            if options["json"]
            else "{chosen} chosen, {replayed} replayed, {failed} not found.".format(**summary)
        )
