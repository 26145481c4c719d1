"""Releases of firmware: stored only after every check, published, adopted, withdrawn.

An image is read twice: once to check it, once to keep it. Its file name is never looked at.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, current_tenant_id
from devices.firmware.images import HEAD_BYTES, BadImage, check_head
from devices.firmware.keys import decode_signature, is_signed_by
from devices.firmware.manifest import BadManifest, Manifest, read_manifest
from devices.firmware.versions import order_of
from devices.models import DeviceProfile, FirmwareRelease, PublishedRelease
from devices.services.firmware_keys import VendorKey, platform_keys, vendor_keys


class FirmwareRefused(Refusal):
    """An upload that is not stored; `code` says which check it failed."""

    code = "firmware_refused"
    message: Promise = _("This firmware is not accepted.")

    def __init__(self, code: str, detail: str | Promise) -> None:
        super().__init__(str(detail))
        self.code, self.detail = code, detail

    def __str__(self) -> str:
        return str(self.detail)


class ReleaseGone(Refusal):
    """There is no such release, or it is withdrawn."""

    code = "release_gone"
    message = _("This firmware does not exist or is withdrawn.")


class AlreadyThere(Refusal):
    """The tenant has the version."""

    code = "version_exists"
    message = _("There is firmware of this version for this type of device already.")


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody uploads: the vendor's manifest and signature as they are, and the image."""

    manifest: bytes
    signature: str
    image: File[bytes]
    notes: str = ""
    allows_downgrade: bool = False


@dataclass(frozen=True, slots=True)
class _Checked:
    manifest: Manifest
    profile: DeviceProfile
    key: VendorKey


def image_storage() -> Storage:
    """Return where images are kept; no address leads there."""
    return storages["firmware"]


def upload_release(*, upload: Upload, actor: User | None, now: dt.datetime) -> FirmwareRelease:
    """Check firmware, then keep it for the tenant in scope.

    Raises: FirmwareRefused, AlreadyThere: nothing is kept.
    """
    checked = _check(upload, vendor_keys(), _tenant_versions)
    tenant_id = _tenant_id()
    release = FirmwareRelease(**_fields(upload, checked, actor), tenant_id=tenant_id)
    release.stored_as = f"{_folder(tenant_id)}/{release.id}.bin"
    _keep(release, upload.image)
    _record("firmware.uploaded", release, now)
    return release


def publish_release(*, upload: Upload, actor: User | None, now: dt.datetime) -> PublishedRelease:
    """Check firmware, then offer it to every tenant; only the platform's vendors count.

    Raises: FirmwareRefused, AlreadyThere: nothing is kept.
    """
    checked = _check(upload, platform_keys(), _published_versions)
    release = PublishedRelease(**_fields(upload, checked, actor))
    release.stored_as = f"published/{release.id}.bin"
    _keep(release, upload.image)
    _record("firmware.published", release, now)
    return release


@transaction.atomic
def adopt_release(
    *, published_id: uuid.UUID, actor: User | None, now: dt.datetime
) -> FirmwareRelease:
    """Let the tenant in scope roll out what the platform offers.

    Raises: ReleaseGone, AlreadyThere.
    """
    rows = PublishedRelease.objects.select_related("profile").select_for_update(of=("self",))
    found = rows.filter(id=published_id, withdrawn_at=None).first()
    if found is None:
        raise ReleaseGone
    copied = {
        name: getattr(found, name)
        for name in (
            *("profile", "version", "min_version", "hardware", "size", "sha256", "stored_as"),
            *("manifest", "signature", "key_fingerprint", "notes"),
        )
    }
    release = FirmwareRelease(**copied, uploaded_by=actor, published=found, tenant_id=_tenant_id())
    _insert(release)
    _record("firmware.adopted", release, now)
    return release


@transaction.atomic
def withdraw_release(*, release_id: uuid.UUID, now: dt.datetime) -> FirmwareRelease:
    """Let nobody be offered this firmware any more; campaigns with it halt.

    Raises: ReleaseGone.
    """
    rows = FirmwareRelease.objects.select_related("profile").select_for_update(of=("self",))
    found = rows.filter(id=release_id, withdrawn_at=None).first()
    if found is None:
        raise ReleaseGone
    found.withdrawn_at = now
    found.save(update_fields=["withdrawn_at", "updated_at"])
    _record("firmware.withdrawn", found, now)
    return found


@transaction.atomic
def withdraw_published(*, release: PublishedRelease, now: dt.datetime) -> int:
    """Withdraw what the platform offered, also where it was adopted; return from how many."""
    PublishedRelease.objects.filter(id=release.id, withdrawn_at=None).update(withdrawn_at=now)
    with all_tenants():
        adopted = list(
            FirmwareRelease.objects.select_related("profile").filter(
                published=release, withdrawn_at=None
            )
        )
        for row in adopted:
            row.withdrawn_at = now
            row.save(update_fields=["withdrawn_at", "updated_at"])
            _record("firmware.withdrawn", row, now)
    record_event(action="firmware.withdrawn", now=now, tenant_id=None, obj=release)
    return len(adopted)


def delete_orphans(*, now: dt.datetime, older_than: dt.timedelta = dt.timedelta(days=1)) -> int:
    """Delete images without a release, left by a process that died; return how many."""
    storage, deleted = image_storage(), 0
    with all_tenants():
        known = set(FirmwareRelease.objects.values_list("stored_as", flat=True))
    known |= set(PublishedRelease.objects.values_list("stored_as", flat=True))
    for name in _files(storage):
        if name not in known and storage.get_modified_time(name) < now - older_than:
            storage.delete(name)
            deleted += 1
    return deleted


