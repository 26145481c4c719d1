"""The manifest that a vendor signs: what an image is, for what, and how to recognise it.

    {"product": "three-phase-meter", "version": "2.4.1", "size": 812032, "sha256": "9f86…",
     "min_version": "2.0.0", "hardware": ["rev-c"]}

The signature is over the very bytes of this text, which are kept and handed to the device.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from devices.firmware.versions import BadVersion, order_of

MAX_BYTES = 8192
_PRODUCT = re.compile(r"[A-Za-z0-9_-]{1,50}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HARDWARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
MAX_HARDWARE = 32


class BadManifest(ValueError):
    """A manifest that cannot be used; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the vendor vouches for; `size` in bytes, `product` is the key of a profile."""

    product: str
    version: str
    size: int
    sha256: str
    min_version: str = ""
    hardware: tuple[str, ...] = ()


def read_manifest(text: bytes) -> Manifest:
    """Read and check a manifest.

    Raises: BadManifest.
    """
    if len(text) > MAX_BYTES:
        raise BadManifest("manifest_too_large", f"The manifest has {len(text)} bytes, not 8192.")
    try:
        # a name that stands there twice could mean one thing here and another to the device
        json.loads(text.decode("utf-8"), object_pairs_hook=_no_repetition)
        found = msgspec.json.decode(text, type=Manifest)
    except (ValueError, RecursionError) as error:
        raise BadManifest("unreadable_manifest", str(error)[:300]) from error
    _check(found)
    return found


def _check(found: Manifest) -> None:
    if not _PRODUCT.fullmatch(found.product):
        raise BadManifest("bad_product", "product must be the key of a type of device.")
    for name, version in (("version", found.version), ("min_version", found.min_version)):
        if version or name == "version":
            try:
                order_of(version)
            except BadVersion as error:
                raise BadManifest("bad_version", f"{name}: {error}") from error
    if found.min_version and order_of(found.min_version) > order_of(found.version):
        raise BadManifest("bad_version", "min_version is above version.")
    if not _SHA256.fullmatch(found.sha256):
        raise BadManifest("bad_hash", "sha256 must be 64 lower-case hexadecimal digits.")
    if found.size < 1:
        raise BadManifest("bad_size", "size must be a number of bytes above 0.")
    if len(found.hardware) > MAX_HARDWARE or not all(map(_HARDWARE.fullmatch, found.hardware)):
        raise BadManifest("bad_hardware", "hardware must be a list of at most 32 model names.")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name stands there twice.")
    return found
