"""What the owner of a wire hands to the pipeline."""

from __future__ import annotations

import msgspec


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """One message as it came in.

    transport: `mqtt`, `http`, `modbus`, `serial`, `replay` … · topic: with `/` between
    segments · received_at: µs since 1970 UTC · identity: who was authenticated at the wire, ""
    when the broker enforced it · is_retained: the broker had kept it; nobody knows how old it is.
    """

    transport: str
    topic: str
    payload: bytes
    received_at: int
    identity: str = ""
    is_retained: bool = False


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Envelope])


def pack(envelopes: list[Envelope]) -> bytes:
    """Return the bytes of one stream entry."""
    return _ENCODER.encode(envelopes)


def unpack(data: bytes) -> list[Envelope]:
    """Read the bytes of one stream entry.

    Raises:
        msgspec.MsgspecError: not written by `pack`.
    """
    return _DECODER.decode(data)
