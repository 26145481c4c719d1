"""Firmware and campaigns over the API."""

import datetime as dt
import uuid

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from devices.firmware.keys import make_private_key
from devices.models import CampaignTarget, FirmwareRelease
from devices.services.campaign_steps import step_campaigns
from devices.services.firmware import publish_release
from tests.factories import NOW
from tests.firmware.conftest import Vendor

API = "/api/v1"


@pytest.fixture
def call(red, client_for):
    def run(method, path, body=None, who=None, **options):
        client = client_for(who or red.owner)
        if method == "get":
            return client.get(f"{API}/{path}")
        return getattr(client, method)(
            f"{API}/{path}", body or {}, content_type="application/json", **options
        )

    return run


@pytest.fixture
def send(red, client_for):
    def run(upload, who=None, **fields):
        return client_for(who or red.owner).post(
            f"{API}/firmware/releases",
            {
                "manifest": ContentFile(upload.manifest, name="manifest.json"),
                "signature": upload.signature,
                "image": upload.image,
                **fields,
            },
        )

    return run


def test_firmware_is_uploaded_read_and_withdrawn(red, vendor, profile, send, call):
    answer = send(vendor.upload(), notes="Faster.")

    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["profile"], made["version"], made["notes"]) == ("meter", "2.0.0", "Faster.")
    assert call("get", "firmware/releases?count=true").json()["count"] == 1
    assert call("get", "firmware/releases?profile=other").json()["results"] == []
    assert call("get", f"firmware/releases/{made['id']}").json()["sha256"] == made["sha256"]
    assert "stored_as" not in made
    path = f"firmware/releases/{made['id']}/withdraw"
    assert call("post", path).json()["withdrawn_at"]
    assert call("post", path).status_code == 404


def test_refused_uploads_say_why(red, vendor, profile, send):
    stranger = Vendor(make_private_key())
    for upload, status, code in (
        (stranger.upload(), 422, "bad_signature"),
        (vendor.upload(b"PK\x03\x04" + bytes(50)), 422, "archive"),
        (vendor.upload(product="toaster"), 422, "unknown_product"),
    ):
        answer = send(upload)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert send(vendor.upload()).status_code == 201
    again = send(vendor.upload())
    assert (again.status_code, again.json()["code"]) == (409, "version_exists")
    assert send(vendor.upload(version="3.0"), colour="red").json()["code"] == "unknown_field"


def test_administrators_only(red, blue, vendor, send, call, release):
    assert send(vendor.upload(version="3.0"), who=red.operator).status_code == 403
    for who in (red.operator, red.viewer):
        assert call("get", "firmware/releases", who=who).status_code == 403
        assert call("get", "campaigns", who=who).status_code == 403
    assert call("get", f"firmware/releases/{release.id}", who=blue.owner).status_code == 404
    path = f"firmware/releases/{release.id}/withdraw"
    assert call("post", path, who=blue.owner).status_code == 404


def test_keys(red, call):
    key = {"name": "Vendor", "public_key": Vendor(make_private_key()).public_key}
    made = call("post", "firmware/keys", key)
    assert made.status_code in {201, 403}, made.content
    if made.status_code == 403:  # the client of the tests has not authenticated just now
        assert made.json()["code"] == "sudo_required"
        return
    assert call("post", "firmware/keys", key).status_code == 409
    assert call("post", f"firmware/keys/{made.json()['id']}/revoke").status_code == 204
    assert call("get", "firmware/keys").json()["results"][0]["revoked_at"]


def test_offered_firmware_is_adopted(red, profile, call):
    platform = Vendor(make_private_key())
    with override_settings(FIRMWARE_KEYS=[f"house:{platform.public_key}"]):
        found = publish_release(upload=platform.upload(), actor=None, now=NOW)
    [offered] = call("get", "firmware/published").json()["results"]
    assert offered["id"] == str(found.id)
    made = call("post", "firmware/published", {"published": offered["id"]})
    assert (made.status_code, made.json()["is_adopted"]) == (201, True)
    assert call("get", "firmware/published").json()["results"] == []
    unknown = {"published": str(uuid.uuid4())}
    assert call("post", "firmware/published", unknown).status_code == 404


@pytest.fixture
def body(release):
    return {"name": "Spring", "release": str(release.id), "canary": "1", "waves": ["50%"],
            "pause_s": 0}  # fmt: skip


