"""A month-old reading that arrives late, or is corrected, reaches all that is billed on it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.conftest import _free_port, _wait_until_ready
from tests.faults.harness import Daemon, Plant, Stopwatch, Took, wait_until
from tests.faults.ledger import Fleet, Message
from tests.faults.oracle import wait_until_stored
from tests.pace import assert_within
from tools.paths import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

REACTORS = ("rollups", "metering")
AT_MOST_SECONDS = 60.0
PATIENCE = 240.0  # until something is right at all; others may have the processors
QUARTER, DAY = dt.timedelta(minutes=15), dt.timedelta(days=1)
KWH, PRICE = 0.25, 2  # in a quarter hour, of a kWh
METRIC = "active_energy_import"


@dataclass(frozen=True, slots=True)
class Site:
    """A meter with a tariff, and a program that asks for it over HTTP."""

    address: str
    meter: str
    site: str
    device: str
    metric: str
    key: str

    def get(self, path: str, **params: str) -> Any:
        """Return an answer of the API."""
        return self._send(f"{path}?{urllib.parse.urlencode(params)}")

    def post(self, path: str, body: object) -> Any:
        """Send JSON."""
        return self._send(path, json.dumps(body).encode())

    def _send(self, path: str, data: bytes | None = None) -> Any:
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def interval(self, end: dt.datetime) -> float:
        """Return what the quarter hour before a moment counted, in kWh."""
        explained = self.get("explain", meter=self.meter, start=(end - QUARTER).isoformat())
        return float(explained["amount"])

    def rollup(self, start: dt.datetime) -> list[float]:
        """Return the counter of the quarter hour that begins at a moment."""
        found = self.get(
            "telemetry/query", device=self.device, metric=self.metric, interval="15m", agg="last",
            **{"from": start.isoformat(), "to": (start + QUARTER).isoformat()},
        )  # fmt: skip
        return [value for series in found["series"] for value in series["v"]]

    def cost(self, day: dt.date, view: str = "known") -> float:
        """Return what a local day costs."""
        span = {"start": str(day), "end": str(day + DAY)}
        found = self.get("costs", meter=self.meter, view=view, **span)
        return float(found["totals"].get("EUR", 0))

    def page(self, day: dt.date) -> float:
        """Return what the page of energy shows for a day, in kWh."""
        found = self.get("energy/summary", scope=f"site:{self.site}", period="day", date=str(day))
        return float(found["total"])


@pytest.fixture
def reactors(plant: Plant) -> Iterator[list[Daemon]]:
    """What builds rollups, ledger and costs."""
    daemons = [plant.daemon("run_reactor", name) for name in REACTORS]
    for daemon in daemons:
        daemon.start()
    for name, daemon in zip(REACTORS, daemons, strict=True):
        plant.wait_until_at_work(f"reactor_{name}:1", daemon)
    yield daemons
    for daemon in daemons:
        daemon.stop()


@pytest.fixture
def web(plant: Plant) -> Iterator[str]:
    """The address of the web server."""
    address = f"http://127.0.0.1:{_free_port()}"
    log = plant.stack.log / "web.log"
    argv = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", address.rpartition(":")[2],
            "energy.asgi:application"]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=plant.process_env(PUBLIC_URL=address), stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_ready(process, f"{address}/healthz", log)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def register_at(moment: dt.datetime, start: dt.datetime) -> float:
    """Return what the counter shows that rises evenly."""
    return round(1000 + (moment - start) / QUARTER * KWH, 3)


def message(fleet: Fleet, moment: dt.datetime, value: float) -> Message:
    """Return a reading of the first device's counter."""
    device, moment_us = fleet.devices[0], round(moment.timestamp() * 1_000_000)
    document = json.dumps({"ts": moment_us, "values": {METRIC: value}})
    return Message(fleet.topic(device), document.encode(), {(device, METRIC, moment_us): value})


def test_a_reading_of_last_month_reaches_interval_rollup_cost_and_page(
    plant: Plant, fleet: Fleet, reactors: list[Daemon], web: str, note: Any
) -> None:
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = today - 34 * DAY, today - 26 * DAY
    late, wrong = today - 31 * DAY, today - 29 * DAY  # midnights: days share what they say
    moments = [start + number * QUARTER for number in range((end - start) // QUARTER)]
    with plant.publisher() as publisher:
        sent = [message(fleet, at, register_at(at, start)) for at in moments if at != late]
        publisher.publish(sent, rate=500)
        wait_until_stored(plant, fleet, len(sent))
        site = Site(web, **plant.step("meter", fleet.gateway, str(start.date())))
        for day in (late - DAY, wrong - DAY):
            wait_for(lambda day=day: site.cost(day.date()) == 96 * KWH * PRICE, "no costs")
        plant.step("bill", site.site, str(start.date()), str((today - 28 * DAY).date()))

        watch = Stopwatch(plant.worker, *reactors)
        publisher.publish([message(fleet, late, register_at(late, start) + 0.1)])
        by_wire = follow(site, late, register_at(late, start), 0.1, watch)

    watch = Stopwatch(plant.worker, *reactors)
    site.post(
        f"devices/{site.device}/corrections",
        {"metric": site.metric, "at": wrong.isoformat(), "reason": "read off again",
         "value": register_at(wrong, start) + 0.2},
    )  # fmt: skip
    by_person = follow(site, wrong, register_at(wrong, start), 0.2, watch)
    note(late_by_mqtt=told(by_wire), corrected_by_http=told(by_person))

    for moment, more in ((late, 0.1), (wrong, 0.2)):
        explained = site.get("explain", meter=site.meter, start=(moment - QUARTER).isoformat())
        old, new = explained["revisions"]
        assert (float(old["amount"]), float(new["amount"])) == (KWH, KWH + more)
        assert old["superseded_at"] == new["recorded_at"]
        day = (moment - DAY).date()
        assert site.cost(day, "billed") == 96 * KWH * PRICE
        assert site.cost(day) == pytest.approx((96 * KWH + more) * PRICE)
        before = site.get(
            f"meters/{site.meter}/readings", step="day", as_of=old["recorded_at"],
            **{"from": str(day), "to": str(day + DAY)},
        )  # fmt: skip
        assert float(before["readings"][0]["amount"]) == 96 * KWH
    slowest = max(took.own for found in (by_wire, by_person) for took in found.values())
    assert_within(slowest, AT_MOST_SECONDS)


def follow(
    site: Site, moment: dt.datetime, register: float, more: float, watch: Stopwatch
) -> dict[str, Took]:
    """Wait until everything knows a counter that stood higher; return when each knew it."""
    day = (moment - DAY).date()
    looks = {
        "rollup": lambda: site.rollup(moment) == [pytest.approx(register + more)],
        "interval": lambda: site.interval(moment) == pytest.approx(KWH + more),
        "page": lambda: site.page(day) == pytest.approx(96 * KWH + more),
        "cost": lambda: site.cost(day) == pytest.approx((96 * KWH + more) * PRICE),
    }
    found: dict[str, Took] = {}
    for name, look in looks.items():
        wait_for(look, f"the {name} of {moment} does not know it")
        found[name] = watch.stop(dt.datetime.now(dt.UTC).timestamp())
    return found


def wait_for(look: Any, reason: str) -> None:
    """Wait with patience: what is asked is whether, not when."""
    wait_until(look, PATIENCE, reason)


def told(found: dict[str, Took]) -> str:
    """Return the times for the report."""
    return ", ".join(f"{name} {took}" for name, took in found.items())
