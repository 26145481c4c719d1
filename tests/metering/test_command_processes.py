"""Commands as processes: one at a time, and what a killed one leaves to go on from."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction

from energy.lib.database.single import EXIT_HELD, HeldElsewhere, only_here
from metering.build.rebuild import JOB
from metering.models import LedgerState
from telemetry.models import StorageJob
from tests.metering.conftest import Plant, total
from tests.metering.test_rebuild import count, spoil
from tools.paths import ROOT

PATIENCE = 120.0


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a command on the database of the test."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = os.environ | {"DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}"}
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_until(condition: Callable[[], bool], reason: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, reason
        time.sleep(0.05)


def is_free(work: str) -> bool:
    try:
        with only_here(work):
            return True
    except HeldElsewhere:
        return False


def test_no_two_processes_do_the_same(plant: Plant, tmp_path: Path) -> None:
    slug = plant.red.tenant.slug
    file = tmp_path / "tariff.json"
    file.write_text("{}")
    commands = (
        ("ledger_rebuild",),
        ("cost_recalculate", "--tenant", slug),
        ("tariff_import", str(file), "--tenant", slug),
    )
    with ExitStack() as held:
        for work in (JOB, f"cost_recalculate of {slug}", f"tariff_import of {slug}"):
            held.enter_context(only_here(work))
        running = [start(*command) for command in commands]
        told = [process.communicate(timeout=PATIENCE) for process in running]

    for process, (_, problem), command in zip(running, told, commands, strict=True):
        assert process.returncode == EXIT_HELD, problem
        assert f"Another process is at {command[0]}" in problem
    refused = start(*commands[2])
    refused.communicate(timeout=PATIENCE)
    assert refused.returncode == 1


def test_a_killed_rebuild_goes_on_at_the_register_it_was_at(plant: Plant) -> None:
    made = [count(plant, step) for step in (0.25, 0.5, 1.0)]
    registers = sorted(made, key=lambda one: one.id)
    sums = [total(register) for register in registers]
    for register in registers:
        spoil(register)

    with transaction.atomic():
        # the process gets no further than to the last register
        LedgerState.objects.select_for_update().get(register=registers[-1])
        process = start("ledger_rebuild")
        wait_until(lambda: reached() == registers[1].id or process.poll() is not None, "no note")
        assert not is_free(JOB)
        process.kill()
        process.communicate(timeout=PATIENCE)

    wait_until(lambda: is_free(JOB), "a dead process holds the work")
    assert [total(register) for register in registers] == [*sums[:2], sums[2] + 1]
    assert resume() == 1
    assert [total(register) for register in registers] == sums
    assert not StorageJob.objects.exists()


def reached() -> int | None:
    """Return the last register of which a run noted that it is done."""
    job = StorageJob.objects.filter(name=JOB).first()
    return int(job.state["after"]) if job else None


def resume() -> int:
    """Go on; return how many registers were left."""
    out = io.StringIO()
    call_command("ledger_rebuild", "--resume", "--json", stdout=out, stderr=io.StringIO())
    return int(json.loads(out.getvalue())["registers"])
