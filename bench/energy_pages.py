"""The page of a year, in energy, money and CO₂, and a report, of a site with fifty meters."""

from __future__ import annotations

import datetime as dt
import io
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.test import Client

from accounts.models import Tenant, User
from accounts.tenancy import all_tenants, tenant_scope
from bench.resources import tree_seconds
from devices.models import Site
from metering.models import CostLine, Meter, Register, Role
from metering.services.cost_rebuilds import rebuild_costs
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from reports.content.build import build_document
from reports.content.question import ReportQuestion
from reports.models.template import ReportFormat, ReportKind
from reports.services.making import write_document

METERS = 50
WARM_UP = 3
LIMIT_MS = 300.0
_DAY = dt.timedelta(days=1)
_TARIFF = {
    "components": [
        {"kind": "time_of_use", "name": "energy", "default": "day",
         "bands": [{"name": "day", "price": "2.78"}, {"name": "peak", "price": "4.36"},
                   {"name": "night", "price": "1.71"}],
         "rules": [{"band": "peak", "from": "17:00", "to": "22:00"},
                   {"band": "night", "from": "22:00", "to": "06:00"}]},
        {"kind": "flat", "name": "distribution", "price": "0.92"},
        {"kind": "demand", "name": "power", "price": "118", "per": "month"},
        {"kind": "percent", "name": "consumption tax", "percent": "5", "on": ["energy"]},
        {"kind": "percent", "name": "vat", "percent": "20"},
    ],
    "co2": {"grams_per_kwh": "434"},
}  # fmt: skip


def measure_pages(
    registers: Sequence[int], *, email: str, rounds: int, now: dt.datetime
) -> dict[str, Any]:
    """Put meters whose year is built on a site of their own; return the times of each case.

    Args: email: of somebody who may read the meters of these registers.
    """
    site = _move(registers[:METERS])
    client = Client(SERVER_NAME="127.0.0.1")
    person = User.objects.get(email=email)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    load = [round(value, 2) for value in os.getloadavg()]
    cases = [_measure(name, case, rounds) for name, case in _cases(client, site, now=now).items()]
    lines = _price(site, now=now)
    priced = _priced_cases(client, site, now=now)
    cases += [_measure(name, case, rounds) for name, case in priced.items()]
    return {
        "meters": METERS, "cost_lines": lines, "load_average_before": load, "cases": cases,
        "is_met": all(case["is_met"] for case in cases),
    }  # fmt: skip


def print_pages(figures: dict[str, Any]) -> None:
    """Print a line for each case."""
    load = ", ".join(map(str, figures["load_average_before"]))
    print(f"\na site of {figures['meters']} meters, {figures['cost_lines']:,} cost lines; "
          f"load of the machine before: {load}")  # fmt: skip
    print(f"{'':<30}{'p50':>9}{'p95':>9}{'CPU':>9}{'at most':>9}{'p95 is':>9}")
    for case in figures["cases"]:
        print(
            f"{case['name']:<30}{case['p50_ms']:>9.1f}{case['p95_ms']:>9.1f}"
            f"{case['cpu_ms']:>9.1f}{LIMIT_MS:>9.0f}{case['p95_ms'] / LIMIT_MS:>9.0%}"
            f"{'' if case['is_met'] else '  MISSED'}"
        )
    print("milliseconds of the server; CPU: of Python and PostgreSQL for one answer")


def _move(registers: Sequence[int]) -> Site:
    """Give meters a site, where one is the connection and the others lie behind it."""
    with all_tenants():
        meters = list(Meter.objects.filter(registers__in=registers).order_by("name"))
    with tenant_scope(meters[0].tenant_id):
        zone = Site.objects.values_list("timezone", flat=True).get(id=meters[0].site_id)
        site = Site.objects.create(
            tenant_id=meters[0].tenant_id, name="Fifty meters", timezone=zone
        )
        ids = [meter.id for meter in meters]
        Meter.objects.filter(id__in=ids).update(site=site)
        Meter.objects.filter(id__in=ids[1:]).update(parent=ids[0])
        Meter.objects.filter(id=ids[0]).update(role="grid")
        assert Register.objects.filter(meter__site=site).count() == len(registers)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return site


def _price(site: Site, *, now: dt.datetime) -> int:
    """Have each of the meters billed, and their costs of two years computed; return the lines."""
    start = dt.date(now.year - 1, 1, 1)
    with tenant_scope(site.tenant_id):
        Meter.objects.filter(site=site).update(parent=None, role=Role.LOAD)
        tariff = create_tariff(name="Fifty", currency="TRY", now=now)
        add_version(tariff_id=tariff.id, definition=_TARIFF, valid_from=start, now=now)
        assign_tariff(site_id=site.id, tariff_id=tariff.id, valid_from=start, now=now)
        for _part in rebuild_costs(start=start, end=now.date() + _DAY, now=now):
            pass
        lines = CostLine.objects.filter(meter__site=site).count()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return lines


def _cases(client: Client, site: Site, *, now: dt.datetime) -> dict[str, Callable[[], object]]:
    month = (now.replace(day=1) - dt.timedelta(days=1)).date()
    return {
        "page of the year": lambda: _page(client, site, now),
        "its JSON": lambda: _answer(client, site, now),
        "report of a month": lambda: _report(site, month, now=now),
    }


def _priced_cases(
    client: Client, site: Site, *, now: dt.datetime
) -> dict[str, Callable[[], object]]:
    return {
        "page of the year in money": lambda: _page(client, site, now, show="cost"),
        "page of the year in CO2": lambda: _page(client, site, now, show="co2"),
        "JSON with both": lambda: _answer(client, site, now, include="cost,co2"),
    }


def _page(client: Client, site: Site, now: dt.datetime, **params: str) -> object:
    return _get(client, "/energy", site=str(site.id), period="year", date=str(now.year), **params)


def _answer(client: Client, site: Site, now: dt.datetime, **params: str) -> object:
    scope = f"site:{site.id}"
    address = "/api/v1/energy/summary"
    return _get(client, address, scope=scope, period="year", date=str(now.year), **params)


def _get(client: Client, url: str, **params: str) -> object:
    response = client.get(url, params)
    if response.status_code != 200:
        raise RuntimeError(response.content[:300])
    return response


def _report(site: Site, last_day: dt.date, *, now: dt.datetime) -> int:
    """Build the report of the consumption of a month, and write it as CSV."""
    question = ReportQuestion(
        title="Month", kind=ReportKind.CONSUMPTION, site_id=site.id,
        first_day=last_day.replace(day=1), last_day=last_day, format=ReportFormat.CSV_WIDE,
    )  # fmt: skip
    with tenant_scope(site.tenant_id):
        name = Tenant.objects.values_list("name", flat=True).get(id=site.tenant_id)
        document = build_document(question, organisation=name, now=now)
        file = io.BytesIO()
        write_document(document, question, file)
    return len(file.getvalue())


def _measure(name: str, case: Callable[[], object], rounds: int) -> dict[str, Any]:
    for _ in range(WARM_UP):
        case()
    times, used = [], _cpu()
    for _ in range(rounds):
        began = time.perf_counter()
        case()
        times.append((time.perf_counter() - began) * 1000)
    used = _cpu() - used
    cuts = statistics.quantiles(times, n=100)
    return {
        "name": name, "p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1),
        "cpu_ms": round(used / rounds * 1000, 1), "is_met": cuts[94] <= LIMIT_MS,
    }  # fmt: skip


def _cpu() -> float:
    connection.ensure_connection()
    return time.process_time() + tree_seconds(connection.connection.info.backend_pid)
