"""F10, F12 to F16: PostgreSQL has no disk, no connections, locked tables, a frozen backend."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.disk import MIB, SmallDisk, small_disk
from tests.faults.harness import Plant, Stopwatch, memory_of, wait_until
from tests.faults.ledger import Fleet, an_hour_ago, in_portions
from tests.faults.oracle import FLAWLESS, settle
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RATE = 1500
RECOVERY_SECONDS = 5.0
RESUME_SECONDS = 30.0
LOCKED_SECONDS = 8.0  # longer than any lock is waited for
WATCHDOG_SECONDS = 20.0
MIGRATION_STALL_SECONDS = 2.0
WEEK_US = 7 * 86_400_000_000
SEGMENT = re.compile(r"[0-9A-F]{24}")


def test_a_full_disk_pauses_the_worker_and_reading_goes_on(plant, fleet, note):
    """F12."""
    processes = plant.listener.pid, plant.worker.pid
    start_us = an_hour_ago() - 5 * WEEK_US  # a partition of its own
    begin(plant, fleet, start_us)
    with tablespace(plant, start_us) as disk, plant.publisher() as publisher:
        disk.fill(leave=MIB)
        publisher.publish(fleet.messages(15_000, start_us=start_us), rate=2 * RATE)
        wait_until(lambda: "No space left" in plant.worker.output(), 60, "the disk is not full")
        waiting = plant.backlog()
        with plant.database() as connection:
            [known] = connection.execute("SELECT count(*) FROM telemetry_latestvalue").fetchone()
        disk.free()
        watch = Stopwatch(plant.worker)
        wait_until(lambda: plant.backlog() == 0, 60, "it did not go on")
        took = watch.stop(time.time())
        verdict = settle(plant, fleet, publisher)
    note(messages=15_000, waiting_entries=waiting, resumed=took, verdict=verdict)

    assert waiting > 0
    assert known > 0
    assert verdict == FLAWLESS
    assert_within(took.own, RESUME_SECONDS)
    assert (plant.listener.pid, plant.worker.pid) == processes


def begin(plant: Plant, fleet: Fleet, start_us: int) -> None:
    """Store some readings, so that channels and partition exist."""
    with plant.publisher() as publisher:
        publisher.publish(fleet.messages(10, start_us=start_us))
        assert settle(plant, fleet, publisher) == FLAWLESS


@contextlib.contextmanager
def tablespace(plant: Plant, moment_us: int) -> Iterator[SmallDisk]:
    """Keep the samples of a week on a small disk."""
    moment = dt.datetime.fromtimestamp(moment_us / 1e6, dt.UTC)
    table = f"telemetry_sample_{moment - dt.timedelta(days=moment.weekday()):%Y%m%d}"
    with small_disk(plant.stack.folder("small"), size=24 * MIB) as disk:
        space = disk.folder / "space"
        space.mkdir(mode=0o700)
        shutil.chown(space, disk.folder.stat().st_uid, disk.folder.stat().st_gid)
        with plant.database() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            move(connection, table, "small")
        yield disk
        disk.free()
        with plant.database() as connection:
            move(connection, table, "pg_default")
            connection.execute("DROP TABLESPACE small")


def move(connection: psycopg.Connection, table: str, space: str) -> None:
    """Move a table and its indexes."""
    connection.execute(f"ALTER TABLE {table} SET TABLESPACE {space}")
    indexes = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [table])
    for (index,) in indexes.fetchall():
        connection.execute(f"ALTER INDEX {index} SET TABLESPACE {space}")


@pytest.mark.long
def test_a_full_disk_of_the_log_ends_postgresql_and_loses_nothing(plant, fleet, note):
    """F13: PANIC; the supervisor starts it again when there is room."""
    start_us = an_hour_ago()
    begin(plant, fleet, start_us)
    with write_ahead_log(plant) as disk, plant.publisher() as publisher:
        wait_until(lambda: plant.backlog() == 0, 60, "the worker did not come back")
        disk.fill(leave=2 * MIB)
        publisher.publish_in_background(fleet.messages(300_000, start_us=start_us), rate=3 * RATE)
        wait_until(lambda: plant.stack.pid("postgres") is None, 60, "PostgreSQL goes on")
        publisher.stop()
        disk.free()
        watch = Stopwatch(plant.worker)  # the worker may be back before `restart` returns
        plant.stack.restart("postgres")
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
    log = (plant.stack.log / "postgres.log").read_text(errors="replace")
    note(messages=len(publisher.published), verdict=verdict, recovery=took)

    assert "PANIC" in log
    assert "No space left on device" in log
    assert verdict == FLAWLESS
    assert_within(took.own, 2 * RECOVERY_SECONDS)


@contextlib.contextmanager
def write_ahead_log(plant: Plant) -> Iterator[SmallDisk]:
    """Keep the log of PostgreSQL on a small disk, without the files that it has in reserve."""
    with plant.database() as connection:
        connection.execute("CHECKPOINT")
        query = "SELECT pg_walfile_name(pg_current_wal_insert_lsn() + 16777216)"
        [newest] = connection.execute(query).fetchone()
    plant.stack.stop_one("postgres")
    data = plant.stack.folder("postgres") / "data" / "pg_wal"
    for file in data.iterdir():
        if SEGMENT.fullmatch(file.name) and file.name > newest:
            file.unlink()
    used = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    folder = plant.stack.folder("wal")
    with small_disk(folder, size=used + 40 * MIB) as disk:
        copy_owned(data, disk.folder / "pg_wal")
        kept = data.with_name("pg_wal.kept")
        data.rename(kept)
        data.symlink_to(disk.folder / "pg_wal")
        plant.stack.restart("postgres")
        try:
            yield disk
        finally:
            disk.free()
            plant.stack.stop_one("postgres")
            data.unlink()
            shutil.rmtree(kept)
            copy_owned(disk.folder / "pg_wal", data)
            plant.stack.restart("postgres")


def copy_owned(source: Path, target: Path) -> None:
    """Copy a folder with its owners."""
    shutil.copytree(source, target)
    for path in [source, *source.rglob("*")]:
        copied, owner = target / path.relative_to(source), path.stat()
        os.chown(copied, owner.st_uid, owner.st_gid)


def test_no_connections_left_is_waited_for(plant, fleet, note):
    """F14: others take every connection, and those of ours are ended."""
    processes = plant.listener.pid, plant.worker.pid
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(13_500), portions, size=4_500)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        portions.release()
        with contextlib.ExitStack() as hogs:
            own = take_all_connections(plant, hogs)
            for _ in range(20):
                end_others(own)
                take_all_connections(plant, hogs)
                time.sleep(0.2)
            waiting = plant.backlog()
        watch = Stopwatch(plant.worker)
        portions.release()  # all others may be stored by now
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
    with plant.database() as connection:
        [left] = connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone()
    note(messages=13_500, waiting_entries=waiting, recovery=took, verdict=verdict, sessions=left)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)
    assert (plant.listener.pid, plant.worker.pid) == processes
    assert left < 50


def take_all_connections(plant: Plant, hogs: contextlib.ExitStack) -> psycopg.Connection | None:
    """Open connections until the server takes no more; return the first."""
    first = None
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            url = plant.env["DATABASE_URL"]
            made = psycopg.connect(url, autocommit=True, application_name="hog")
            hogs.enter_context(contextlib.closing(made))
            first = first or made
    return first


def end_others(connection: psycopg.Connection | None) -> None:
    """End every session of ours."""
    assert connection is not None
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND application_name <> 'hog'"
    )


def test_a_locked_table_stops_nobody_for_good(plant, fleet, note):
    """F15."""
    processes = plant.listener.pid, plant.worker.pid
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(13_500), portions, size=4_500)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE / 2)
        plant.wait_for_commit(fleet, since=0)
        portions.release()
        memory = memory_of(plant.worker.pid, "VmRSS")
        with plant.database() as connection, connection.transaction():
            connection.execute("LOCK TABLE telemetry_sample IN ACCESS EXCLUSIVE MODE")
            time.sleep(LOCKED_SECONDS)
        watch = Stopwatch(plant.worker)
        portions.release()  # all others may be stored by now
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
        grown = memory_of(plant.worker.pid, "VmRSS") - memory
    note(messages=13_500, recovery=took, verdict=verdict, grown_kib=grown // 1024)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)
    assert grown <= 64 * MIB
    assert (plant.listener.pid, plant.worker.pid) == processes


@pytest.mark.long
def test_a_frozen_backend_ends_its_writer_and_nothing_is_lost(plant, fleet, note):
    """F10: no timeout of the driver helps; the watchdog ends the process, another one begins."""
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(20_000), rate=RATE / 2)
        plant.wait_for_commit(fleet, since=0)
        backend = find_writer(plant)
        os.kill(backend, signal.SIGSTOP)
        frozen_at = time.monotonic()
        try:
            code = plant.worker.wait(150)
            ended = time.monotonic() - frozen_at
        finally:
            os.kill(backend, signal.SIGCONT)
        plant.worker.start()
        verdict = settle(plant, fleet, publisher)
    note(messages=20_000, code=code, ended=ended, verdict=verdict)

    assert code == 75
    assert_within(ended, WATCHDOG_SECONDS)
    assert verdict == FLAWLESS


def find_writer(plant: Plant) -> int:
    """Return the server's process that stores samples at this moment."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
        " AND query LIKE 'COPY%%sample%%' AND pid <> pg_backend_pid() LIMIT 1"
    )
    with plant.database() as connection:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if found := connection.execute(query).fetchone():
                return int(found[0])
    raise AssertionError("nobody stores")