def delete_images(*, tenant_id: uuid.UUID) -> int:
    """Delete all images of a tenant that is being deleted; return how many."""
    storage = image_storage()
    names = list(_files(storage, _folder(tenant_id)))
    for name in names:
        storage.delete(name)
    if storage.exists(_folder(tenant_id)):
        storage.delete(_folder(tenant_id))  # Django removes an empty folder
    return len(names)


def _folder(tenant_id: uuid.UUID) -> str:
    return f"tenants/{tenant_id}"


def _tenant_id() -> uuid.UUID:
    found = current_tenant_id()
    if found is None:
        raise RuntimeError("Releases are made in the scope of one tenant.")
    return found


def _check(upload: Upload, keys: Iterable[VendorKey], versions: Any) -> _Checked:
    """Go from cheap to dear; the image is read last."""
    key = _signer_of(upload, keys)
    try:
        manifest = read_manifest(upload.manifest)
    except BadManifest as error:
        raise FirmwareRefused(error.code, str(error)) from error
    profile = DeviceProfile.objects.filter(key=manifest.product).first()
    if profile is None:
        detail = _("There is no type of device %(product)s.")
        raise FirmwareRefused("unknown_product", detail % {"product": manifest.product[:64]})
    _check_version(manifest, list(versions(profile)), upload.allows_downgrade)
    _check_image(upload.image, manifest, profile.image_format)
    return _Checked(manifest, profile, key)


def _signer_of(upload: Upload, keys: Iterable[VendorKey]) -> VendorKey:
    signature = decode_signature(upload.signature)
    if signature is None:
        raise FirmwareRefused("bad_signature", _("The signature is not 64 bytes in base64."))
    for key in keys:
        if is_signed_by(key.public_key, signature, upload.manifest):
            return key
    raise FirmwareRefused("bad_signature", _("No registered key has signed this manifest."))


def _check_version(manifest: Manifest, present: list[str], allows_downgrade: bool) -> None:
    if manifest.version in present:
        raise AlreadyThere
    newest = max(map(order_of, present), default=None)
    if newest is not None and order_of(manifest.version) < newest and not allows_downgrade:
        raise FirmwareRefused("downgrade", _("There is newer firmware for this type of device."))


def _check_image(image: File[bytes], manifest: Manifest, image_format: str) -> None:
    """Read the image once, piece by piece, and never more than it may have."""
    if manifest.size > settings.FIRMWARE_MAX_BYTES:
        limit = settings.FIRMWARE_MAX_BYTES
        raise FirmwareRefused("too_large", _("At most %(limit)d bytes.") % {"limit": limit})
    digest, size, head = hashlib.sha256(), 0, b""
    for chunk in image.chunks():
        size += len(chunk)
        if size > manifest.size:
            raise FirmwareRefused("wrong_size", _("The image is larger than its manifest says."))
        head += chunk[: HEAD_BYTES - len(head)]
        digest.update(chunk)
    if size != manifest.size:
        raise FirmwareRefused("wrong_size", _("The image is smaller than its manifest says."))
    if digest.hexdigest() != manifest.sha256:
        raise FirmwareRefused("wrong_hash", _("The image is not the one of the manifest."))
    try:
        check_head(head, image_format=image_format)
    except BadImage as error:
        raise FirmwareRefused(error.code, str(error)) from error


def _fields(upload: Upload, checked: _Checked, actor: User | None) -> dict[str, Any]:
    manifest = checked.manifest
    return {
        "profile": checked.profile,
        "version": manifest.version,
        "min_version": manifest.min_version,
        "hardware": list(manifest.hardware),
        "size": manifest.size,
        "sha256": manifest.sha256,
        "manifest": upload.manifest.decode(),
        "signature": upload.signature.strip(),
        "key_fingerprint": checked.key.fingerprint,
        "notes": upload.notes[:2000],
        "uploaded_by": actor,
    }


def _keep(release: FirmwareRelease | PublishedRelease, image: File[bytes]) -> None:
    """Store the image, then the row; without the row the image goes again."""
    storage = image_storage()
    image.seek(0)
    stored = storage.save(release.stored_as, image)
    try:
        if stored != release.stored_as:
            raise RuntimeError(f"{release.stored_as} exists already.")
        _insert(release)
    except BaseException:
        storage.delete(stored)
        raise


def _insert(release: FirmwareRelease | PublishedRelease) -> None:
    try:
        with transaction.atomic():
            release.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyThere from error


def _tenant_versions(profile: DeviceProfile) -> Iterable[str]:
    rows = FirmwareRelease.objects.filter(profile=profile, withdrawn_at=None)
    return rows.values_list("version", flat=True)


def _published_versions(profile: DeviceProfile) -> Iterable[str]:
    rows = PublishedRelease.objects.filter(profile=profile, withdrawn_at=None)
    return rows.values_list("version", flat=True)


def _files(storage: Storage, folder: str = "") -> Iterable[str]:
    if folder and not storage.exists(folder):
        return
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}".lstrip("/") for name in files)
    for inner in folders:
        yield from _files(storage, f"{folder}/{inner}".lstrip("/"))


def _record(action: str, release: Any, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=getattr(release, "tenant_id", None),
        obj=release,
        label=f"{release.profile.name} {release.version}",
        detail={
            "sha256": release.sha256,
            "size": release.size,
            "signed_by": release.key_fingerprint,
        },
    )
