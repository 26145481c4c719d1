"""Firmware reaches a box: checked, loaded in pieces, taken back when it is bad."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.firmware.keys import encode, make_private_key, public_key_of, sign
from devices.models import CampaignTarget
from devices.services.campaign_selection import Plan
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import start_campaign
from devices.services.firmware import Upload, upload_release
from devices.services.firmware_keys import register_key
from tests.flows.boxes import own
from tests.flows.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not django_settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker"),
    pytest.mark.xdist_group("boxes"),
]


class TestFirmware:
    @pytest.fixture
    def vendor_key(self, tmp_path):
        """A vendor's private key; the box is made with the public one."""
        private = make_private_key()
        (tmp_path / "vendor.pub").write_text(encode(public_key_of(private)))
        return private

    @pytest.fixture
    def box_of(self, red, make_box, tmp_path, vendor_key):
        """Return a function that makes an owned box with that key."""

        def make(*options):
            box = make_box("--vendor-key", str(tmp_path / "vendor.pub"), *options)
            own(red, box)
            return box

        return make

    @pytest.fixture
    def roll_out(self, red, vendor_key, platform, settings, tmp_path):
        """Return a function that begins to roll version 1.5.0 out."""
        images = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "images")},
        }
        settings.STORAGES = {**settings.STORAGES, "firmware": images}
        image = b"\xe9\x05\x02\x20" + bytes(range(256)) * 2000
        manifest = {
            "product": "relay-board", "version": "1.5.0", "size": len(image),
            "sha256": hashlib.sha256(image).hexdigest(),
        }  # fmt: skip
        text = json.dumps(manifest).encode()
        upload = Upload(text, encode(sign(vendor_key, text)), ContentFile(image, name="fw.bin"))

        def begin(**fields):
            now = timezone.now()
            with red.scope():
                register_key(name="Vendor", public_key=encode(public_key_of(vendor_key)), now=now)
                release = upload_release(upload=upload, actor=red.owner, now=now)
                plan = Plan(
                    name="Spring", kind="firmware", profile=release.profile, release=release,
                    pause_seconds=0, **fields,
                )  # fmt: skip
                start_campaign(plan=plan, actor=red.owner, now=now)

        return begin

    def state(self):
        """Move campaigns on as the scheduler does; return where the only target is."""
        step_campaigns(now=timezone.now())
        with all_tenants():
            return CampaignTarget.objects.get().state

    def rollbacks(self):
        with all_tenants():
            return CampaignTarget.objects.get().rollbacks

    def version(self, box):
        with all_tenants():
            return type(box.device).objects.get(id=box.device.id).firmware_version

    def test_runs_the_new_version(self, box_of, roll_out):
        box = box_of()

        roll_out()

        wait_until(lambda: self.state() == "done", "the update")
        assert self.version(box) == "1.5.0"

    def test_goes_on_where_a_power_cut_stopped_it(self, box_of, roll_out):
        box = box_of("--die-at", "downloading")
        roll_out()
        wait_until(lambda: self.state() and box.died(), "the power cut")

        box.start("--vendor-key", str(box.folder.parent / "vendor.pub"))

        wait_until(lambda: self.state() == "done", "the update")
        assert re.search(r"loads from byte [1-9]", box.log.read_text())

    def test_refuses_a_damaged_image(self, box_of, roll_out):
        box = box_of("--wrong-hash")

        roll_out(max_tries=1)

        wait_until(lambda: self.state() == "failed", "the failure")
        assert self.version(box) == "1.4.0"

    def test_falls_back_when_the_new_version_does_not_start(self, box_of, roll_out):
        box = box_of("--bad-image")

        roll_out(max_tries=1)

        wait_until(lambda: self.state() == "pending" and self.rollbacks() == 1, "the fall-back")
        assert self.version(box) == "1.4.0"

    def test_ignores_firmware_of_another_vendor(self, red, make_box, roll_out, tmp_path):
        stranger = tmp_path / "stranger.pub"
        stranger.write_text(encode(public_key_of(make_private_key())))
        box = make_box("--vendor-key", str(stranger))
        own(red, box)

        roll_out()

        wait_until(lambda: self.state() and box.said("did not sign"), "the refusal")
        assert self.version(box) == "1.4.0"
