"""Register the devices of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from devices.fleet_csv import COLUMNS, MAX_ROWS_OF_COMMAND, UnreadableTable, read_table
from devices.services.fleet_import import ImportReport, import_fleet


class Command(BaseCommand):
    """Import a fleet from CSV."""

    help = (
        f"Register devices from CSV with the columns {', '.join(COLUMNS)}. "
        "Nothing is done unless every row can be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--dry-run", action="store_true", help="Only tell what would happen.")

    def handle(self, *, file: Path, tenant: str, dry_run: bool, **options: Any) -> None:
        """Import, or tell which rows cannot be."""
        owner = Tenant.objects.filter(slug=tenant).first()
        if owner is None:
            raise CommandError(f"There is no organisation {tenant}.")
        try:
            rows = read_table(file.read_bytes(), max_rows=MAX_ROWS_OF_COMMAND)
        except (OSError, UnreadableTable) as error:
            raise CommandError(str(error)) from error
        with tenant_scope(owner.id):
            report = import_fleet(
                rows=rows, tenant_id=owner.id, dry_run=dry_run, now=timezone.now()
            )
        self._print(report)

    def _print(self, report: ImportReport) -> None:
        for row in report.refused:
            where = f" {row.column}" if row.column else ""
            self.stderr.write(f"row {row.number}{where}: {row.detail} ({row.code})")
        counts = ", ".join(f"{report.count(a)} {a}" for a in ("create", "update", "same"))
        if report.refused:
            raise CommandError(f"{len(report.refused)} rows cannot be used; nothing was done.")
        self.stdout.write(counts if report.is_done else f"{counts}; nothing was done (dry run)")
