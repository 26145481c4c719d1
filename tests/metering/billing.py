"""A meter with a tariff, for the tests of costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.tenancy import all_tenants
from devices.models import Channel, Kind
from metering.models import BillingPeriod, CostLine, Meter, Register, Tariff
from metering.services.cost_following import follow_costs
from metering.services.costs import close_period, open_period
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from tests.metering.conftest import NOW, Plant

QUARTER = 900_000_000
SECOND = dt.timedelta(seconds=1)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def flat(price: str, **others: str) -> dict[str, object]:
    return {"components": [{"kind": "flat", "name": "energy", "price": price, **others}]}


class Bill:
    """A meter that counts 0.25 kWh each quarter, and its tariff."""

    def __init__(
        self,
        plant: Plant,
        start: str,
        end: str,
        zone: str,
        *,
        kind: str = Kind.COUNTER,
        **meter: object,
    ) -> None:
        self.plant = plant
        every = {"expected_interval_seconds": 900} if kind == Kind.INTERVAL else {}
        self.channel: Channel = plant.channel(kind, **every)
        since, until = (dt.datetime.fromisoformat(t).replace(tzinfo=ZoneInfo(zone))
                        for t in (start, end))  # fmt: skip
        first, last = (int(at.timestamp()) * 1_000_000 for at in (since, until))
        self.times = list(range(first, last + 1, QUARTER))
        values = [
            100 + 0.25 * number if kind == Kind.COUNTER else 0.25
            for number in range(len(self.times))
        ]
        plant.store(self.channel, self.times, values)
        self.register: Register = plant.meter(self.channel, **meter)
        with plant.red.scope():
            self.tariff: Tariff = create_tariff(
                name=f"T {Tariff.objects.count()}", currency="TRY", now=NOW
            )
        plant.build()

    @property
    def meter(self) -> Meter:
        return Meter.objects.select_related("site").get(id=self.register.meter_id)

    def version(self, definition: dict[str, object], since: str, **others: object) -> None:
        with self.plant.red.scope():
            add_version(
                tariff_id=self.tariff.id, definition=definition, valid_from=day(since),
                **({"now": NOW} | others),
            )  # fmt: skip

    def assign(self, since: str) -> None:
        with self.plant.red.scope():
            assign_tariff(
                site_id=self.plant.site.id, tariff_id=self.tariff.id,
                valid_from=day(since), now=NOW,
            )  # fmt: skip

    def follow(self, now: dt.datetime = NOW) -> None:
        with all_tenants():
            while follow_costs(now=now).is_more:
                pass

    def lines(self, **filters: object) -> list[CostLine]:
        with self.plant.red.scope():
            return list(
                CostLine.objects.filter(meter_id=self.register.meter_id, **filters)
                .select_related("corrects", "period")
                .order_by("day", "component", "id")
            )

    def total(self, **filters: object) -> Decimal:
        return sum((line.amount for line in self.lines(superseded_at=None, **filters)), Decimal(0))

    def close(self, start: str, end: str, now: dt.datetime = NOW) -> BillingPeriod:
        with self.plant.red.scope():
            period = open_period(
                site_id=self.plant.site.id, start=day(start), end=day(end), now=now
            )
            return close_period(period_id=period.id, now=now)
