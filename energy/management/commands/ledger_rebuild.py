"""Build the energy ledger anew."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import all_tenants
from energy.lib.database.single import EXIT_HELD, HeldElsewhere, only_here
from metering.build.rebuild import JOB, Rebuilt, Scope, rebuild
from metering.models import Meter
from metering.series import to_decimal
from metering.storage.entries import Written


class Command(BaseCommand):
    """Build quarter hours of meters from the samples."""

    help = (
        "Build the energy ledger from the samples anew. What is right already keeps its revision; "
        "what changes keeps its former one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--tenant", help="Short name of the organisation; else all.")
        parser.add_argument("--meter", type=uuid.UUID, help="Only this meter.")
        parser.add_argument("--from", dest="start", type=_read_day, help="First day, UTC.")
        parser.add_argument("--to", dest="end", type=_read_day, help="Day after the last, UTC.")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Do all of it, tell the difference, take it back.",
        )
        parser.add_argument(
            "--resume", action="store_true", help="Go on where the same command was interrupted."
        )
        parser.add_argument("--json", action="store_true", help="One JSON summary on stdout.")

    def handle(self, *, dry_run: bool, resume: bool, json: bool, **options: Any) -> None:
        """Build, telling the progress on stderr and what moved on stdout."""
        with all_tenants():
            scope = _scope_of(options)
            steps = rebuild(scope, now=timezone.now(), is_trial=dry_run, resumes=resume)
            try:
                with only_here(JOB):
                    summary = self._follow(steps) | {"dry_run": dry_run}
            except HeldElsewhere as error:
                raise CommandError(str(error), returncode=EXIT_HELD) from error
        self.stdout.write(_as_json(summary) if json else _as_text(summary))

    def _follow(self, steps: Iterable[Rebuilt]) -> dict[str, Any]:
        written, moved, registers = Written(), [], 0
        for step in steps:
            self.stderr.write(f"{100 * step.done // step.registers:3d} %  {step.register.meter}")
            registers, written = step.registers, written + step.written
            if step.moved:
                moved.append(_describe(step))
        return {
            "registers": registers, "added": written.added, "changed": written.changed,
            "removed": written.removed, "moved": moved,
        }  # fmt: skip


def _describe(step: Rebuilt) -> dict[str, str]:
    meter = step.register.meter
    return {
        "meter": str(meter.id),
        "name": meter.name,
        "quantity": step.register.quantity,
        "by": f"{to_decimal(step.moved):+f}",
        "unit": meter.unit,
    }


def _as_json(summary: dict[str, Any]) -> str:
    return json.dumps(summary, ensure_ascii=False)


def _as_text(summary: dict[str, Any]) -> str:
    lines = [f"{row['name']}, {row['quantity']}: {row['by']} {row['unit']}"
             for row in summary["moved"]]  # fmt: skip
    would = "would be " if summary["dry_run"] else ""
    counts = f"{summary['added']} {would}added, {summary['changed']} {would}changed"
    lines.append(
        f"{summary['registers']} registers: {counts}, {summary['removed']} {would}removed."
    )
    return "\n".join(lines)


def _scope_of(options: dict[str, Any]) -> Scope:
    tenant_id = None
    if options["tenant"] is not None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {options['tenant']}.")
        tenant_id = tenant.id
    meter_id = options["meter"]
    if meter_id is not None and not Meter.objects.filter(id=meter_id).exists():
        raise CommandError(f"There is no meter {meter_id}.")
    return Scope(tenant_id, meter_id, options["start"], options["end"])


def _read_day(text: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
