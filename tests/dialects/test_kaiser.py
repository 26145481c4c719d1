"""kaiser/…/sensor/{gpio}/data through the worker: S3.7, S3.16 to S3.18, S3.39."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from accounts.tenancy import all_tenants
from devices.downlink import is_down
from devices.models import Channel, OutboundMessage
from telemetry.quality import Quality
from tests.dialects.conftest import Nodes
from tests.ingest.conftest import START

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())
TWO_POINT = {
    "method": "two_point", "raw_low": 1500, "value_low": 4.0, "raw_high": 2500, "value_high": 8.0
}  # fmt: skip
PH = {"gpio": 34, "type": "ph", "unit": "pH", "calculation": TWO_POINT}


def answers() -> list[dict[str, Any]]:
    with all_tenants():
        rows = OutboundMessage.objects.filter(topic__endswith="/processed").order_by("id")
        return [{"topic": row.topic, **json.loads(bytes(row.payload))} for row in rows]


def test_stores_a_value_under_its_pin_and_unit(nodes: Nodes) -> None:
    nodes.measure(
        4,
        ts=T0,
        esp_id="ESP_12AB34CD",
        gpio=4,
        sensor_type="DS18B20",
        value=70.7,
        unit="°F",
        quality="good",
    )

    assert nodes.bench.samples() == [("ds18b20_gpio4", 0, pytest.approx(21.5), 0)]
    with all_tenants():
        channel = Channel.objects.get(name="ds18b20_gpio4")
    assert (channel.unit, channel.source_unit, channel.source) == ("Cel", "Cel", "4/ds18b20")
    assert nodes.bench.reasons() == []


def test_calculates_and_tells_the_device(nodes: Nodes) -> None:
    nodes.configure(PH)

    nodes.measure(34, ts=T0, sensor_type="ph", raw=2150, raw_mode=True)

    assert nodes.bench.samples() == [("ph_gpio34", 0, 6.6, 0), ("ph_gpio34_raw", 0, 2150, 0)]
    assert answers() == [
        {
            "topic": "kaiser/gw-1/esp/ESP_12AB34CD/sensor/34/processed",
            "ts": T0,
            "gpio": 34,
            "sensor_type": "ph",
            "raw": 2150.0,
            "value": 6.6,
            "unit": "pH",
            "quality": "good",
        }
    ]
    assert is_down("kaiser/gw-1/esp/ESP_12AB34CD/sensor/34/processed")


def test_takes_the_newest_configuration(nodes: Nodes) -> None:
    nodes.configure(PH)
    nodes.configure(
        {**PH, "calculation": {"method": "linear", "slope": 0.01, "offset": -1}}, revision=2
    )

    nodes.measure(34, ts=T0, sensor_type="ph", raw=800)

    assert nodes.bench.samples()[0] == ("ph_gpio34", 0, 7.0, 0)


def test_marks_what_could_not_be_calculated_as_bad(nodes: Nodes) -> None:
    broken = {**TWO_POINT, "raw_high": 1500}
    nodes.configure({**PH, "calculation": broken})

    nodes.measure(34, ts=T0, sensor_type="ph", raw=2150, raw_mode=True)

    assert nodes.bench.samples() == [
        ("ph_gpio34", 0, 2150, Quality.BAD),
        ("ph_gpio34_raw", 0, 2150, Quality.GOOD),
    ]
    [answer] = answers()
    assert (answer["quality"], "value" in answer) == ("error", False)
    assert "same raw number" in answer["error"]


def test_stores_a_raw_number_without_configuration(nodes: Nodes) -> None:
    nodes.measure(34, ts=T0, sensor_type="ph", raw=2150, value=0.0, raw_mode=True)

    assert nodes.bench.samples() == [("ph_gpio34_raw", 0, 2150, 0)]
    assert answers() == []


def test_leaves_out_what_is_switched_off(nodes: Nodes) -> None:
    nodes.configure({**PH, "enhanced": False})

    nodes.measure(34, ts=T0, sensor_type="ph", raw=2150, value=6.4)

    assert nodes.bench.samples() == [("ph_gpio34", 0, 6.4, 0), ("ph_gpio34_raw", 0, 2150, 0)]
    assert answers() == []


def test_brings_a_value_to_25_degrees_by_the_sensor_beside_it(nodes: Nodes) -> None:
    ec = {
        "gpio": 35, "type": "ec", "unit": "mS/cm",
        "calculation": {"method": "linear", "slope": 0.001, "compensation": "ec",
                        "coefficient": 0.02, "temperature_gpio": 4},
    }  # fmt: skip
    nodes.configure(ec)

    nodes.measure(35, ts=T0, sensor_type="ec", raw=1100)
    nodes.measure(4, ts=T0 + 1, sensor_type="ds18b20", value=30, unit="°C")
    nodes.measure(35, ts=T0 + 2, sensor_type="ec", raw=1100)

    values = [row for row in nodes.bench.samples() if row[0] == "ec_gpio35"]
    assert values == [("ec_gpio35", 0, 1.1, Quality.UNCERTAIN), ("ec_gpio35", 2, 1.0, Quality.GOOD)]


def test_knows_the_temperature_again_after_a_restart(nodes: Nodes) -> None:
    nodes.configure(
        {**PH, "calculation": {**TWO_POINT, "compensation": "ph", "temperature_gpio": 4}}
    )
    nodes.measure(4, ts=T0, sensor_type="ds18b20", value=40, unit="°C")
    nodes.bench.worker.close()
    nodes.bench.worker = nodes.bench.make_worker("worker-2")

    nodes.measure(34, ts=T0 + 1, sensor_type="ph", raw=2500)

    found = dict((row[0], row[2:]) for row in nodes.bench.samples())
    assert found["ph_gpio34"] == (pytest.approx(7 + 298.15 / 313.15), Quality.GOOD)


def test_does_not_answer_for_what_came_long_ago(nodes: Nodes) -> None:
    nodes.configure(PH)
    topic = f"kaiser/gw-1/esp/{nodes.esp.uid}/sensor/34/data"
    document = {"ts": T0, "sensor_type": "ph", "raw": 2150}
    nodes.bench.buffer.append([nodes.bench.envelope(document, topic=topic)])
    nodes.bench.now += dt.timedelta(minutes=2)

    nodes.bench.drain()

    assert len(nodes.bench.samples()) == 2
    assert answers() == []


@pytest.mark.parametrize(
    ("said", "quality"),
    [("good", 0), ("poor", 1), ("stale", 1), ("error", 2), ("", 0), ("whatever", 1)],
)
def test_keeps_what_the_device_says_of_quality(nodes: Nodes, said: str, quality: int) -> None:
    nodes.measure(4, ts=T0, sensor_type="light", value=3, quality=said)

    assert nodes.bench.samples() == [("light_gpio4", 0, 3, quality)]


@pytest.mark.parametrize(
    ("gpio", "document", "reason"),
    [
        (4, {"value": 1}, "missing_field"),
        (4, {"sensor_type": "ph"}, "missing_field"),
        (4, {"sensor_type": "p h", "value": 1}, "bad_sensor_type"),
        (4, {"sensor_type": "ph", "value": "1"}, "not_a_number"),
        (4, {"sensor_type": "ph", "value": 1, "gpio": 5}, "bad_pin"),
        (999, {"sensor_type": "ph", "value": 1}, "bad_pin"),
        (4, {"sensor_type": "ph", "value": 1, "esp_id": "ESP_other"}, "unexpected_device"),
        (4, [1], "bad_payload"),
        (4, b"{", "bad_payload"),
        (4, b"", "empty"),
        (4, b'{"sensor_type": "ph", "value": NaN}', "not_finite"),
    ],
)
def test_refuses_with_a_reason(nodes: Nodes, gpio: int, document: Any, reason: str) -> None:
    nodes.bench.send(document, topic=f"kaiser/gw-1/esp/{nodes.esp.uid}/sensor/{gpio}/data")
    nodes.bench.drain()

    assert nodes.bench.reasons() == [reason]
    assert nodes.bench.samples() == []


def test_values_in_the_standard_form_are_no_kaiser_reading(nodes: Nodes) -> None:
    nodes.measure(4, ts=T0, values={"power": 5})

    assert nodes.bench.reasons() == ["missing_field"]
