"""Exports: asked for, made in parts, loaded by their owner only, deleted."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from django.test import Client
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import Channel
from telemetry.exports import runner, service, store
from telemetry.exports.models import ExportJob
from telemetry.exports.tasks import run_exports
from tests.conftest import Team
from tests.exports.conftest import MINUTES

pytestmark = pytest.mark.django_db

URL = "/api/v1/exports"
PERIOD = {"from": "2026-11-01", "to": "2026-11-03"}


def order(client: Client, channel: Channel, **question: Any) -> Any:
    body = {"channel": str(channel.uuid), **PERIOD, **question}
    return client.post(URL, json.dumps(body), content_type="application/json")


def load(client: Client, export_id: str) -> bytes:
    address = client.get(f"{URL}/{export_id}").json()["download_url"]
    return b"".join(client.get(address).streaming_content)


def make(client: Client, channel: Channel, **question: Any) -> bytes:
    made = order(client, channel, **question)
    assert made.status_code == 202, made.content
    run_exports()
    return load(client, made.json()["id"])


def test_gives_every_sample_once_as_csv(browser: Client, power: Channel) -> None:
    text = gzip.decompress(make(browser, power)).decode()

    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [float(row["value"]) for row in rows] == list(map(float, range(MINUTES)))
    assert rows[0]["time"] == "2026-11-01T00:00:00.000Z"
    assert text.count("\ufeff") == text.count("time,device") == 1


def test_gives_buckets_in_columns(browser: Client, power: Channel) -> None:
    text = gzip.decompress(
        make(browser, power, file="csv_wide", interval="1h", agg="min,max")
    ).decode()

    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0][1] == f"{power.device_id} active_power_import (kW) min"
    assert rows[1][1:] == ["0.0", "59.0"]
    assert len(rows) == 49


def test_gives_lines(browser: Client, power: Channel) -> None:
    lines = gzip.decompress(make(browser, power, file="ndjson", interval="1d")).splitlines()

    assert [json.loads(line)["v"] for line in lines] == [719.5, 2159.5]


def test_gives_a_workbook_with_times_and_numbers(browser: Client, power: Channel) -> None:
    book = python_calamine.CalamineWorkbook.from_filelike(
        io.BytesIO(make(browser, power, file="xlsx", interval="1h"))
    )
    rows = book.get_sheet_by_index(0).to_python()

    assert rows[2][0].isoformat() == "2026-11-01T01:00:00"
    assert (rows[1][5], rows[1][6], len(rows)) == (29.5, "good", 49)


@pytest.mark.parametrize("format_", ["csv_long", "ndjson", "xlsx"])
def test_goes_on_after_a_worker_died(
    browser: Client, power: Channel, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The worker is gone in the middle."""

    monkeypatch.setattr(runner, "PART_POINTS", 500)
    whole = make(browser, power, file=format_)
    made = order(browser, power, file=format_).json()
    note, count = runner._note, iter(range(3))

    def die(*args: Any) -> None:
        if next(count, None) is None:
            raise Killed
        note(*args)

    monkeypatch.setattr(runner, "_note", die)
    with pytest.raises(Killed):
        run_exports()
    assert 0 < browser.get(f"{URL}/{made['id']}").json()["progress"] < 1
    monkeypatch.setattr(runner, "_note", note)
    with all_tenants():
        ExportJob.objects.filter(id=made["id"]).update(lease_until=timezone.now() - runner.LEASE)
    run_exports()

    found = load(browser, made["id"])
    if format_ != "xlsx":
        assert gzip.decompress(found) == gzip.decompress(whole)
    assert browser.get(f"{URL}/{made['id']}").json()["rows"] == MINUTES


def test_a_link_is_for_its_owner_and_a_short_time(
    browser: Client, power: Channel, red: Team, client_for: Callable[..., Client]
) -> None:
    made = order(browser, power, interval="1d").json()
    run_exports()
    address = browser.get(f"{URL}/{made['id']}").json()["download_url"]
    colleague = client_for(red.owner)

    assert colleague.get(address).status_code == 404
    assert colleague.get(f"{URL}/{made['id']}").status_code == 404
    assert colleague.get(URL).json()["results"] == []
    assert Client().get(address).status_code == 401
    assert browser.get(address[:-2]).status_code == 404
    assert browser.get(f"{URL}/{made['id']}/file").status_code == 404


def test_a_link_ends(browser: Client, power: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    made = order(browser, power, interval="1d").json()
    run_exports()
    address = browser.get(f"{URL}/{made['id']}").json()["download_url"]
    monkeypatch.setattr(service, "MAX_LINK_AGE", dt.timedelta(seconds=-1))

    assert browser.get(address).status_code == 404


def test_deletes_the_file_with_the_export(browser: Client, power: Channel, folder: Path) -> None:
    made = order(browser, power, interval="1d").json()
    run_exports()

    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
    assert browser.delete(f"{URL}/{made['id']}").status_code == 204
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert browser.get(f"{URL}/{made['id']}").status_code == 404


def test_files_end_after_a_week(browser: Client, power: Channel, folder: Path) -> None:
    order(browser, power, interval="1d")
    run_exports()
    week = runner.KEPT + dt.timedelta(minutes=1)

    assert service.delete_old_exports(now=timezone.now(), kept=runner.KEPT) == 0
    assert service.delete_old_exports(now=timezone.now() + week, kept=runner.KEPT) == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_has_a_quota(browser: Client, power: Channel) -> None:
    answers = [order(browser, power, interval="1d") for _ in range(service.MAX_OPEN + 1)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json()["code"] == "too_many_exports"
    assert int(answers[-1]["Retry-After"]) > 0


def test_refuses_a_question_without_an_answer_at_once(
    browser: Client, power: Channel, blue: Team, client_for: Callable[..., Client]
) -> None:
    assert order(browser, power, interval="1h", unit="kWh").json()["code"] == "unit_not_convertible"
    assert order(browser, power, max_points=5).json()["code"] == "unknown_field"
    assert order(client_for(blue.viewer), power).json()["code"] == "not_found"


def test_says_why_a_workbook_cannot_be_made(
    browser: Client, power: Channel, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("telemetry.exports.writing.MAX_SHEET_ROWS", 100)
    made = order(browser, power, file="xlsx").json()
    run_exports()

    told = browser.get(f"{URL}/{made['id']}").json()
    assert (told["state"], told["error_code"]) == ("failed", "too_many_rows")
    assert store.path_of(ExportJob(id=made["id"], tenant_id=power.tenant_id)).exists() is False