def test_a_migration_beside_a_long_query_makes_nobody_wait(plant, fleet, note):
    """F16: the tables of the next version; the programs of this one go on with them."""
    processes = plant.listener.pid, plant.worker.pid
    settings = {"DJANGO_SETTINGS_MODULE": "tests.faults.latecomer.settings"}
    migrate = plant.daemon("migrate", "--verbosity", "0", **settings)
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(15_000), rate=1000)
        plant.wait_for_commit(fleet, since=0)
        with watch_commits(plant) as moments:
            with plant.database() as reader, reader.transaction():
                reader.execute("SELECT count(*) FROM telemetry_sample").fetchone()
                migrate.start()
                wait_until(lambda: "trying again" in migrate.output(), 60, "it waits in silence")
                time.sleep(3)
            code = migrate.wait(180)
        verdict = settle(plant, fleet, publisher)
    back = plant.daemon("migrate", "latecomer", "zero", "--verbosity", "0", **settings)
    back.start()
    assert back.wait(180) == 0, back.output()
    stall = max(after - before for before, after in zip(moments, moments[1:], strict=False))
    note(messages=15_000, longest_stall=stall, tries=migrate.output().count("trying again"))

    assert code == 0, migrate.output()
    assert verdict == FLAWLESS
    # and the usual time between commits
    assert_within(stall, MIGRATION_STALL_SECONDS + 1.5)
    assert (plant.listener.pid, plant.worker.pid) == processes


@contextlib.contextmanager
def watch_commits(plant: Plant) -> Iterator[list[float]]:
    """Note when commits were seen, in seconds since 1970, until the block ends."""
    moments: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        query = "SELECT extract(epoch FROM max(received_at))::float8 FROM telemetry_latestvalue"
        with plant.database() as connection:
            while not ended.wait(0.1):
                [moment] = connection.execute(query).fetchone()
                if not moments or moment != moments[-1]:
                    moments.append(moment)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield moments
    finally:
        ended.set()
        thread.join()
