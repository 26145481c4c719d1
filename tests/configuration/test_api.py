"""Configuration over the API."""

import pytest

from tests.factories import DeviceFactory, DeviceProfileFactory

PARAMETERS = [{"name": "interval_s", "type": "integer", "min": 5, "required": True}]


@pytest.fixture
def device(red):
    profile = DeviceProfileFactory(parameters=PARAMETERS)
    return DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)


@pytest.fixture
def put(red, device, client_for):
    def send(body, *, who=red.operator, seen="0", headers=None):
        headers = {"If-Match": f'"{seen}"'} if headers is None else headers
        return client_for(who).put(
            f"/api/v1/devices/{device.id}/configuration",
            body,
            content_type="application/json",
            headers=headers,
        )

    return send


GOOD = {"config": {"interval_s": 10}, "reason": "commissioning"}


def test_a_change_answers_with_the_new_revision(red, device, put, client_for):
    answer = put(GOOD)

    assert answer.status_code == 200, answer.content
    assert answer.headers["ETag"] == '"1"'
    read = client_for(red.viewer).get(f"/api/v1/devices/{device.id}/configuration").json()
    assert read["desired"]["config"] == {"interval_s": 10}
    assert read["desired"]["author"] == red.operator.email
    assert (read["reported"], read["drift"], len(read["history"])) == (None, [], 1)


def test_problems_point_to_the_field(put):
    answer = put({"config": {"interval_s": 1}, "reason": "x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_configuration")
    [error] = answer.json()["errors"]
    assert (error["code"], error["pointer"]) == (
        "INVALID_PAYLOAD_FORMAT",
        "#/config/interval_s",
    )


def test_a_change_must_say_what_it_builds_on(put):
    assert put(GOOD, headers={}).status_code == 428
    assert put(GOOD, seen="7").status_code == 412


def test_viewers_may_look_only(red, put):
    assert put(GOOD, who=red.viewer).status_code == 403


def test_another_tenants_device_does_not_exist(blue, put):
    assert put(GOOD, who=blue.operator).status_code == 404


def test_going_back(red, device, put, client_for):
    put(GOOD)
    put({"config": {"interval_s": 20}, "reason": "slower"}, seen="1")

    answer = client_for(red.operator).post(
        f"/api/v1/devices/{device.id}/configuration/revert",
        {"revision": 1, "reason": "was better"},
        content_type="application/json",
    )

    assert answer.status_code == 200, answer.content
    assert answer.json()["desired"]["config"] == {"interval_s": 10}
    assert answer.json()["desired"]["revision"] == 3
