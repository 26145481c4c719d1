"""An import from its upload to its end: crashes, leases, repetition, refusals."""

import datetime as dt
import gzip
import json

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from devices.models import Channel
from telemetry.imports import runner, service, store
from telemetry.imports.channels import ColumnRefused
from telemetry.imports.models import ImportJob, ImportProblem
from telemetry.imports.preview import preview_import
from telemetry.imports.trial import TrialStore
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.imports.conftest import column

ENERGY = "active_energy_import_interval"


def table(rows=100, value=1.0):
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001 (local times of a file)
    lines = [f"{start + n * dt.timedelta(hours=1)},{value + n}" for n in range(rows)]
    return ("time,kWh\n" + "\n".join(lines) + "\n").encode()


def counts(job):
    return job.stored, job.duplicates, job.conflicts, job.refused


def test_a_file_is_stored_once(importer):
    first = importer.import_file(table())
    again = importer.import_file(table())
    other = importer.import_file(table(value=2.0))

    assert (first.state, first.progress, first.rows) == ("done", 1.0, 100)
    assert counts(first) == (100, 0, 0, 0)
    assert counts(again) == (0, 100, 0, 0)
    assert counts(other) == (0, 0, 100, 0)
    assert ImportProblem.objects.filter(job=other, code="conflicting_value").count() == 100
    channel = Channel.objects.get(name=ENERGY)
    assert (channel.kind, channel.unit, channel.expected_interval_seconds) == (
        "interval", "kWh", 3600,
    )  # fmt: skip
    with all_tenants():
        actions = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    assert actions[-3:] == ["import.created", "import.started", "import.done"]


def test_packed_files_too(importer):
    job = importer.import_file(gzip.compress(table()), name="meter.csv.gz")
    assert counts(job) == (100, 0, 0, 0)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_killed_worker_loses_and_repeats_nothing(importer, monkeypatch, place):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    job = importer.upload(table() + b"broken,1\n")
    service.start_import(job_id=job.id, now=timezone.now())
    plain, calls = runner.Run._commit, []

    def dies(run, chunk):
        calls.append(chunk)
        if len(calls) == 4 and place == "before":
            raise SystemExit
        plain(run, chunk)
        if len(calls) == 4:
            raise SystemExit

    monkeypatch.setattr(runner.Run, "_commit", dies)
    claimed = runner.claim(now=timezone.now())
    with pytest.raises(SystemExit):
        runner.work(claimed, clock=timezone.now)
    monkeypatch.setattr(runner.Run, "_commit", plain)

    assert runner.claim(now=timezone.now()) is None
    later = timezone.now() + 2 * runner.LEASE
    runner.work(runner.claim(now=later), clock=lambda: later)
    job.refresh_from_db()
    assert (job.state, job.rows, *counts(job)) == ("done", 101, 100, 0, 0, 1)
    assert len(importer.samples(ENERGY).times) == 100


def test_a_worker_that_was_taken_for_dead_commits_nothing(importer, monkeypatch):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    job = importer.upload(table())
    service.start_import(job_id=job.id, now=timezone.now())
    slow = runner.claim(now=timezone.now())
    later = timezone.now() + 2 * runner.LEASE
    fast = runner.claim(now=later)

    runner.work(slow, clock=timezone.now)
    job.refresh_from_db()
    assert (job.state, job.rows) == ("running", 0)
    runner.work(fast, clock=lambda: later)
    job.refresh_from_db()
    assert (job.state, *counts(job)) == ("done", 100, 0, 0, 0)


def test_it_gives_others_their_turn(importer, monkeypatch):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    job = importer.upload(table())
    service.start_import(job_id=job.id, now=timezone.now())
    turns = 0
    while claimed := runner.claim(now=timezone.now()):
        turns += 1
        runner.work(claimed, clock=timezone.now, budget=dt.timedelta(0))
    job.refresh_from_db()
    assert (turns, job.state, job.stored) == (11, "done", 100)


def test_five_attempts_without_a_row_are_enough(importer):
    job = importer.upload(table())
    service.start_import(job_id=job.id, now=timezone.now())
    now = timezone.now()
    for _ in range(runner.MAX_ATTEMPTS + 1):
        now += 2 * runner.LEASE
        claimed = runner.claim(now=now)
    runner.work(claimed, clock=lambda: now)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "internal_error")


def test_a_file_that_breaks_in_the_middle_keeps_what_was_good(importer):
    job = importer.import_file(table(5_500) + b'"never closed' + b"x" * 200_000)
    assert (job.state, job.error_code, job.stored) == ("failed", "bad_csv", 5_500)


