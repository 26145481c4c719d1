"""Bad firmware is refused before anything is stored (S25)."""

import base64
import dataclasses
import datetime as dt
import hashlib
import json

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from accounts.models import AuditEvent
from devices.firmware.keys import make_private_key
from devices.models import FirmwareKey, FirmwareRelease, PublishedRelease
from devices.services.firmware import (
    AlreadyThere,
    FirmwareRefused,
    ReleaseGone,
    adopt_release,
    delete_orphans,
    image_storage,
    publish_release,
    upload_release,
    withdraw_published,
    withdraw_release,
)
from devices.services.firmware_keys import KeyKnown, KeyRefused, register_key, revoke_key
from tests.factories import NOW, DeviceProfileFactory
from tests.firmware.conftest import IMAGE, Vendor

ZIP = b"PK\x03\x04" + bytes(200)
STRANGER = Vendor(bytes(range(32)))


def resigned(vendor, text):
    """An upload of a manifest as it is, signed."""
    return dataclasses.replace(vendor.upload(), manifest=text, signature=vendor.sign(text))


def with_image(vendor, image):
    return dataclasses.replace(vendor.upload(), image=ContentFile(image, name="x.bin"))


def twice(vendor):
    text = vendor.upload().manifest.replace(b'"size"', b'"version": "9.9.9", "size"')
    return resigned(vendor, text)


def flipped(signature):
    raw = bytearray(base64.b64decode(signature))
    raw[5] ^= 1
    return base64.b64encode(raw).decode()


