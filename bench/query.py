"""`./run bench query`: how fast questions about a year of fifty channels are answered."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.tenancy import tenant_scope
from bench.fleet import DatabaseInUse
from bench.resources import tree_seconds
from bench.year import CHANNELS, Year, fill_year
from devices.models import Channel, Kind
from telemetry.questions import Question
from telemetry.series import answer_question

WARM_UP = 3
URL = "/api/v1/telemetry/query"


@dataclass(frozen=True, slots=True)
class Case:
    """A question with the time that 95 of 100 answers may take."""

    name: str
    limit_ms: float
    question: Question


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    options = _options(arguments)
    logging.disable(logging.INFO)  # a line for each request is not what is measured
    now = timezone.now().replace(microsecond=0)
    began = time.perf_counter()
    try:
        year = fill_year(rows=options.rows, now=now)
    except DatabaseInUse as error:
        print(error, file=sys.stderr)
        return 2
    seeding = time.perf_counter() - began
    figures = {
        "rows": options.rows, "seeding_seconds": round(seeding, 1),
        "cases": [measure(case, year, options.rounds) for case in _cases(year.channels)],
    }  # fmt: skip
    _print(figures)
    print(f"\n{json.dumps(figures)}")
    return 0 if all(case["is_met"] for case in figures["cases"]) else 1  # type: ignore[attr-defined]


def measure(case: Case, year: Year, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of the answer alone and of the whole request with its JSON."""
    client = Client(SERVER_NAME="127.0.0.1", headers={"Accept": "application/json"})
    client.force_login(year.person, backend="django.contrib.auth.backends.ModelBackend")
    body = json.dumps(_body(case.question))
    longest = dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS)

    def answer() -> Any:
        with tenant_scope(year.tenant.id):
            return answer_question(
                tenant_id=year.tenant.id, question=case.question, now=year.now, longest=longest
            )

    def request() -> Any:
        response = client.post(URL, body, content_type="application/json")
        if response.status_code != 200:
            raise RuntimeError(response.content[:300])
        return response

    found = answer()
    points = sum(len(series.t) for series in found.series)
    used = _cpu_seconds()
    alone = _times(answer, rounds)
    used = _cpu_seconds() - used
    whole = _times(request, rounds)
    return {
        "name": case.name, "source": found.source, "interval": found.interval, "points": points,
        "answer_p50_ms": _percentile(alone, 50), "answer_p95_ms": _percentile(alone, 95),
        "answer_cpu_ms": round(used / (rounds + WARM_UP) * 1000, 2),
        "request_p50_ms": _percentile(whole, 50), "request_p95_ms": _percentile(whole, 95),
        "limit_ms": case.limit_ms, "is_met": _percentile(alone, 95) <= case.limit_ms,
    }  # fmt: skip


def _cpu_seconds() -> float:
    """Return what this process and its backend of PostgreSQL have used."""
    return time.process_time() + tree_seconds(connection.connection.info.backend_pid)


def _times(what: Callable[[], Any], rounds: int) -> list[float]:
    for _ in range(WARM_UP):
        what()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        what()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _percentile(times: Sequence[float], share: int) -> float:
    return round(statistics.quantiles(times, n=100)[share - 1], 2)


def _cases(channels: Sequence[Channel]) -> list[Case]:
    power = [channel for channel in channels if channel.kind != Kind.COUNTER]
    counter = next(channel for channel in channels if channel.kind == Kind.COUNTER)
    return [
        Case("last 24 h of one channel", 15, _question(power[:1], "now-24h", "now", "avg,min,max")),
        Case("a year of daily kWh", 20, _question([counter], "now-1y/d", "now/d", "delta", "1d")),
        Case("50 channels x 30 days", 200, _question(channels, "now-30d", "now", "avg")),
    ]


def _question(
    channels: Sequence[Channel], start: str, end: str, aggregates: str, interval: str = "auto"
) -> Question:
    return Question(
        device_ids=(), metrics=(), channel_ids=[channel.uuid for channel in channels],
        start=start, end=end, interval=interval, aggregates=aggregates.split(","),
    )  # fmt: skip


def _body(question: Question) -> dict[str, Any]:
    return {
        "channel": [str(id_) for id_ in question.channel_ids], "from": question.start,
        "to": question.end, "interval": question.interval, "agg": list(question.aggregates),
    }  # fmt: skip


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['rows']:,} samples of {CHANNELS} channels in a year; "
          f"filled in {figures['seeding_seconds']} s\n")  # fmt: skip
    print(f"{'':<28}{'from':>6}{'points':>8}{'answer p50':>12}{'p95':>8}{'CPU':>8}"
          f"{'request p50':>13}{'p95':>8}{'at most':>9}")  # fmt: skip
    for case in figures["cases"]:
        print(
            f"{case['name']:<28}{case['source']:>6}{case['points']:>8,}"
            f"{case['answer_p50_ms']:>12.1f}{case['answer_p95_ms']:>8.1f}"
            f"{case['answer_cpu_ms']:>8.1f}"
            f"{case['request_p50_ms']:>13.1f}{case['request_p95_ms']:>8.1f}"
            f"{case['limit_ms']:>9.0f}{'' if case['is_met'] else '  MISSED'}"
        )
    print(
        "\nmilliseconds; the answer is held to the limit, the request adds sign-in and JSON."
        "\nCPU: of Python and PostgreSQL for an answer, whatever else the machine does"
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench query", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=100, help="of each question")
    return parser.parse_args(arguments)
