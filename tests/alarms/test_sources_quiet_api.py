"""Quiet times in the API."""

import datetime as dt

import pytest

from alarms.models import Shelving
from tests.alarms.making import open_alarm
from tests.factories import NOW, DeviceFactory

pytestmark = pytest.mark.usefixtures("at_noon")
WINDOWS, SHELVINGS = "/api/v1/maintenance-windows", "/api/v1/shelvings"


@pytest.fixture
def browser(client_for, red):
    return client_for(red.operator)


def test_a_window_from_planning_to_its_end(browser, red):
    device = DeviceFactory(tenant=red.tenant)

    made = browser.post(
        WINDOWS, {"name": "New fuse", "end": "2026-11-20T14:00:00Z", "device": str(device.id)},
        content_type="application/json",
    )  # fmt: skip
    assert made.status_code == 201, made.content
    row = made.json()
    assert (row["gateway"], row["site"]) == (str(device.gateway_id), str(device.site_id))
    changed = browser.patch(
        f"{WINDOWS}/{row['id']}", {"name": "Other fuse"}, content_type="application/json"
    )
    assert changed.json()["name"] == "Other fuse"
    assert [one["id"] for one in browser.get(WINDOWS).json()["results"]] == [row["id"]]

    assert browser.delete(f"{WINDOWS}/{row['id']}").status_code == 204

    assert browser.get(WINDOWS).json()["results"] == []
    assert len(browser.get(f"{WINDOWS}?is_over=true").json()["results"]) == 1
    again = browser.delete(f"{WINDOWS}/{row['id']}")
    assert again.status_code == 404


def test_refuses_a_window_that_is_over(browser):
    answer = browser.post(
        WINDOWS, {"name": "x", "end": "2020-01-01T00:00:00Z"}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "impossible_time")


def test_an_alarm_is_shelved_and_told_again(browser, red):
    alarm = open_alarm(red, "system:x:y")
    until = (NOW + dt.timedelta(hours=2)).isoformat()

    made = browser.post(
        SHELVINGS, {"alarm": str(alarm.id), "until": until, "reason": "Ordered"},
        content_type="application/json",
    )  # fmt: skip

    assert made.status_code == 201, made.content
    assert [row["key"] for row in browser.get(SHELVINGS).json()["results"]] == ["system:x:y"]
    assert browser.delete(f"{SHELVINGS}/{made.json()['id']}").status_code == 204
    with red.scope():
        assert not Shelving.objects.exists()


def test_strangers_find_nothing(client_for, blue, red):
    alarm = open_alarm(red, "system:x:y")
    stranger = client_for(blue.owner)

    answer = stranger.post(
        SHELVINGS, {"alarm": str(alarm.id), "until": "2026-11-21T00:00:00Z"},
        content_type="application/json",
    )  # fmt: skip

    assert answer.status_code == 400
    assert [one["code"] for one in answer.json()["errors"]] == ["not_found"]


def test_viewers_may_only_read(client_for, red):
    viewer = client_for(red.viewer)

    assert viewer.get(WINDOWS).status_code == 200
    assert viewer.post(WINDOWS, {}, content_type="application/json").status_code == 403