def test_a_campaign_from_preview_to_cancel(red, body, make_devices, call):
    make_devices(4)
    make_devices(1, firmware_version="2.0.0")
    found = call("post", "campaigns/preview", body).json()
    assert (found["eligible"], found["away"], found["wave_sizes"]) == (4, 0, [1, 2, 1])
    assert found["skipped"] == [
        {"code": "same_version", "reason": "Runs this version already.", "number": 1}
    ]

    answer = call("post", "campaigns", body)
    assert answer.status_code == 201, answer.content
    made = answer.json()["campaign"]
    assert (made["state"], made["version"], made["started_by"]) == (
        "running", "2.0.0", red.owner.email,
    )  # fmt: skip
    again = call("post", "campaigns", body)
    assert (again.status_code, again.json()["code"]) == (409, "nobody_eligible")

    step_campaigns(now=dt.datetime.now(dt.UTC))
    path = f"campaigns/{made['id']}"
    waves = call("get", path).json()["waves"]
    assert [(wave["total"], wave["active"]) for wave in waves] == [(1, 1), (2, 0), (1, 0)]
    targets = call("get", f"{path}/targets?state=offered&count=true").json()
    assert (targets["count"], targets["results"][0]["from_version"]) == (1, "1.0.0")
    assert "token" not in str(targets)

    assert call("post", f"{path}/pause", {}).status_code == 400
    paused = call("post", f"{path}/pause", {"reason": "weekend"}).json()["campaign"]
    assert (paused["state"], paused["reason"]) == ("paused", "weekend")
    assert call("post", f"{path}/resume", {"reason": "go"}).status_code == 200
    ended = call("post", f"{path}/cancel", {"reason": "no"}).json()["campaign"]
    assert (ended["state"], bool(ended["finished_at"])) == ("cancelled", True)
    wrong = call("post", f"{path}/pause", {"reason": "weekend"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_state")
    assert call("get", "campaigns?state=cancelled").json()["results"][0]["id"] == made["id"]


def test_another_tenants_campaign_does_not_exist(red, blue, body, make_devices, call):
    make_devices(1)
    made = call("post", "campaigns", body).json()["campaign"]
    path = f"campaigns/{made['id']}"
    for method, address, content in (
        ("get", path, None), ("get", f"{path}/targets", None),
        ("post", f"{path}/pause", {"reason": "x"}), ("post", f"{path}/resume", {"reason": "x"}),
        ("post", f"{path}/cancel", {"reason": "x"}), ("post", "campaigns", body),
        ("post", "campaigns/preview", body),
    ):  # fmt: skip
        assert call(method, address, content, who=blue.owner).status_code == 404, address
    with red.scope():
        assert CampaignTarget.objects.get().state == "pending"
        assert FirmwareRelease.objects.count() == 1


def test_bad_plans_are_named(body, make_devices, call):
    make_devices(1)
    for change, status, code in (
        ({"canary": "0"}, 400, "bad_plan"),
        ({"waves": ["x"]}, 400, "bad_plan"),
        ({"kind": "configuration", "profile": "nope", "config": {"a": 1}}, 400, "bad_plan"),
        ({"kind": "configuration", "profile": "meter"}, 400, "bad_plan"),
        ({"release": str(uuid.uuid4())}, 404, "not_found"),
        ({"site": str(uuid.uuid4())}, 400, "bad_plan"),
        ({"zone": str(uuid.uuid4())}, 400, "bad_plan"),
        ({"devices": [str(uuid.uuid4())]}, 400, "bad_plan"),
        ({"halt_percent": 0}, 400, "invalid_request"),
        ({"colour": "red"}, 400, "unknown_field"),
    ):
        answer = call("post", "campaigns", body | change)
        assert (answer.status_code, answer.json()["code"]) == (status, code), change


def test_lists_cost_the_same_for_few_and_many(
    red, body, make_devices, call, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    make_devices(3)
    made = call("post", "campaigns", body).json()["campaign"]
    paths = ("campaigns", f"campaigns/{made['id']}", f"campaigns/{made['id']}/targets",
             "firmware/releases")  # fmt: skip

    def count(path):
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert call("get", path).status_code == 200
        return len(found)

    few = [count(path) for path in paths]
    others = make_devices(20)
    call("post", "campaigns", body | {"devices": [str(device.id) for device in others[:10]]})
    call("post", "campaigns", body | {"devices": [str(device.id) for device in others[10:]]})
    assert [count(path) for path in paths] == few
