"""Who may ask /api/v1/telemetry/query, and what has no answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from devices.models import Channel
from telemetry import api
from telemetry.queries import QueryTooSlow
from tests.conftest import Team
from tests.factories import ChannelFactory
from tests.telemetry.asking import DAY, QUARTER, URL, ask
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("params", "status", "code", "pointer"),
    [
        ({"startTS": "5"}, 400, "unknown_parameter", "?startTS"),
        ({"metric": "nonsense"}, 404, "unknown_metric", "?metric"),
        ({"metric": "a" * 65}, 400, "invalid_request", "?metric/0"),
        ({"metric": ""}, 400, "invalid_request", "?metric"),
        ({"device": "red"}, 400, "invalid_request", "?device/0"),
        ({"device": str(uuid.uuid4())}, 404, "not_found", "?device"),
        ({"from": "yesterday"}, 400, "invalid_time", "?from"),
        ({"to": "2300-01-01"}, 400, "time_out_of_range", "?to"),
        ({"from": "now", "to": "now-1h"}, 400, "invalid_period", "?from"),
        ({"tz": "Mars/Olympus"}, 400, "unknown_timezone", "?tz"),
        ({"interval": "7m"}, 400, "invalid_request", "?interval"),
        ({"agg": "median"}, 400, "invalid_request", "?agg/0"),
        ({"max_points": "10001"}, 400, "invalid_request", "?max_points"),
        ({"format": "xml"}, 400, "invalid_request", "?format"),
        ({"max_points": "0"}, 400, "invalid_request", "?max_points"),
        ({"interval": "raw", "agg": "avg"}, 400, "aggregate_not_applicable", "?agg"),
        ({"interval": "raw", "fill": "null"}, 400, "fill_not_applicable", "?fill"),
        ({"agg": "energy", "fill": "linear"}, 400, "fill_not_applicable", "?fill"),
        ({"unit": "kWh"}, 400, "unit_not_convertible", "?unit"),
        ({"unit": "furlong"}, 400, "unit_not_convertible", "?unit"),
        ({"interval": "1m", "from": "2026-01-01", "to": "2026-02-01"}, 400, "too_many_points",
         "?interval"),
    ],
)  # fmt: skip
def test_refuses_with_a_code_and_the_parameter(
    browser: Client, power: Channel, params: dict[str, str], status: int, code: str, pointer: str
) -> None:
    response = ask(browser, power, **params)

    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code)
    assert problem["errors"][0]["pointer"] == pointer
    assert response["Content-Type"] == "application/problem+json"


def test_refuses_a_parameter_given_twice(browser: Client, power: Channel) -> None:
    response = browser.get(f"{URL}?device={power.device_id}&metric=x&interval=1h&interval=1d")

    assert response.json()["errors"][0] == {
        "code": "repeated", "detail": "Give this parameter once.", "pointer": "?interval",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "parse_error"),
        ("[1]", "invalid_request"),
        ('"text"', "invalid_request"),
        ("[" * 100_000, "parse_error"),
        ('{"device": NaN}', "parse_error"),
        ('{"colour": 1}', "unknown_field"),
        ('{"device": {}, "metric": 5}', "invalid_request"),
        ('{"device": "\\u0000", "metric": "\\u0000"}', "invalid_request"),
    ],
)
def test_refuses_a_body_that_is_no_question(browser: Client, body: str, code: str) -> None:
    response = browser.generic("POST", URL, body, content_type="application/json; charset=klingon")

    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("interval", "period", "suggested"),
    [
        ("1m", ("2026-10-01", "2026-10-31"), "1h"),
        ("15m", ("2026-01-01", "2026-12-31"), "1d"),
        ("1h", ("2000-01-01", "2026-01-01"), "1w"),
    ],
)
def test_suggests_an_interval_that_fits(
    browser: Client, power: Channel, interval: str, period: tuple[str, str], suggested: str
) -> None:
    params = {"from": period[0], "to": period[1]}

    refused = ask(browser, power, **params, interval=interval).json()

    assert (refused["code"], refused["suggested_interval"]) == ("too_many_points", suggested)
    assert ask(browser, power, **params, interval=suggested).status_code == 200


def test_refuses_more_samples_than_asked_for_instead_of_cutting(
    browser: Client, power: Channel
) -> None:
    day = {"from": "2026-10-25", "to": "2026-10-26", "interval": "raw"}

    assert ask(browser, power, **day, max_points=99).json()["code"] == "too_many_points"
    assert len(ask(browser, power, **day, max_points=100).json()["series"][0]["t"]) == 100


def test_errors_are_problems_also_where_csv_was_asked_for(browser: Client) -> None:
    response = browser.get(URL, headers={"Accept": "text/csv"})

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


def test_says_when_the_database_gives_up(
    browser: Client, power: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(**_: Any) -> None:
        raise QueryTooSlow

    monkeypatch.setattr(api, "answer_question", give_up)

    response = ask(browser, power)

    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert response.json()["code"] == "query_too_slow"


def test_a_value_too_large_to_add_up_is_shown_as_a_sample(browser: Client, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant)
    store_samples(channel, [(DAY, 1.7e308), (DAY + QUARTER, 1.7e308)])
    period = {"from": "2026-10-25T00:00Z", "to": "2026-10-25T01:00Z"}

    summed = ask(browser, channel, **period, interval="1h", agg="sum")
    raw = ask(browser, channel, **period, interval="raw", unit="W")

    assert (summed.status_code, summed.json()["code"]) == (400, "values_too_large")
    assert raw.json()["series"][0]["v"] == [None, None]  # infinite in W, so no number


def test_members_of_any_role_may_ask_by_get_and_post(
    red: Team, power: Channel, client_for: Callable[..., Client]
) -> None:
    question = json.dumps({"device": str(power.device_id), "metric": power.name})
    for user in (red.owner, red.operator, red.viewer):
        client = client_for(user)

        assert ask(client, power).status_code == 200
        assert client.post(URL, question, content_type="application/json").status_code == 200


def test_another_tenants_device_does_not_exist(
    blue: Team, power: Channel, client_for: Callable[..., Client]
) -> None:
    stranger = ask(client_for(blue.owner), power)
    nowhere = client_for(blue.owner).get(URL, {"device": uuid.uuid4(), "metric": power.name})

    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")
    assert nowhere.json()["code"] == stranger.json()["code"]


def test_nobody_else_may_ask(
    power: Channel, client: Client, stranger: Any, client_for: Callable[..., Client]
) -> None:
    anonymous, outsider = ask(client, power), ask(client_for(stranger), power)

    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "not_authenticated")
    assert (outsider.status_code, outsider.json()["code"]) == (403, "permission_denied")


def test_a_post_from_another_site_is_refused(red: Team, power: Channel) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(red.owner, backend="django.contrib.auth.backends.ModelBackend")

    response = client.post(URL, "{}", content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
