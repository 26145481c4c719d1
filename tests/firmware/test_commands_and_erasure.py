"""Firmware from the command line, in the admin, in jobs, and when a tenant goes."""

import io
import json

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from devices import tasks_firmware
from devices.erasure import erase_images
from devices.firmware.keys import make_private_key
from devices.models import FirmwareRelease, PublishedRelease
from devices.services.campaign_selection import Plan
from devices.services.campaigns import start_campaign
from devices.services.firmware import image_storage, upload_release
from devices.services.firmware_keys import register_key
from tests.factories import NOW
from tests.firmware.conftest import IMAGE, Vendor


@pytest.fixture
def written(tmp_path):
    def write(upload):
        names = []
        for name, content in (
            ("m.json", upload.manifest),
            ("m.sig", upload.signature.encode()),
            ("x.bin", upload.image.read()),
        ):
            (tmp_path / name).write_bytes(content)
            names.append(str(tmp_path / name))
        return names

    return write


def run(*args):
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_firmware_is_uploaded_for_a_tenant(red, vendor, profile, written):
    assert "meter 2.0.0" in run("firmware_upload", *written(vendor.upload()), "--tenant", "red")
    with red.scope():
        assert FirmwareRelease.objects.get().size == len(IMAGE)


def test_firmware_is_published(profile, written):
    house = Vendor(make_private_key())
    with override_settings(FIRMWARE_KEYS=[f"house:{house.public_key}"]):
        run("firmware_upload", *written(house.upload()), "--publish")
    assert PublishedRelease.objects.get().version == "2.0.0"


def test_what_is_refused_says_why(red, vendor, profile, written):
    stranger = Vendor(make_private_key())
    with pytest.raises(CommandError, match="bad_signature"):
        run("firmware_upload", *written(stranger.upload()), "--tenant", "red")
    with pytest.raises(CommandError, match="no organisation"):
        run("firmware_upload", *written(vendor.upload()), "--tenant", "nobody")
    with pytest.raises(CommandError, match="No such file"):
        run("firmware_upload", "/nowhere", "/nowhere", "/nowhere", "--tenant", "red")


def test_campaigns_are_shown(red, profile, release, make_devices):
    make_devices(3)
    plan = Plan(name="Spring", kind="firmware", profile=profile, release=release)
    with red.scope():
        start_campaign(plan=plan, actor=red.owner, now=NOW)
    text = run("campaign_status", "--tenant", "red", "--running")
    assert "running    Spring (2.0.0)" in text
    assert "wave 0: 0 of 1 done" in text
    [found] = json.loads(run("campaign_status", "--tenant", "red", "--json"))
    assert [wave["waiting"] for wave in found["waves"]] == [1, 2]
    with pytest.raises(CommandError):
        run("campaign_status", "--tenant", "nobody")


def test_a_tenants_images_go_with_it(red, blue, release, vendor, profile, folder):
    with blue.scope():
        register_key(name="v", public_key=vendor.public_key, now=NOW)
        kept = upload_release(upload=vendor.upload(), actor=None, now=NOW)

    [erased] = erase_images(red.tenant.id, False)
    assert erased.rows == 1
    assert not (folder / "tenants" / str(red.tenant.id)).exists()
    assert image_storage().exists(kept.stored_as)
    assert list(erase_images(red.tenant.id, False)) == []


def test_jobs_run_in_their_queues(db):
    beat = settings.CELERY_BEAT_SCHEDULE
    assert beat["devices-step-campaigns"]["options"]["queue"] == "ota"
    names = {entry["task"] for entry in beat.values()}
    current_app.loader.import_default_modules()
    assert {n for n in names if "firmware" in n} <= set(current_app.tasks)
    assert tasks_firmware.step_campaigns() == 0
    assert tasks_firmware.delete_orphans() == 0