def test_a_cancelled_import_stops_and_its_file_is_gone(importer, monkeypatch):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    job = importer.upload(table())
    service.start_import(job_id=job.id, now=timezone.now())
    claimed = runner.claim(now=timezone.now())
    service.cancel_import(job_id=job.id, now=timezone.now())

    runner.work(claimed, clock=timezone.now)

    job.refresh_from_db()
    assert (job.state, job.stored) == ("cancelled", 0)
    assert not store.import_storage().exists(job.stored_as)
    with pytest.raises(service.WrongState):
        service.cancel_import(job_id=job.id, now=timezone.now())


def test_parts_may_be_repeated_and_must_follow(importer):
    data = table()
    job = service.create_import(
        device_id=importer.device.id, file_name="a.csv", size=len(data), actor=None,
        now=timezone.now(),
    )  # fmt: skip
    service.append_part(job_id=job.id, offset=0, data=data[:500])
    service.append_part(job_id=job.id, offset=0, data=data[:400])
    with pytest.raises(service.WrongOffset):
        service.append_part(job_id=job.id, offset=600, data=data[600:])
    with pytest.raises(service.WrongState):
        service.finish_upload(job_id=job.id, now=timezone.now())
    service.append_part(job_id=job.id, offset=400, data=data[400:])
    job = service.finish_upload(job_id=job.id, now=timezone.now())
    assert (job.state, job.received) == ("ready", len(data))
    assert counts(importer.run(job)) == (100, 0, 0, 0)


def test_a_preview_counts_what_is_known(importer):
    importer.import_file(table(50))
    job = importer.upload(table() + b"nonsense,1\n")

    found = preview_import(job, now=timezone.now())

    assert (found.new, found.duplicates, found.conflicts, found.refused) == (50, 50, 0, 1)
    assert (found.looked_at, found.is_whole, len(found.rows)) == (101, True, 50)
    assert found.rows[0].local == "2026-01-01 00:00:00 +0300"
    assert "naive_times" in dict(found.warnings)
    assert ImportJob.objects.get(id=job.id).state == "ready"


def test_a_trial_counts_without_storing(importer, monkeypatch):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    importer.import_file(table(50))
    job = importer.upload(table() + table(5)[9:] + b"2026-01-01 00:00:00,77\n")

    trial = runner.Run(job, clock=timezone.now, store_=TrialStore()).count()

    assert trial == {
        "rows": 106, "stored": 50, "duplicates": 55, "conflicts": 1, "missing": 0, "refused": 0
    }  # fmt: skip
    done = importer.run(job)
    assert {name: getattr(done, name) for name in trial} == trial


def test_a_channel_of_another_kind_or_quantity_is_refused(importer):
    ChannelFactory(device=importer.device, name="power", unit="kW", kind="gauge")
    for chosen in (column(1, "power", "kWh"), column(1, "power", "kW", "interval")):
        job = importer.upload(table(), columns=[chosen])
        with pytest.raises(ColumnRefused):
            service.start_import(job_id=job.id, now=timezone.now())
    job = importer.upload(table(), columns=[column(1, "power", "W")])
    importer.run(job)
    assert importer.samples("power").values[0] == 0.001


def test_rows_of_unknown_devices_are_named(importer):
    DeviceFactory(site=importer.device.site, gateway=None, uid="other")
    DeviceFactory(site=SiteFactory(), gateway=None, uid="foreign")
    data = (
        "time,meter,kWh\n2026-01-01 00:00,other,1\n2026-01-01 00:00,meter,2\n"
        "2026-01-01 00:00,foreign,3\n"
    )
    job = importer.import_file(
        data.encode(), device_column=1, columns=[column(2, ENERGY, "kWh", "interval")]
    )
    assert counts(job) == (2, 0, 0, 1)
    assert ImportProblem.objects.get().code == "unknown_device"


def test_other_organisations_have_no_such_import(importer, blue):
    job = importer.upload(table())
    with blue.scope():
        for call in (service.start_import, service.cancel_import):
            with pytest.raises(service.ImportGone):
                call(job_id=job.id, now=timezone.now())
        with pytest.raises(service.ImportGone):
            service.create_import(
                device_id=importer.device.id, file_name="x", size=5, actor=None,
                now=timezone.now(),
            )  # fmt: skip


def test_old_files_are_deleted_and_their_imports_stay(importer):
    job = importer.import_file(table())
    assert service.delete_old_files(now=timezone.now()) == 0
    assert service.delete_old_files(now=timezone.now() + dt.timedelta(days=31)) == 1
    assert not store.import_storage().exists(job.stored_as)
    assert json.dumps(ImportJob.objects.get(id=job.id).plan)