BAD = {
    "signed by a stranger": (lambda v: STRANGER.upload(), "bad_signature"),
    "signature changed": (
        lambda v: dataclasses.replace(v.upload(), signature=flipped(v.upload().signature)),
        "bad_signature",
    ),
    "signature missing": (lambda v: dataclasses.replace(v.upload(), signature=""), "bad_signature"),
    "signature not base64": (
        lambda v: dataclasses.replace(v.upload(), signature="ü" * 88),
        "bad_signature",
    ),
    "signature of another manifest": (
        lambda v: dataclasses.replace(v.upload(), signature=v.upload(version="3.0.0").signature),
        "bad_signature",
    ),
    "manifest changed by one blank": (
        lambda v: dataclasses.replace(v.upload(), manifest=v.upload().manifest + b" "),
        "bad_signature",
    ),
    "another image": (lambda v: with_image(v, IMAGE[:-1] + b"X"), "wrong_hash"),
    "longer image": (lambda v: with_image(v, IMAGE + b"X"), "wrong_size"),
    "shorter image": (lambda v: with_image(v, IMAGE[:-1]), "wrong_size"),
    "empty image": (lambda v: with_image(v, b""), "wrong_size"),
    "manifest with another hash": (lambda v: v.upload(sha256="0" * 64), "wrong_hash"),
    "hash of another form": (lambda v: v.upload(sha256="x" * 64), "bad_hash"),
    "size 0": (lambda v: v.upload(size=0), "bad_size"),
    "size as text": (lambda v: v.upload(size="many"), "unreadable_manifest"),
    "too large": (lambda v: v.upload(size=10**9), "too_large"),
    "no ESP32 image": (lambda v: v.upload(b"MZ" + bytes(100)), "wrong_type"),
    "ESP32 magic, then nothing": (lambda v: v.upload(b"\xe9"), "wrong_type"),
    "a zip": (lambda v: v.upload(ZIP), "archive"),
    "a gzip": (lambda v: v.upload(b"\x1f\x8b" + bytes(100)), "archive"),
    "unknown product": (lambda v: v.upload(product="toaster"), "unknown_product"),
    "path as product": (lambda v: v.upload(product="../../meter"), "bad_product"),
    "path as version": (lambda v: v.upload(version="../../etc/passwd"), "bad_version"),
    "version with markup": (lambda v: v.upload(version="<script>"), "bad_version"),
    "version with line end": (lambda v: v.upload(version="2.0.0\n"), "bad_version"),
    "empty version": (lambda v: v.upload(version=""), "bad_version"),
    "min_version above version": (lambda v: v.upload(min_version="9.0"), "bad_version"),
    "path as hardware": (lambda v: v.upload(hardware=["../x"]), "bad_hardware"),
    "unknown field": (lambda v: v.upload(run="rm -rf /"), "unreadable_manifest"),
    "field missing": (lambda v: v.upload(sha256=None), "unreadable_manifest"),
    "a name twice": (twice, "unreadable_manifest"),
    "no JSON": (lambda v: resigned(v, b"\xff\xfe"), "unreadable_manifest"),
    "a list": (lambda v: resigned(v, b"[]"), "unreadable_manifest"),
    "deep nesting": (lambda v: resigned(v, b"[" * 5000), "unreadable_manifest"),
    "huge manifest": (lambda v: resigned(v, b'"' + b"x" * 9000 + b'"'), "manifest_too_large"),
    "NUL in product": (lambda v: v.upload(product="meter\0"), "bad_product"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_uploads_are_refused_before_storage(name, red, vendor, profile, folder):
    make, code = BAD[name]

    with red.scope(), pytest.raises(FirmwareRefused) as refusal:
        upload_release(upload=make(vendor), actor=red.owner, now=NOW)

    assert refusal.value.code == code, str(refusal.value)
    with red.scope():
        assert not FirmwareRelease.objects.exists()
    assert not list(folder.rglob("*"))


def test_older_firmware_is_refused_unless_said_so(red, vendor, release_of, folder):
    release_of("2.0.0")
    older = vendor.upload(version="1.9.9")

    with red.scope(), pytest.raises(FirmwareRefused) as refusal:
        upload_release(upload=older, actor=red.owner, now=NOW)
    assert refusal.value.code == "downgrade"
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1

    allowed = vendor.upload(version="1.9.9", options={"allows_downgrade": True})
    with red.scope():
        assert upload_release(upload=allowed, actor=red.owner, now=NOW).version == "1.9.9"


def test_a_version_is_there_once_also_after_it_was_withdrawn(red, vendor, release, folder):
    with red.scope():
        withdraw_release(release_id=release.id, now=NOW)
        with pytest.raises(AlreadyThere):
            upload_release(upload=vendor.upload(), actor=red.owner, now=NOW)
        with pytest.raises(ReleaseGone):
            withdraw_release(release_id=release.id, now=NOW)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "name",
    ["../../../etc/cron.d/x", "/etc/passwd", "C:\\boot.ini", "a/b.bin", "\u202efoo", "x" * 255],
)
def test_file_names_are_never_looked_at(name, red, vendor, profile, folder):
    upload = vendor.upload()
    upload.image.name = name

    with red.scope():
        made = upload_release(upload=upload, actor=red.owner, now=NOW)

    [path] = [path for path in folder.rglob("*") if path.is_file()]
    assert path == folder / "tenants" / str(red.tenant.id) / f"{made.id}.bin"
    assert path.read_bytes() == IMAGE


def test_what_was_uploaded_is_kept_and_told(red, vendor, release):
    assert (release.size, release.sha256) == (len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    assert json.loads(release.manifest)["product"] == "meter"
    assert release.uploaded_by == red.owner
    event = AuditEvent.objects.get(action="firmware.uploaded")
    assert event.tenant_id == red.tenant.id
    assert event.detail["sha256"] == release.sha256


def test_other_forms_of_image(red, vendor, folder):
    DeviceProfileFactory(key="meter", image_format="elf")

    with red.scope(), pytest.raises(FirmwareRefused) as refusal:
        upload_release(upload=vendor.upload(), actor=red.owner, now=NOW)
    assert refusal.value.code == "wrong_type"
    with red.scope():
        upload_release(upload=vendor.upload(b"\x7fELF" + bytes(99)), actor=red.owner, now=NOW)


def test_a_revoked_key_signs_nothing_and_what_it_signed_is_withdrawn(red, vendor, release):
    with red.scope():
        key = FirmwareKey.objects.get()
        assert revoke_key(key_id=key.id, now=NOW) == 1
        release.refresh_from_db()
        assert release.withdrawn_at == NOW
        with pytest.raises(FirmwareRefused):
            upload_release(upload=vendor.upload(version="3.0"), actor=red.owner, now=NOW)
        with pytest.raises(KeyKnown):
            register_key(name="again", public_key=vendor.public_key, now=NOW)


def test_the_key_of_another_tenant_counts_for_nothing(red, blue, vendor, profile):
    with blue.scope(), pytest.raises(FirmwareRefused):
        upload_release(upload=vendor.upload(), actor=blue.owner, now=NOW)


@pytest.mark.parametrize(
    "text",
    ["", "x", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(32)).decode(),
     base64.b64encode(b"\x01" + bytes(31)).decode(), "-----BEGIN PUBLIC KEY-----\nMA==\n"],
)  # fmt: skip
def test_bad_keys(text, red):
    with red.scope(), pytest.raises(KeyRefused):
        register_key(name="x", public_key=text, now=NOW)


def test_published_firmware_is_adopted_by_tenants(red, blue, profile, folder):
    platform = Vendor(make_private_key())
    with override_settings(FIRMWARE_KEYS=[f"house:{platform.public_key}"]):
        published = publish_release(upload=platform.upload(), actor=None, now=NOW)
        with red.scope():
            adopted = adopt_release(published_id=published.id, actor=red.owner, now=NOW)
            with pytest.raises(AlreadyThere):
                adopt_release(published_id=published.id, actor=red.owner, now=NOW)
        with blue.scope():
            assert not FirmwareRelease.objects.exists()

    assert adopted.stored_as == published.stored_as
    assert withdraw_published(release=published, now=NOW) == 1
    with red.scope():
        adopted.refresh_from_db()
    assert adopted.withdrawn_at == NOW


def test_tenants_vendors_publish_nothing(red, vendor, profile):
    with pytest.raises(FirmwareRefused):
        publish_release(upload=vendor.upload(), actor=None, now=NOW)
    assert not PublishedRelease.objects.exists()


def test_images_without_a_release_go(red, release, folder):
    storage = image_storage()
    storage.save(f"tenants/{red.tenant.id}/lost.bin", ContentFile(b"x"))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)

    assert delete_orphans(now=later - dt.timedelta(days=2)) == 0
    assert delete_orphans(now=later) == 1
    assert storage.exists(release.stored_as)
