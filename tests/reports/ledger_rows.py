"""Reports of a small site, asked for and made as a worker does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from accounts.actor import Actor
from devices.models import Kind
from metering.ledger.kinds import ENTRY_DTYPE
from metering.models import Meter, Register
from metering.series import Grade
from metering.services.meters import Source, create_meter
from metering.services.meters import Wanted as WantedMeter
from metering.storage.days import Span, sum_days
from metering.storage.entries import Built, write_entries
from reports.content.build import build_document
from reports.content.question import ReportQuestion
from reports.documents.content import Document
from reports.models import ReportRun
from reports.services.asking import Wanted, request_report
from reports.services.making import claim_run, run_report
from telemetry.exports import store
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


Rate = Callable[[dt.datetime], int]  # millionths in the quarter that begins then


@dataclass
class ReportSite:
    """A site in Berlin with a ledger over some local days, and reports of it."""

    red: Team
    start: dt.date
    end: dt.date
    site: Any = None
    meters: dict[str, Meter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.site = SiteFactory(tenant=self.red.tenant, timezone="Europe/Berlin", name="Hall 7")
        self.device = DeviceFactory(site=self.site)

    def add(self, name: str, rates: dict[str, Rate], **wanted: Any) -> Meter:
        """Make a meter whose registers have a quarter for each of the site's days."""
        parent = wanted.pop("parent", None)
        if parent:
            wanted["parent"] = self.meters[parent].id
        sources = {
            quantity: Source(ChannelFactory(
                device=self.device, kind=Kind.COUNTER, unit="kWh",
                name=f"{name}_{quantity}".lower().replace(" ", "_"),
            ).uuid)
            for quantity in rates
        }  # fmt: skip
        with self.red.scope():
            meter = create_meter(
                site_id=self.site.id, wanted=WantedMeter(name=name, **wanted), sources=sources,
                now=NOW,
            )  # fmt: skip
            for register in Register.objects.filter(meter=meter):
                self.write(register.id, rates[register.quantity])
        self.meters[name] = meter
        return meter

    def write(self, register: int, rate: Rate, grade: Grade = Grade.MEASURED) -> None:
        """Put quarters into the ledger with what it uses itself."""
        zone = ZoneInfo("Europe/Berlin")
        first, last = (
            int(dt.datetime.combine(day, dt.time(), tzinfo=zone).timestamp()) // 900
            for day in (self.start, self.end)
        )
        rows = np.zeros(last - first, dtype=ENTRY_DTYPE)
        rows["number"] = np.arange(first, last)
        rows["amount"] = [
            rate(dt.datetime.fromtimestamp(number * 900, zone)) for number in range(first, last)
        ]
        rows["finish"] = np.cumsum(rows["amount"])
        rows["begin"] = rows["finish"] - rows["amount"]
        rows["has_register"], rows["grade"] = True, grade
        write_entries([Built(register, first, last - 1, rows)], now=NOW)
        sum_days([Span(register, zone.key, first, last - 1)], now=NOW)

    def wanted(self, **changes: Any) -> Wanted:
        given = {"title": "Two weeks", "kind": "consumption", "site_id": self.site.id,
                 "period": "fixed", "first_day": dt.date(2026, 10, 19),
                 "last_day": dt.date(2026, 11, 1)} | changes  # fmt: skip
        return Wanted(**given)

    def document(self, *, now: dt.datetime = NOW, **changes: Any) -> Document:
        given = {"title": "Two weeks", "kind": "consumption", "site_id": self.site.id,
                 "first_day": dt.date(2026, 10, 19), "last_day": dt.date(2026, 11, 1),
                 } | changes  # fmt: skip
        with self.red.scope():
            return build_document(ReportQuestion(**given), organisation="Red", now=now)

    def request(self, *, now: dt.datetime = NOW, **changes: Any) -> ReportRun:
        with self.red.scope():
            return request_report(
                tenant_id=self.red.tenant.id, wanted=self.wanted(**changes), now=now,
                actor=Actor("user", self.red.owner.id, self.red.owner.email),
            )  # fmt: skip

    def make(self, *, now: dt.datetime = NOW, **changes: Any) -> tuple[ReportRun, bytes]:
        """Return a report and its file."""
        run = self.request(now=now, **changes)
        assert work(now) == 1
        with self.red.scope():
            run.refresh_from_db()
            assert (run.state, run.error_code) == ("done", "")
            with store.open_file(run) as file:
                return run, file.read()

    def ledger(self, name: str, quantity: str = "import") -> dict[dt.date, Decimal]:
        """Return what the ledger has by local day, added up by the database."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (start AT TIME ZONE 'Europe/Berlin')::date, sum(amount)"
                " FROM metering_interval JOIN metering_register r ON r.id = register_id"
                " WHERE meter_id = %s AND quantity = %s GROUP BY 1 ORDER BY 1",
                [self.meters[name].id, quantity],
            )
            return {day: Decimal(int(amount)).scaleb(-6) for day, amount in cursor.fetchall()}


def work(now: dt.datetime) -> int:
    """Make what waits, as a worker does; return how many."""
    count = 0
    while run := claim_run(now=now):
        run_report(run, clock=lambda: now)
        count += 1
    return count
