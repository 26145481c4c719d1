"""What stands on a box: its code, to be scanned or typed."""

from __future__ import annotations

import io
import logging

import segno

from devices.claim_codes import group_code
from devices.simulators.memory import Memory

logger = logging.getLogger(__name__)

ADDRESS_FILE = "claim.txt"
PICTURE_FILE = "claim.svg"


def claim_address(*, web: str, hardware_id: str, code: str) -> str:
    """Return what the QR code says; browsers do not send what stands behind the #."""
    return f"{web.rstrip('/')}/claim#{hardware_id}.{code}"


def show_label(memory: Memory, *, web: str, hardware_id: str, code: str) -> None:
    """Write the address and its QR code into the folder of the box."""
    address = claim_address(web=web, hardware_id=hardware_id, code=code)
    picture = io.BytesIO()
    segno.make(address, error="m", micro=False).save(picture, kind="svg", scale=6, light="#fff")
    memory.write_file(PICTURE_FILE, picture.getvalue())
    memory.write_file(ADDRESS_FILE, f"{address}\n".encode())
    logger.info("box %s shows %s", hardware_id, group_code(code))
    logger.info("claim it at %s or scan %s", address, memory.folder / PICTURE_FILE)


def hide_label(memory: Memory) -> None:
    """Show nothing: the box is somebody's."""
    for name in (ADDRESS_FILE, PICTURE_FILE):
        (memory.folder / name).unlink(missing_ok=True)
