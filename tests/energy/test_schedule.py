"""The clock of the background jobs: F21 and F32."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from redis import Redis

from energy.celery import app
from energy.lib import heartbeat
from energy.schedule import Schedule

pytestmark = pytest.mark.django_db(transaction=True)

EVERY_SECONDS = 2.0  # two ticks after each other are within it
JOB = {"job": {"task": "telemetry.tasks.prune_rejected", "schedule": EVERY_SECONDS}}


class Recording(Schedule):
    """Notes what would be sent."""

    def setup_schedule(self) -> None:
        """Know one job only."""
        self.sent: list[str] = []
        self.update_from_dict(JOB)

    def apply_entry(self, entry, producer=None) -> None:
        """Note a job instead of queueing it."""
        self.sent.append(entry.name)


@pytest.fixture
def schedule(redis: Redis) -> Recording:
    return Recording(app=app)


@pytest.mark.parametrize(
    "last_run", [dt.timedelta(hours=1), dt.timedelta(days=-1)], ids=["set back", "set forward"]
)
def test_a_jump_of_the_clock_misses_no_job_and_doubles_none(schedule, last_run):
    """The job seems to have run an hour from now, or a day ago."""
    for entry in schedule.schedule.values():
        entry.last_run_at = dt.datetime.now(dt.UTC) + last_run
    schedule._heap = None

    schedule.tick()
    sent_at_once = len(schedule.sent)
    time.sleep(1.5 * EVERY_SECONDS)
    schedule.tick()
    schedule.tick()

    assert sent_at_once == (1 if last_run < dt.timedelta() else 0)
    assert len(schedule.sent) == sent_at_once + 1


def test_the_clock_of_the_jobs_gives_signs_of_life(schedule):
    heartbeat._next_beat.clear()
    begun = time.time()

    schedule.tick()

    assert begun <= heartbeat.read_heartbeats()["beat:1"] <= time.time()
