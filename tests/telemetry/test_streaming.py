"""Raw samples as CSV and NDJSON come whole, in bounded memory, and stop with who reads them."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import connection
from django.test import Client

from devices.models import Channel
from energy.asgi import application
from telemetry import streaming
from telemetry.ingest.batch import SAMPLE_DTYPE, to_microseconds
from telemetry.ingest.store import copy_buffer
from telemetry.partitions import WEEK, ensure_partitions, week_of
from telemetry.quality import Quality
from telemetry.storage.packer import keep_days
from tests.conftest import Team
from tests.factories import ChannelFactory
from tests.telemetry.asking import DAY, QUARTER, URL, ask
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db

COPY = "COPY telemetry_sample (channel_id, time, value, quality) FROM STDIN (FORMAT BINARY)"
SECOND = dt.timedelta(seconds=1)


def many(channel: Channel, rows: int, *, packed: int = 0) -> None:
    """Store so many samples a second apart from `DAY` on; the first ones packed."""
    batch = np.zeros(rows, dtype=SAMPLE_DTYPE)
    batch["channel"] = channel.id
    batch["time"] = to_microseconds(DAY) + np.arange(rows) * 1_000_000
    batch["value"] = np.arange(rows)
    weeks = {week_of(DAY) + n * WEEK for n in range(-(-rows * SECOND // WEEK) + 1)}
    ensure_partitions(weeks, now=DAY)
    with connection.cursor() as cursor:
        keep_days(cursor, batch[:packed], DAY)
        with cursor.copy(COPY) as copy:
            copy.write(copy_buffer(batch[packed:]))


def streamed(client: Client, channels: list[Channel], **params: Any) -> bytes:
    ids = ",".join(str(channel.uuid) for channel in channels)
    response = client.get(URL, {"channel": ids, "interval": "raw", **params})
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response)


@pytest.fixture
def pieces_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PIECE_ROWS", 3)


@pytest.mark.usefixtures("pieces_of_three")
def test_no_sample_is_lost_or_twice_where_pieces_meet(browser: Client, power: Channel) -> None:
    other = ChannelFactory(device=power.device, name="voltage_l1", unit="V")
    store_samples(
        other, [*every(QUARTER, DAY, [230.0, 231.0]), (DAY + 2 * QUARTER, -1.0, Quality.BAD)]
    )
    period = {"from": "2026-10-25T00:00Z", "to": "2026-10-25T02:00Z"}

    lines = [orjson.loads(line) for line in
             streamed(browser, [power, other], format="ndjson", **period).splitlines()]  # fmt: skip

    start = to_microseconds(DAY) // 1000
    assert [(line["metric"], line["t"] - start, line["v"], line["q"]) for line in lines] == [
        *(("active_power_import", n * 900_000, 2.0, "good") for n in range(8)),
        ("voltage_l1", 0, 230.0, "good"),
        ("voltage_l1", 900_000, 231.0, "good"),
        ("voltage_l1", 1_800_000, -1.0, "bad"),
    ]
    assert lines[0]["device"] == str(power.device_id)
    assert (lines[0]["unit"], lines[0]["agg"]) == ("kW", "raw")


@pytest.mark.usefixtures("pieces_of_three")
def test_a_table_has_one_header_and_the_unit_asked_for(browser: Client, power: Channel) -> None:
    period = {"from": "2026-10-25T00:00Z", "to": "2026-10-25T01:15Z"}

    body = streamed(browser, [power], format="csv", sep="semicolon", bom="true", unit="W", **period)

    header, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=";")
    assert body.startswith(b"\xef\xbb\xbf")
    assert header == ["time", "device", "metric", "agg", "unit", "value", "quality"]
    assert [row[0] for row in rows] == [
        f"2026-10-25T{n // 4:02}:{n % 4 * 15:02}:00.000Z" for n in range(5)
    ]
    assert {tuple(row[2:]) for row in rows} == {
        ("active_power_import", "raw", "W", "2000.0", "good")
    }


def test_a_wide_table_is_not_streamed_and_keeps_its_limit(browser: Client, power: Channel) -> None:
    day = {"from": "2026-10-25", "to": "2026-10-26", "interval": "raw", "layout": "wide"}

    assert ask(browser, power, **day, format="csv", max_points=99).status_code == 400
    assert not ask(browser, power, **day, format="csv").streaming


def test_refusals_come_before_the_first_byte(browser: Client, power: Channel) -> None:
    refused = ask(browser, power, interval="raw", agg="avg", format="ndjson")

    assert (refused.status_code, refused.json()["code"]) == (400, "aggregate_not_applicable")


def test_another_tenants_samples_are_not_streamed(
    blue: Team, power: Channel, client_for: Callable[..., Client]
) -> None:
    response = ask(client_for(blue.viewer), power, interval="raw", format="ndjson")

    assert response.status_code == 404


def peak_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def test_a_million_samples_need_the_memory_of_a_piece(browser: Client, power: Channel) -> None:
    rows = 1_000_000
    other = ChannelFactory(device=power.device, name="voltage_l1", unit="V")
    many(other, rows, packed=5 * 86_400)
    url = f"{URL}?channel={other.uuid}&interval=raw&format=ndjson&from=2026-10-25T00:00Z&to=now"
    response = browser.get(url)

    before = counted = total = 0
    for number, piece in enumerate(response):
        counted += piece.count(b"\n")
        total += len(piece)
        if number == 5:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
            before = peak_kib("VmRSS")

    assert counted == rows
    assert total > 130_000_000
    assert peak_kib("VmHWM") - before < 50_000


@pytest.mark.django_db(transaction=True)
def test_who_goes_away_stops_the_reading(
    red: Team, browser: Client, power: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ChannelFactory(device=power.device, name="voltage_l1", unit="V")
    many(other, 3_000)
    reads = []
    read = streaming.read_samples
    monkeypatch.setattr(streaming, "PIECE_ROWS", 10)
    monkeypatch.setattr(
        streaming, "read_samples", lambda **asked: reads.append(asked) or read(**asked)
    )
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value

    async def leave_after(pieces: int) -> None:
        query = f"channel={other.uuid}&interval=raw&format=ndjson&from=2026-10-25T00:00Z&to=now"
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": URL,
            "query_string": query.encode(), "server": ("testserver", 80), "scheme": "http",
            "headers": [(b"host", b"testserver"),
                        (b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())],
        }  # fmt: skip
        link = ApplicationCommunicator(application, scope)
        await link.send_input({"type": "http.request"})
        assert (await link.receive_output(60))["status"] == 200
        for _ in range(pieces):
            message = await link.receive_output(60)
            assert message["body"].count(b"\n") == 10
        await link.send_input({"type": "http.disconnect"})
        await link.wait(60)
        await asyncio.sleep(0.2)

    async_to_sync(leave_after)(2)

    assert 2 <= len(reads) < 100
