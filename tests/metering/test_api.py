"""Meters, readings, decisions and explanations by REST."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from metering.models import Meter
from metering.series import QUARTER_US
from telemetry.ingest.batch import to_microseconds
from tests.conftest import Team
from tests.factories import MembershipFactory, MeterFactory
from tests.metering.conftest import NOW, Plant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
START = dt.datetime(2026, 10, 12, 21, tzinfo=dt.UTC)  # midnight in Istanbul
BEGIN = to_microseconds(START)


@pytest.fixture
def api(client_for: Any, red: Team) -> Client:
    """A browser of somebody who may do all with meters."""
    client: Client = client_for(red.owner)
    return client


def count(plant: Plant, values: Any, **wanted: Any) -> Meter:
    """Return a meter whose register stood so at the quarters of the 13th of October."""
    channel = plant.channel()
    register = plant.meter(channel, **wanted)
    plant.store(channel, BEGIN + np.arange(len(values)) * QUARTER_US, values)
    plant.build()
    return register.meter


def send(client: Client, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(f"/api/v1{path}", body, content_type="application/json")


def readings(client: Client, meter: Meter, query: str) -> Any:
    return client.get(f"/api/v1/meters/{meter.id}/readings?{query}")


def test_a_meter_is_made_changed_and_deleted(plant: Plant, api: Client) -> None:
    channel = plant.channel(name="active_energy_import")
    made = send(api, "post", "/meters", {
        "site": str(plant.site.id), "name": "Main", "role": "grid", "most_per_hour": "17.25",
        "sources": [{"device": str(plant.device.id), "metric": channel.name, "initial": "5.5"}],
        "hardware": {"serial": "A-1", "ct_ratio": "80"},
    })  # fmt: skip
    assert made.status_code == 201, made.json()
    path = f"/meters/{made.json()['id']}"

    changed = send(api, "put", path, {"name": "Main 2", "role": "grid"})
    hardware = api.get(f"/api/v1{path}/installations").json()
    gone = api.delete(f"/api/v1{path}")

    assert made.json()["quantities"] == ["import"]
    assert (changed.json()["name"], changed.json()["most_per_hour"]) == ("Main 2", "1000")
    assert hardware[0]["hardware"]["ct_ratio"] == "80.0000"
    assert hardware[0]["feeds"][0]["initial"] == "5.500000"
    assert gone.status_code == 204
    assert api.get(f"/api/v1{path}").status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"site": str(uuid.UUID(int=1))}, "#/site"),
        ({"parent": str(uuid.UUID(int=1))}, "#/parent"),
        ({"terms": [{"meter": str(uuid.UUID(int=1))}]}, "#/terms"),
        ({"sources": [{"device": str(uuid.UUID(int=1)), "metric": "x"}]}, "#/sources/0/metric"),
        ({"accuracy_percent": "0"}, "#/accuracy_percent"),
    ],
)
def test_a_refusal_points_to_what_is_wrong(
    plant: Plant, api: Client, change: dict[str, Any], pointer: str
) -> None:
    answer = send(api, "post", "/meters", {"site": str(plant.site.id), "name": "Main"} | change)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    with plant.red.scope():
        assert not Meter.objects.exists()


def test_steps_follow_the_clock_of_the_site(plant: Plant, api: Client) -> None:
    meter = count(plant, np.arange(193) * 0.25)

    by_day = readings(api, meter, "from=2026-10-13&to=2026-10-15&step=day").json()
    by_hour = readings(api, meter, "from=2026-10-13&to=2026-10-14&step=hour").json()
    by_quarter = readings(api, meter, "from=2026-10-13&to=2026-10-14&step=15m").json()
    by_month = readings(api, meter, "from=2026-10-01&to=2026-11-01&step=month").json()

    assert [row["amount"] for row in by_day["readings"]] == ["24.000000", "24.000000"]
    assert by_day["readings"][0]["start"] == "2026-10-12T21:00:00Z"
    assert {row["amount"] for row in by_hour["readings"]} == {"1.000000"}
    assert [len(one["readings"]) for one in (by_hour, by_quarter, by_month)] == [24, 96, 1]
    quality = by_month["readings"][0]["quality"]
    assert quality["missing"] == pytest.approx(29 / 31, abs=1e-5)
    assert sum(quality.values()) == pytest.approx(1)


def test_a_computed_meter_is_the_sum_of_others(plant: Plant, api: Client) -> None:
    whole = count(plant, np.arange(97) * 0.5, name="Main")
    part = count(plant, np.arange(97) * 0.2, name="Flat")
    with plant.red.scope():
        terms = [{"meter": str(whole.id)}, {"meter": str(part.id), "factor": "-1"}]
    made = send(api, "post", "/meters", {
        "site": str(plant.site.id), "name": "Rest", "terms": terms,
    }).json()  # fmt: skip

    found = api.get(f"/api/v1/meters/{made['id']}/readings?from=2026-10-13&to=2026-10-14&step=day")

    assert found.json()["readings"][0]["amount"] == "28.800000"


def test_what_was_known_then_can_still_be_read(plant: Plant, api: Client) -> None:
    channel = plant.channel()
    meter = plant.meter(channel).meter
    plant.store(channel, BEGIN + np.arange(9) * QUARTER_US, np.arange(9) * 1.0)
    first, later = NOW - dt.timedelta(hours=2), NOW - dt.timedelta(hours=1)
    plant.build(first)
    at = BEGIN + 3 * QUARTER_US + QUARTER_US // 2
    plant.store(channel, [at], [3.9])
    plant.build(later)
    query = "from=2026-10-13&to=2026-10-13T01:00&step=hour"
    quarters = query.replace("hour", "15m")

    then = readings(api, meter, f"{quarters}&as_of={first:%Y-%m-%dT%H:%M:%SZ}").json()
    now = readings(api, meter, quarters).json()
    before = readings(api, meter, f"{query}&as_of=2026-10-01T00:00:00Z").json()

    assert [row["amount"] for row in then["readings"]] == ["1.000000"] * 4
    assert sum(Decimal(row["amount"]) for row in now["readings"]) == 4
    assert before["readings"][0]["amount"] is None
    assert before["readings"][0]["quality"]["missing"] == 1


def test_readings_as_a_table(plant: Plant, api: Client) -> None:
    meter = count(plant, np.arange(5) * 0.25)

    answer = readings(api, meter, "from=2026-10-13&to=2026-10-13T02:00&format=csv&sep=semicolon")

    lines = answer.content.decode().splitlines()
    assert answer["Content-Type"].startswith("text/csv")
    assert lines[0].startswith("start;end;amount;unit;measured")
    assert (
        lines[1] == "2026-10-12T21:00:00Z;2026-10-12T22:00:00Z;1.000000;kWh;1.0;0.0;0.0;0.0;0.0;1"
    )
    assert lines[2].split(";")[2] == ""


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("from=yesterday", "invalid_time"),
        ("from=now&to=now-1d", "empty_period"),
        ("from=2020-01-01&to=2026-01-01&step=15m", "too_many_points"),
        ("interval=1h", "unknown_parameter"),
    ],
)
def test_questions_without_an_answer(plant: Plant, api: Client, query: str, code: str) -> None:
    meter = MeterFactory(site=plant.site)

    answer = readings(api, meter, query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


def test_a_quarantined_jump_is_listed_booked_and_explained(plant: Plant, api: Client) -> None:
    values = np.arange(40) * 0.25
    values[20:] += 5_000
    meter = count(plant, values, most_per_hour=Decimal(20))
    path = f"/meters/{meter.id}"

    [jump] = api.get(f"/api/v1{path}/decisions?kind=jump").json()["results"]
    booked = send(api, "post", f"{path}/bookings", {"decision": jump["id"], "reason": "seen"})
    again = send(api, "post", f"{path}/bookings", {"decision": jump["id"], "reason": "seen"})
    plant.build(timezone.now())
    moment = START + dt.timedelta(minutes=15 * 19)
    found = api.get(f"/api/v1/explain?meter={meter.id}&start={moment:%Y-%m-%dT%H:%M:%SZ}").json()

    assert "are withheld" in jump["text"]
    assert booked.status_code == 201, booked.json()
    assert booked.json()["amount"] == jump["withheld"]
    assert again.json()["code"] == "booked_already"
    assert found["amount"] == "5000.250000"
    assert "= 5000.25 kWh" in found["formula"]
    assert [row["kind"] for row in found["decisions"]] == ["jump"]
    assert len(found["bookings"]) == 1
    assert [row["revision"] for row in found["revisions"]] == [1, 2]
    assert found["revisions"][0]["superseded_at"] is not None
    assert [row["value"] for row in found["samples"]] == [4.5, 4.75, 5005.0]


def test_the_formula_of_every_quarter_adds_up(plant: Plant, api: Client) -> None:
    meter = count(plant, np.concatenate((np.arange(20) * 0.5, np.arange(20) * 0.5)))

    for place in range(39):
        moment = START + dt.timedelta(minutes=15 * place)
        found = api.get(
            f"/api/v1/explain?meter={meter.id}&start={moment:%Y-%m-%dT%H:%M:%SZ}"
        ).json()
        row = found["revisions"][-1]
        begin, end, adjustment, amount = (
            Decimal(row[name]) for name in
            ("begin_register", "end_register", "adjustment", "amount")
        )  # fmt: skip
        assert amount == end - begin + adjustment == Decimal(found["amount"])


def test_who_may_not_see_measurements_sees_no_samples(
    plant: Plant, client_for: Any, red: Team
) -> None:
    meter = count(plant, np.arange(5) * 0.25)
    with red.scope():
        role = Role.objects.create(name="Meter reader", codes=["read:meter"])
    reader = MembershipFactory(tenant=red.tenant, role="", custom_role=role).user
    moment = f"{START:%Y-%m-%dT%H:%M:%SZ}"

    found = client_for(reader).get(f"/api/v1/explain?meter={meter.id}&start={moment}")

    assert (found.json()["amount"], found.json()["samples"]) == ("0.250000", [])


def test_a_change_of_meters_goes_on_with_the_new_register(plant: Plant, api: Client) -> None:
    old, new = plant.channel(), plant.channel()
    meter = plant.meter(old).meter
    plant.store(old, BEGIN + np.arange(5) * QUARTER_US, 100 + np.arange(5) * 1.0)
    plant.store(new, BEGIN + np.arange(4, 9) * QUARTER_US, 7 + np.arange(5) * 1.0)
    moment = f"{START + dt.timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"

    answer = send(api, "post", f"/meters/{meter.id}/installations", {
        "removed_at": moment, "finals": [{"register": "104"}], "hardware": {"serial": "B-2"},
        "sources": [{"device": str(plant.device.id), "metric": new.name, "initial": "7"}],
    })  # fmt: skip
    plant.build()

    assert answer.status_code == 201, answer.json()
    found = readings(api, meter, "from=2026-10-13&to=2026-10-13T02:00&step=hour").json()
    assert [row["amount"] for row in found["readings"]] == ["4.000000", "4.000000"]


def test_what_was_counted_is_deleted_on_purpose_only(plant: Plant, api: Client) -> None:
    meter = count(plant, np.arange(5) * 0.25)

    refused = api.delete(f"/api/v1/meters/{meter.id}")
    done = api.delete(f"/api/v1/meters/{meter.id}?with_ledger=true")

    assert (refused.status_code, refused.json()["code"]) == (409, "has_ledger")
    assert done.status_code == 204
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM metering_interval)")
        assert cursor.fetchone() == (0,)


def test_strangers_get_404(plant: Plant, client_for: Any, blue: Team) -> None:
    meter = count(plant, np.arange(40) * 0.25)
    stranger = client_for(blue.owner)

    for path in ("", "/readings", "/decisions", "/bookings", "/installations"):
        assert stranger.get(f"/api/v1/meters/{meter.id}{path}").status_code == 404
    explain = f"/api/v1/explain?meter={meter.id}&start={START:%Y-%m-%dT%H:%M:%SZ}"
    assert stranger.get(explain).status_code == 404
    assert stranger.get("/api/v1/meters").json()["results"] == []


def test_a_list_costs_the_same_at_any_size(plant: Plant, api: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert api.get("/api/v1/meters?limit=50").status_code == 200
        return len(caught)

    MeterFactory(site=plant.site)
    queries()
    few = queries()
    for _ in range(20):
        MeterFactory(site=plant.site)

    assert queries() == few
