"""What the vendor of the simulated boxes does: make firmware and sign it."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
from pathlib import Path

from devices.firmware.keys import encode, make_private_key, public_key_of, sign
from devices.simulators.memory import replace_file

logger = logging.getLogger(__name__)

PRIVATE_FILE = "vendor.key"
PUBLIC_FILE = "vendor.pub"
IMAGE_BYTES = 400_000
_ESP32_HEAD = b"\xe9\x05\x02\x20"


def make_vendor_key(folder: Path) -> str:
    """Return the vendor's public key in base64; it is made once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / PRIVATE_FILE
    if not file.exists():
        replace_file(file, encode(make_private_key()).encode())
    public = encode(public_key_of(_private_key(folder)))
    replace_file(folder / PUBLIC_FILE, public.encode())
    return public


def make_image(folder: Path, *, product: str, version: str) -> Path:
    """Write an image, its manifest and the signature over it; return the image's path."""
    image = _ESP32_HEAD + secrets.token_bytes(IMAGE_BYTES)
    manifest = {
        "product": product,
        "version": version,
        "size": len(image),
        "sha256": hashlib.sha256(image).hexdigest(),
    }
    text = json.dumps(manifest).encode()
    name = f"{product}-{version}"
    replace_file(folder / f"{name}.json", text)
    replace_file(folder / f"{name}.sig", encode(sign(_private_key(folder), text)).encode())
    path = replace_file(folder / f"{name}.bin", image)
    logger.info("%s with %s.json and %s.sig", path, name, name)
    return path


def _private_key(folder: Path) -> bytes:
    return base64.b64decode((folder / PRIVATE_FILE).read_text())
