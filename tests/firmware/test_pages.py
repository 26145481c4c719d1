"""The pages about firmware and campaigns."""

import datetime as dt

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from devices.firmware.keys import decode_signature, make_private_key
from devices.models import Campaign, CampaignTarget, FirmwareKey, FirmwareRelease
from devices.services.campaign_steps import step_campaigns
from devices.services.firmware import publish_release
from tests.factories import NOW, DeviceProfileFactory
from tests.firmware.conftest import Vendor


@pytest.fixture
def form(release):
    return {
        "kind": "firmware", "name": "Spring", "release": str(release.id), "canary": "1",
        "waves": "2", "pause_s": "0", "halt_percent": "10", "max_tries": "3",
    }  # fmt: skip


@pytest.fixture
def client(red, client_for):
    return client_for(red.owner)


def files(upload, raw=False):
    signature = decode_signature(upload.signature) if raw else upload.signature.encode()
    return {
        "manifest": ContentFile(upload.manifest, name="m.json"),
        "signature": ContentFile(signature, name="m.sig"),
        "image": upload.image,
    }


@pytest.mark.parametrize("raw", [False, True])
def test_firmware_is_uploaded(red, vendor, profile, client, raw):
    answer = client.post("/firmware/upload", files(vendor.upload(), raw), follow=True)
    text = answer.content.decode()
    assert "Meter 2.0.0 is there." in text
    assert "Roll out" in text


def test_what_is_refused_says_why(red, profile, client):
    stranger = Vendor(make_private_key())
    assert "No vendor is registered yet" in client.get("/firmware/upload").content.decode()
    answer = client.post("/firmware/upload", files(stranger.upload()))
    assert answer.status_code == 422
    assert "No registered key has signed this manifest." in answer.content.decode()
    with red.scope():
        assert not FirmwareRelease.objects.exists()


def test_firmware_is_withdrawn(red, release, client):
    address = f"/firmware/{release.id}/withdraw"
    assert "Withdrawn" in client.post(address, follow=True).content.decode()
    assert client.post(address).status_code == 404


def test_offered_firmware_is_adopted(red, profile, client):
    platform = Vendor(make_private_key())
    with override_settings(FIRMWARE_KEYS=[f"house:{platform.public_key}"]):
        found = publish_release(upload=platform.upload(), actor=None, now=NOW)
        assert "house" in client.get("/firmware/keys").content.decode()
    assert "Offered to you" in client.get("/firmware").content.decode()
    answer = client.post("/firmware/adopt", {"published": str(found.id)}, follow=True)
    assert "Adopted" in answer.content.decode()
    assert client.post("/firmware/adopt", {"published": "x"}).status_code == 404


def test_a_new_key_asks_for_the_password(red, client):
    key = {"name": "Vendor", "public_key": Vendor(make_private_key()).public_key}
    answer = client.post("/firmware/keys/new", key)
    assert answer.status_code == 302
    with red.scope():
        registered = FirmwareKey.objects.count()
    assert ("reauthenticate" in answer["Location"]) == (registered == 0)


def test_a_key_is_revoked(red, release, client):
    with red.scope():
        key = FirmwareKey.objects.get()
    answer = client.post(f"/firmware/keys/{key.id}/revoke", follow=True)
    assert "what it signed is withdrawn" in answer.content.decode()


def test_preview_then_start(red, form, make_devices, client):
    make_devices(4)
    make_devices(1, firmware_version="2.0.0")
    shown = client.post("/campaigns/new", form | {"preview": "1"}).content.decode()
    assert "4 devices get it." in shown
    assert "Runs this version already." in shown
    with red.scope():
        assert not Campaign.objects.exists()

    answer = client.post("/campaigns/new", form | {"start": "1"}, follow=True)
    assert "Spring" in answer.content.decode()
    with red.scope():
        made = Campaign.objects.get()
    assert (made.wave_sizes, made.started_by) == ([1, 2, 1], red.owner)


