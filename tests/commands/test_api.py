"""Commands over the API: statuses, headers, problems, and who sees what."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.rbac.registry import CODES
from accounts.tenancy import tenant_scope
from devices.command_states import State
from devices.models import Command, CommandSecret, EmergencyStop
from devices.services.command_moves import move
from devices.services.shares import share_with_user
from tests.factories import NOW, DeviceFactory


@pytest.fixture
def url(device):
    return reverse("api-device-commands", args=[device.id])


@pytest.fixture
def post(client_for, red):
    """Return a function that posts as the operator; keys are new unless given."""
    browser = client_for(red.operator)

    def send(url, body=None, key=None, **headers):
        headers.setdefault("Idempotency-Key", key or uuid.uuid4().hex)
        return browser.post(
            url, body or {}, content_type="application/json",
            headers={name: value for name, value in headers.items() if value},
        )  # fmt: skip

    return send


class TestSending:
    def test_is_accepted_and_found_again(self, post, url, client_for, red):
        answer = post(url, {"name": "pump_on", "params": {"duration_s": 5}})

        assert answer.status_code == 202
        body = answer.json()
        assert (body["state"], body["outcome"], body["params"]) == (
            "queued", "queued", {"duration_s": 5},
        )  # fmt: skip
        found = client_for(red.viewer).get(answer["Location"]).json()
        assert found["id"] == body["id"]
        assert [step["state"] for step in found["timeline"]] == ["queued"]
        assert [check["check"] for check in found["verdict"]][:3] == [
            "life_cycle", "maintenance", "emergency_stop",
        ]  # fmt: skip

    def test_the_same_again_is_replayed(self, post, url):
        first = post(url, {"name": "pump_off"}, key="k")
        second = post(url, {"name": "pump_off"}, key="k")

        assert second.status_code == 202
        assert second.json() == first.json()
        assert second["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first

    @pytest.mark.parametrize(
        ("body", "key", "status", "code"),
        [
            ({"name": "explode"}, "new", 400, "unknown_command"),
            ({"name": "pump_on", "params": {"x": 1}}, "new", 400, "invalid_params"),
            ({"name": "pump_off", "expires_in": 0}, "new", 400, "invalid_request"),
            ({"name": "pump_off", "extra": 1}, "new", 400, "unknown_field"),
            ({"name": "pump_off"}, "", 400, "idempotency_key_missing"),
            ({"name": "heater_off"}, "k", 422, "idempotency_key_reused"),
            ({"name": "dose", "params": {"ml": 501}}, "new", 409, "dose_too_large"),
        ],
    )
    def test_problems(self, post, url, body, key, status, code):
        post(url, {"name": "pump_off"}, key="k")

        answer = post(url, body, **{"Idempotency-Key": key})

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_a_problem_names_the_parameter(self, post, url):
        answer = post(url, {"name": "set_valve", "params": {}})

        assert answer.json()["errors"] == [
            {"code": "required", "detail": "This must be given.", "pointer": "#/params/percent"}
        ]

    def test_a_refused_command_can_be_read(self, post, url, client_for, red):
        refused = post(url, {"name": "dose", "params": {"ml": 501}}).json()

        found = client_for(red.viewer).get(f"/api/v1/commands/{refused['command']}").json()

        assert (found["state"], found["code"]) == ("rejected", "dose_too_large")

    def test_viewers_and_strangers(self, client_for, red, blue, url):
        body, headers = {"name": "pump_off"}, {"Idempotency-Key": "k"}
        statuses = [
            client_for(user).post(
                url, body, content_type="application/json", headers=headers
            ).status_code
            for user in (red.viewer, blue.owner)
        ]  # fmt: skip

        assert statuses == [403, 404]

    @pytest.mark.django_db(transaction=True)
    def test_prefer_wait_returns_with_the_end(self, post, url, red):
        def answer_soon():
            try:
                while True:
                    with tenant_scope(red.tenant.id):
                        ids = list(Command.objects.values_list("id", flat=True))
                        if ids:
                            time.sleep(0.3)
                            now = Command.objects.get().requested_at
                            move(ids=ids, to=State.DONE, at=now, by="device")
                            return
                    time.sleep(0.02)
            finally:
                connection.close()

        device = threading.Thread(target=answer_soon)
        device.start()
        started = time.monotonic()
        answer = post(url, {"name": "pump_off"}, Prefer="respond-async, wait=10")
        device.join()

        assert answer.json()["state"] == "succeeded"
        assert 0.2 < time.monotonic() - started < 10, "with the end, not at the end of the wait"


class TestLists:
    def test_by_device_and_state(self, client_for, red, order, url, device, profile):
        other = DeviceFactory(site=device.site, gateway=None, profile=profile)
        order("pump_off")
        order("dose", {"ml": 900})
        order("pump_off", device=other)
        browser = client_for(red.viewer)

        def names(address):
            return [row["name"] for row in browser.get(address).json()["results"]]

        assert sorted(names(url)) == ["dose", "pump_off"]
        assert names(f"{url}?state=rejected") == ["dose"]
        assert len(names("/api/v1/commands")) == 3
        assert names(f"/api/v1/commands?device={other.id}") == ["pump_off"]

    def test_take_the_same_queries_for_many(
        self, client_for, red, order, django_assert_max_num_queries
    ):
        for _ in range(12):
            order("pump_off")
        browser = client_for(red.viewer)

        with django_assert_max_num_queries(10):
            assert len(browser.get("/api/v1/commands").json()["results"]) == 12

    def test_offered(self, client_for, red, url):
        found = client_for(red.viewer).get(f"{url}/offered").json()["results"]

        assert found[0]["name"] == "pump_on"
        assert found[0]["params"][0]["minimum"] == 1

    def test_nothing_of_others(self, client_for, blue, order, url):
        command = order("pump_off").command
        browser = client_for(blue.owner)

        assert browser.get(url).status_code == 404
        assert browser.get(f"/api/v1/commands/{command.id}").status_code == 404
        assert browser.get("/api/v1/commands").json()["results"] == []


def test_cancelling(post, order):
    command = order("pump_on").command
    url = f"/api/v1/commands/{command.id}/cancel"

    first, second = post(url), post(url)

    assert first.json()["state"] == "cancelled"
    assert (second.status_code, second.json()["code"]) == (409, "too_late")


class TestStops:
    URL = "/api/v1/emergency-stops"

    def test_press_list_release(self, post, device, client_for, red):
        pressed = post(self.URL, {"scope": "device", "target": str(device.id), "reason": "x"})
        assert pressed.status_code == 201
        assert pressed.json()["off_commands"] == 3
        browser = client_for(red.viewer)
        assert len(browser.get(self.URL).json()["results"]) == 1
        release = f"{self.URL}/{pressed.json()['id']}/release"

        assert post(release, {"reason": " "}).status_code == 400
        assert post(release, {"reason": "safe"}).status_code == 200
        assert post(release, {"reason": "safe"}).json()["code"] == "stop_gone"
        assert browser.get(self.URL).json()["results"] == []
        assert len(browser.get(f"{self.URL}?active=false").json()["results"]) == 1

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"scope": "tenant"}, 201),
            ({"scope": "tenant", "target": str(uuid.UUID(int=1))}, 400),
            ({"scope": "site"}, 400),
            ({"scope": "site", "target": str(uuid.UUID(int=1))}, 404),
            ({"scope": "moon"}, 400),
        ],
    )
    def test_targets(self, post, red, body, status):
        assert post(self.URL, body).status_code == status

    def test_another_tenants_site_does_not_exist(self, post, blue):
        foreign = DeviceFactory(tenant=blue.tenant)

        answer = post(self.URL, {"scope": "site", "target": str(foreign.site_id)})

        assert answer.status_code == 404
        with blue.scope():
            assert not EmergencyStop.objects.exists()


class TestBatches:
    def test_preview_create_read(self, post, device, client_for, red):
        body = {"name": "pump_on", "site": str(device.site_id)}
        preview = post("/api/v1/batches/preview", body).json()
        assert [row["device_id"] for row in preview["eligible"]] == [str(device.id)]

        made = post("/api/v1/batches", body, key="b")
        again = post("/api/v1/batches", body, key="b")

        assert made.status_code == again.status_code == 202
        assert again["Idempotent-Replayed"] == "true"
        found = client_for(red.viewer).get(made["Location"]).json()
        assert found["items"][0]["state"] == "planned"
        assert post(f"{made['Location']}/cancel").json()["batch_state"] == "cancelled"
        assert post(f"{made['Location']}/retry").json()["code"] == "batch_ended"

    @pytest.mark.parametrize("body", [{}, {"devices": [str(uuid.UUID(int=1))]}])
    def test_needs_devices_of_ones_own(self, post, red, body):
        answer = post("/api/v1/batches", {"name": "pump_on", **body})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_batch")


def test_a_secret_is_shown_once_to_those_who_provision(post, client_for, red, device):
    url = f"/api/v1/devices/{device.id}/command-secret"

    assert post(url).status_code == 403, "an operator"
    answer = client_for(red.owner).post(url, {}, content_type="application/json")

    assert answer.status_code == 201
    with red.scope():
        sealed = CommandSecret.objects.get().sealed
    assert answer.json()["secret"] not in sealed


def test_a_guest_commands_what_is_shared_for_it(red, blue, device, client_for, url, profile):
    other = DeviceFactory(site=device.site, gateway=None, profile=profile)
    with red.scope():
        share_with_user(
            target=device, email=blue.viewer.email, codes=["control:device"], valid_from=NOW,
            expires_at=timezone.now() + dt.timedelta(days=1), shared_by=red.owner,
            editor_codes=CODES, now=NOW,
        )  # fmt: skip
        share_with_user(
            target=other, email=blue.viewer.email, codes=["read:telemetry"], valid_from=NOW,
            expires_at=timezone.now() + dt.timedelta(days=1), shared_by=red.owner,
            editor_codes=CODES, now=NOW,
        )  # fmt: skip
    guest = client_for(blue.viewer)
    guest.post(reverse("tenant-switch"), {"tenant": str(red.tenant.id)})

    def send(address):
        return guest.post(
            address, {"name": "pump_off"}, content_type="application/json",
            headers={"Idempotency-Key": "k"},
        ).status_code  # fmt: skip

    assert send(url) == 202
    assert send(reverse("api-device-commands", args=[other.id])) == 403
    with red.scope():
        assert Command.objects.get().device == device
