"""A worker that is really killed, in the middle of a file."""

import os
import subprocess
import sys
import time

from django.conf import settings
from django.db import connection
from django.utils import timezone

from telemetry.imports import runner, service, store
from tests.imports.test_flow import ENERGY, counts, table

ROWS = 7_000


def start_worker(job):
    database = settings.DATABASES["default"] | {"NAME": connection.settings_dict["NAME"]}
    environment = os.environ | {
        "DATABASE_URL": "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database),
        "IMPORT_FOLDER": str(store.import_storage().location),
        "ENVIRONMENT": "development",
    }
    resume = ("--tenant", "red", "--resume", str(job.id), "--batch-size", "10")
    return subprocess.Popen(
        [sys.executable, "manage.py", "telemetry_import", *resume],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_after_kill_9_another_goes_on(importer):
    job = importer.upload(table(ROWS, value=0.5))
    service.start_import(job_id=job.id, now=timezone.now())
    worker = start_worker(job)
    deadline = time.monotonic() + 60
    while job.rows < 300 and time.monotonic() < deadline:
        time.sleep(0.02)
        job.refresh_from_db()
    worker.kill()
    worker.wait(10)

    job.refresh_from_db()
    assert 300 <= job.rows == job.stored < ROWS
    assert len(importer.samples(ENERGY).times) == job.stored
    later = timezone.now() + 2 * runner.LEASE
    runner.work(runner.claim(now=later), clock=lambda: later)
    job.refresh_from_db()
    assert (job.state, *counts(job)) == ("done", ROWS, 0, 0, 0)
