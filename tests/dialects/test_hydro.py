"""hydro/{gh}/{zone}/{node}/{channel}/telemetry through the worker: S4.1, S4R.1."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Channel
from tests.dialects.conftest import Nodes
from tests.frames.realdata import expectations, needs_realdata, payload
from tests.ingest.conftest import START

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


def message(**more: Any) -> dict[str, Any]:
    return {"metric_type": "PH", "value": 6.5, "ts": T0, **more}


def test_stores_a_full_message(nodes: Nodes) -> None:
    nodes.tell("ph_sensor", message(unit="pH", raw=1465, stub=False, stable=True))

    assert nodes.bench.samples() == [("ph_sensor_ph", 0, 6.5, 0)]
    with all_tenants():
        channel = Channel.objects.get(name="ph_sensor_ph")
    assert (channel.unit, channel.source) == ("pH", "ph_sensor/PH")


@pytest.mark.parametrize(
    ("more", "quality"),
    [({}, 0), ({"stub": True}, 1), ({"stable": False}, 1), ({"stable": True, "stub": False}, 0)],
)
def test_doubts_what_is_simulated_or_unsettled(nodes: Nodes, more: Any, quality: int) -> None:
    nodes.tell("PH", message(**more))

    assert nodes.bench.samples() == [("ph", 0, 6.5, quality)]


def test_keeps_two_metrics_of_a_channel_apart(nodes: Nodes) -> None:
    nodes.tell("climate", message(metric_type="TEMPERATURE", unit="C"))
    nodes.tell("climate", message(metric_type="HUMIDITY", value=55, unit="%"))

    assert nodes.bench.samples() == [
        ("climate_humidity", 0, 55, 0),
        ("climate_temperature", 0, 6.5, 0),
    ]


def test_converts_a_unit_once_whatever_the_message_has(nodes: Nodes) -> None:
    nodes.tell("ec", message(metric_type="EC", value=1200, unit="uS/cm"))
    nodes.tell("ec", message(metric_type="EC", value=1.3, unit="mS/cm", ts=T0 + 1))

    assert [row[2] for row in nodes.bench.samples()] == [pytest.approx(1.2), 1.3]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"value": 6.5, "ts": T0}, "missing_field"),
        ({"metric_type": "PH", "ts": T0}, "missing_field"),
        ({"metric_type": "PH", "value": 6.5}, "missing_field"),
        (message(metric_type="ph"), "bad_metric"),
        (message(metric_type=5), "bad_metric"),
        (message(value="6.5"), "not_a_number"),
        (message(ts=T0 * 1000), "bad_time"),
        (message(ts="2026-11-20T12:00:00Z"), "bad_time"),
        (message(ts=T0 + 3600), "time_in_future"),
        (b"[]", "bad_payload"),
    ],
)
def test_refuses_with_a_reason(nodes: Nodes, document: Any, reason: str) -> None:
    nodes.tell("ph", document)

    assert nodes.bench.reasons() == [reason]
    assert nodes.bench.samples() == []


def test_an_unknown_node_waits_for_its_registration(nodes: Nodes) -> None:
    nodes.bench.send(message(), topic="hydro/gw-1/zone-1/nd-other/PH/telemetry")
    nodes.bench.send(message(), topic="hydro/gw-9/zone-1/nd-ph-1/PH/telemetry")
    nodes.bench.drain()

    assert nodes.bench.reasons() == ["unknown_device", "unknown_gateway"]


@needs_realdata
@pytest.mark.parametrize(("family", "file", "expected"), [*expectations("seed-hydro2.0")])
def test_stores_what_the_seed_system_sent(
    nodes: Nodes, family: str, file: str, expected: dict[str, Any]
) -> None:
    [wanted] = expected["expect"]

    nodes.tell(wanted["channel"], payload(family, file))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.name, c.unit, s.time, s.value FROM telemetry_sample s"
            " JOIN devices_channel c ON c.id = s.channel_id"
        )
        [(name, unit, time, value)] = cursor.fetchall()
    assert (name, value) == (wanted["quantity"], wanted["value"])
    assert time == dt.datetime.fromisoformat(expected["time"]["utc"])
    assert {"": "", "1": "count"}.get(unit, unit) in (wanted["unit"], "")
