"""Import a meter's file into a device."""

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.models import Device
from telemetry.imports import runner, service, store
from telemetry.imports.files import FileProblem
from telemetry.imports.models import ImportJob, ImportState
from telemetry.imports.plan import Plan, PlanError, check_plan, read_plan
from telemetry.imports.setup import columns_from, plan_from
from telemetry.imports.trial import TrialStore

FAILED, USAGE, PARTLY, HELD, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 4, 69, 130
COUNTS = ("rows", "stored", "duplicates", "conflicts", "missing", "refused")
_PART = 1024 * 1024


class Command(BaseCommand):
    """Read a file as the page of imports does, from the command line."""

    help = (
        "Import CSV, XLSX or Green Button XML into a device, at once and in this process. "
        "Repeating it adds nothing; --resume goes on with an import that was interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--device", default="", help="Id or identifier of the device.")
        parser.add_argument("--plan", type=Path, help="JSON file of settings; the flags go first.")
        parser.add_argument("--map", default="", help="Column=channel:unit:kind,Column=channel …")
        parser.add_argument("--time", default="", help="Column, or two columns, of the time.")
        parser.add_argument("--time-format", default="", help="dmy, mdy, ymd, iso, epoch or %%d…")
        parser.add_argument("--tz", default="", help="Zone of times without offset.")
        parser.add_argument("--stamp", choices=("start", "end"))
        parser.add_argument("--interval", type=int, help="Seconds.")
        parser.add_argument("--delimiter", default="")
        parser.add_argument("--decimal", choices=(".", ","))
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument("--resume", help="Id of an import that was interrupted.")
        parser.add_argument("--batch-size", type=int, help="Rows of a transaction.")
        parser.add_argument("--json", action="store_true", help="Print one JSON summary.")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, sum up on stdout, and end with the code that says how it went."""
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {options['tenant']}.", returncode=USAGE)
        if not options["resume"] and not (options["file"] and options["device"]):
            raise CommandError("Name a file and a device, or --resume.", returncode=USAGE)
        if options["batch_size"]:
            runner.CHUNK_ROWS = max(1, options["batch_size"])
        try:
            with tenant_scope(tenant.id):
                summary = self._import(options)
        except (FileProblem, PlanError, Refusal, OSError) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        except (psycopg.OperationalError, OperationalError) as error:
            raise CommandError(f"The database is away: {error}", returncode=UNAVAILABLE) from error
        self.stdout.write(json.dumps(summary) if options["json"] else _in_words(summary))
        if summary["state"] == ImportState.FAILED:
            sys.exit(FAILED)
        if summary["refused"] or summary["conflicts"]:
            sys.exit(PARTLY)

    def _import(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["resume"]:
            job = service.find_import(_uuid(options["resume"]))
        else:
            job = self._upload(options)
        if options["dry_run"]:
            return self._try(job, is_own=not options["resume"])
        if job.state == ImportState.READY:
            job = service.start_import(job_id=job.id, now=timezone.now())
        return self._run(job, shows=not options["no_progress"] and sys.stderr.isatty())

    def _upload(self, options: dict[str, Any]) -> ImportJob:
        path: Path = options["file"]
        with path.open("rb") as file:
            job = service.upload_whole(
                device_id=_device(options["device"]).id,
                file_name=path.name,
                chunks=_parts(file),
                size=path.stat().st_size,
                actor=None,
                now=timezone.now(),
            )
        changes = _changes(options, job)
        return service.change_plan(job_id=job.id, changes=changes) if changes else job

    def _try(self, job: ImportJob, *, is_own: bool) -> dict[str, Any]:
        """Count what would happen, and leave nothing behind."""
        try:
            check_plan(read_plan(job.plan))
            counts = runner.Run(job, clock=timezone.now, store_=TrialStore()).count()
        finally:
            if is_own:
                store.delete_file(job)
                job.delete()
        return {"import": None, "state": "dry-run", **counts}

    def _run(self, job: ImportJob, *, shows: bool) -> dict[str, Any]:
        said = timezone.now()
        while job.state in (ImportState.QUEUED, ImportState.RUNNING):
            claimed = runner.claim(now=timezone.now(), job_id=job.id)
            if claimed is None:
                raise CommandError("Another process works on this import.", returncode=HELD)
            try:
                runner.work(claimed, clock=timezone.now, budget=dt.timedelta(seconds=1))
            except KeyboardInterrupt:
                ImportJob.objects.filter(id=job.id, lease=claimed.lease).update(lease_until=None)
                self.stderr.write(f"Interrupted; go on with --resume {job.id}")
                sys.exit(INTERRUPTED)
            job.refresh_from_db()
            if shows:
                self.stderr.write(f"\r{job.percent:3d} %  {job.rows} rows", ending="")
            elif timezone.now() - said > dt.timedelta(seconds=10):
                said = timezone.now()
                self.stderr.write(f"{job.percent} %, {job.rows} rows")
        if shows:
            self.stderr.write("")
        counts = {name: getattr(job, name) for name in COUNTS}
        return {"import": str(job.id), "state": job.state, **counts, "error": job.error}


def _changes(options: dict[str, Any], job: ImportJob) -> dict[str, Any]:
    plan: Plan = read_plan(job.plan)
    changes = json.loads(options["plan"].read_text()) if options["plan"] else {}
    changes |= plan_from(options, job.headers)
    if options["map"]:
        columns = columns_from(options["map"], job.headers, plan)
        changes["columns"] = columns
    return changes


def _device(name: str) -> Device:
    found = Device.objects.filter(uid=name)
    try:
        found = found | Device.objects.filter(id=uuid.UUID(name))
    except ValueError:
        pass
    devices = list(found[:2])
    if len(devices) != 1:
        many = "more than one device" if devices else "no device"
        raise CommandError(f"There is {many} {name!r} in this organisation.", returncode=USAGE)
    return devices[0]


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is no id of an import.", returncode=USAGE) from None


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_PART):
        yield data


def _in_words(summary: dict[str, Any]) -> str:
    text = (
        f"{summary['rows']} rows: {summary['stored']} values stored, {summary['duplicates']} "
        f"known, {summary['conflicts']} with another value, {summary['missing']} missing, "
        f"{summary['refused']} refused."
    )
    if summary["state"] == "dry-run":
        return f"{text} Nothing was done (dry run)."
    return f"{text} Import {summary['import']}: {summary['state']}. {summary['error']}".rstrip()
