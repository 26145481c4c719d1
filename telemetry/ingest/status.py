"""What a gateway says about itself."""

from __future__ import annotations

import msgspec


class StatusReport(msgspec.Struct, frozen=True):
    """`{"status": "online", "fw": "2.4.1"}`; a bare word is read as the status."""

    status: str
    fw: str = ""
    firmware: str = ""

    @property
    def firmware_version(self) -> str:
        """The version under either name."""
        return self.fw or self.firmware


_decoder = msgspec.json.Decoder(StatusReport)


def read_status(payload: bytes) -> StatusReport:
    """Read a status payload.

    Raises:
        msgspec.MsgspecError: no status in it.
    """
    text = payload.strip()
    if text[:1] in (b"{", b"["):
        return _decoder.decode(text)
    return StatusReport(text.decode("utf-8").strip('"').lower())
