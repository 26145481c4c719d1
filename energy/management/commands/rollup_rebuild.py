"""Compute rollups anew."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from telemetry.storage.rebuild import Progress, Scope, rebuild


class Command(BaseCommand):
    """Compute quarter hours and days from the samples."""

    help = "Compute rollups from the samples anew; what is right already is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--tenant", help="Short name of the organisation; else all.")
        parser.add_argument("--device", type=uuid.UUID, help="Only this device.")
        parser.add_argument("--from", dest="start", type=_read_day, help="First day, UTC.")
        parser.add_argument("--to", dest="end", type=_read_day, help="Day after the last, UTC.")
        parser.add_argument("--dry-run", action="store_true", help="Count, but change nothing.")
        parser.add_argument(
            "--resume", action="store_true", help="Go on where the same command was interrupted."
        )

    def handle(self, *, dry_run: bool, resume: bool, **options: Any) -> None:
        """Rebuild, telling the progress."""
        scope = Scope(
            tenant_id=_find_tenant(options["tenant"]),
            device_id=options["device"],
            start=options["start"],
            end=options["end"],
        )
        for progress in rebuild(scope, now=timezone.now(), is_trial=dry_run, resumes=resume):
            self.stdout.write(_describe(progress))
        verb = "would change" if dry_run else "changed"
        self.stdout.write(f"{progress.changed} of {progress.windows} quarter hours {verb}.")


def _describe(progress: Progress) -> str:
    share = 100 * progress.done // max(1, progress.channels)
    return (
        f"{share:3d} %  {progress.done} of {progress.channels} channels,"
        f" {progress.windows} quarter hours"
    )


def _find_tenant(slug: str | None) -> uuid.UUID | None:
    if slug is None:
        return None
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no organisation {slug}.")
    return tenant.id


def _read_day(text: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
