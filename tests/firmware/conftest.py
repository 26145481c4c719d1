"""Vendors' keys, signed images, and devices that can be offered them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import override_settings

from devices.firmware.keys import encode, make_private_key, public_key_of, sign
from devices.models import CampaignTarget, DeviceProfile, FirmwareRelease
from devices.services.campaign_selection import Plan
from devices.services.campaigns import start_campaign
from devices.services.firmware import Upload, upload_release
from devices.services.firmware_keys import register_key
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory

IMAGE = b"\xe9\x05\x02\x20" + bytes(range(256)) * 1000


@dataclasses.dataclass(frozen=True)
class Vendor:
    """Somebody who signs firmware."""

    private_key: bytes

    @property
    def public_key(self) -> str:
        """Base64, as it is registered."""
        return encode(public_key_of(self.private_key))

    def sign(self, text: bytes) -> str:
        """Return a signature in base64."""
        return encode(sign(self.private_key, text))

    def upload(
        self,
        image: bytes = IMAGE,
        *,
        name: str = "firmware.bin",
        options: dict[str, Any] | None = None,
        **manifest: Any,
    ) -> Upload:
        """Return an upload that fits, but for what is given."""
        content = {
            "product": "meter",
            "version": "2.0.0",
            "size": len(image),
            "sha256": hashlib.sha256(image).hexdigest(),
            **manifest,
        }
        text = json.dumps({k: v for k, v in content.items() if v is not None}).encode()
        return Upload(text, self.sign(text), ContentFile(image, name=name), **(options or {}))


@pytest.fixture(autouse=True)
def folder(tmp_path):
    """Keep images in a folder of the test's own."""
    storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "firmware")},
    }
    with override_settings(STORAGES={**settings.STORAGES, "firmware": storage}):
        yield tmp_path / "firmware"


@pytest.fixture
def profile(db: None) -> DeviceProfile:
    """The type of device `meter`."""
    return DeviceProfileFactory(key="meter", name="Meter", model="M3")


@pytest.fixture
def vendor(red: Team) -> Vendor:
    """A vendor whose key red has registered."""
    found = Vendor(make_private_key())
    with red.scope():
        register_key(name="Vendor", public_key=found.public_key, now=NOW)
    return found


@pytest.fixture
def release_of(red: Team, vendor: Vendor, profile: DeviceProfile) -> Callable[..., FirmwareRelease]:
    """Return a function that uploads a release of red."""

    def make(version: str = "2.0.0", **manifest: Any) -> FirmwareRelease:
        with red.scope():
            return upload_release(
                upload=vendor.upload(version=version, **manifest), actor=red.owner, now=NOW
            )

    return make


@pytest.fixture
def release(release_of: Callable[..., FirmwareRelease]) -> FirmwareRelease:
    """Version 2.0.0 for meters."""
    return release_of()


@pytest.fixture
def make_devices(red: Team, profile: DeviceProfile) -> Callable[..., list[Any]]:
    """Return a function that makes direct devices of red which are online and run 1.0.0."""

    def make(number: int, **fields: Any) -> list[Any]:
        given = {
            "tenant": red.tenant, "gateway": None, "profile": profile, "lifecycle": "active",
            "firmware_version": "1.0.0", "last_seen_at": NOW, "reported_status": "online",
            **fields,
        }  # fmt: skip
        return [DeviceFactory(**given) for _ in range(number)]

    return make


@pytest.fixture
def plan(profile, release):
    def make(**fields):
        given = {
            "name": "Spring", "kind": "firmware", "profile": profile, "release": release,
            "pause_seconds": 0, **fields,
        }  # fmt: skip
        return Plan(**given)

    return make


@pytest.fixture
def start(red, plan):
    def run(**fields):
        with red.scope():
            return start_campaign(plan=plan(**fields), actor=red.owner, now=NOW)

    return run


@pytest.fixture
def targets(red):
    def read(campaign):
        with red.scope():
            rows = CampaignTarget.objects.filter(campaign=campaign).select_related("device")
            return list(rows.order_by("wave", "id"))

    return read