def test_settings_are_rolled_out_too(red, profile, make_devices, client):
    make_devices(2)
    profile.parameters = [{"name": "interval_s", "type": "integer", "min": 5}]
    profile.save()
    form = {"kind": "configuration", "name": "Slower", "profile": "meter", "canary": "1",
            "config": '{"interval_s": 30}', "pause_s": "0", "halt_percent": "10",
            "max_tries": "3", "waves": ""}  # fmt: skip
    assert client.get("/campaigns/new?kind=configuration").status_code == 200
    answer = client.post("/campaigns/new", form | {"start": "1"}, follow=True)
    assert "interval_s=30" in answer.content.decode()


def test_bad_plans_are_shown(red, form, make_devices, client):
    make_devices(1)
    answer = client.post("/campaigns/new", form | {"canary": "zero", "start": "1"})
    assert answer.status_code == 422
    assert "write a number of devices" in answer.content.decode()


def test_the_page_shows_waves_reasons_and_what_to_do(red, form, make_devices, client):
    make_devices(3)
    client.post("/campaigns/new", form | {"start": "1"})
    step_campaigns(now=dt.datetime.now(dt.UTC))
    with red.scope():
        campaign = Campaign.objects.get()
        CampaignTarget.objects.filter(state="offered").update(
            state="failed", error_code="hash_mismatch", error="<b>bad</b>"
        )
    step_campaigns(now=dt.datetime.now(dt.UTC))
    text = client.get(f"/campaigns/{campaign.id}").content.decode()

    assert "Halted by itself. The whole canary failed: 1 of 1." in text
    assert 'class="wave__failed" x="0.0" y="0" width="100.0"' in text
    assert "What it loaded is not what was offered." in text
    assert "<b>bad</b>" not in text
    assert " style=" not in text
    assert f'action="/campaigns/{campaign.id}/resume"' in text
    assert f'action="/campaigns/{campaign.id}/pause"' not in text
    only = client.get(f"/campaigns/{campaign.id}?state=pending").content.decode()
    assert "What it loaded is not" not in only

    for action, done in (("resume", "The campaign goes on."), ("pause", "Paused: because"),
                         ("cancel", "Cancelled: because")):  # fmt: skip
        address = f"/campaigns/{campaign.id}/{action}"
        assert "Say why" in client.post(address, follow=True).content.decode()
        answer = client.post(address, {"reason": "because"}, follow=True)
        assert done in answer.content.decode()
    assert client.get(f"/campaigns/{campaign.id}/progress").status_code == 200
    assert "Spring" in client.get("/campaigns").content.decode()


def test_permissions_and_other_tenants(red, blue, form, release, make_devices, client, client_for):
    make_devices(1)
    client.post("/campaigns/new", form | {"start": "1"})
    with red.scope():
        campaign = Campaign.objects.get()
    operator, stranger = client_for(red.operator), client_for(blue.owner)
    for address in ("/firmware", "/firmware/upload", "/firmware/keys", "/campaigns",
                    "/campaigns/new", f"/campaigns/{campaign.id}"):  # fmt: skip
        assert operator.get(address).status_code == 403, address
    for address in (f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/progress"):
        assert stranger.get(address).status_code == 404, address
    for action in ("pause", "resume", "cancel"):
        address = f"/campaigns/{campaign.id}/{action}"
        assert operator.post(address, {"reason": "x"}).status_code == 403
        assert stranger.post(address, {"reason": "x"}).status_code == 404
    assert stranger.post(f"/firmware/{release.id}/withdraw").status_code == 404
    assert stranger.post("/campaigns/new", form | {"start": "1"}).status_code == 422
    assert "Spring" not in stranger.get("/campaigns").content.decode()
    with red.scope():
        assert Campaign.objects.get().state == "running"


def test_pages_cost_the_same_for_few_and_many(red, form, release_of, make_devices, client):
    make_devices(2)
    client.post("/campaigns/new", form | {"start": "1"})
    with red.scope():
        campaign = Campaign.objects.get()
    addresses = ("/firmware", "/campaigns", f"/campaigns/{campaign.id}")

    def count(address):
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        return len(found)

    for address in addresses:
        count(address)
    few = [count(address) for address in addresses]
    others = make_devices(20, profile=DeviceProfileFactory())
    with red.scope():
        for number, device in enumerate(others):
            CampaignTarget.objects.create(
                campaign=campaign, device=device, wave=number % 3, state_at=NOW
            )
    for number in range(5):
        release_of(f"3.{number}")
    assert [count(address) for address in addresses] == few
