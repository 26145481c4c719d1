"""The one data type of the data plane."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
from numpy.typing import NDArray

# channel: key of devices.Channel · time: µs since 1970 UTC · value: in the channel's
# stored unit, finite · quality: telemetry.quality.Quality
SAMPLE_DTYPE = np.dtype([("channel", "<i4"), ("time", "<i8"), ("value", "<f8"), ("quality", "<i2")])

SampleBatch = NDArray[np.void]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class StoredBatch(msgspec.Struct, array_like=True, frozen=True):
    """What the `samples` stream carries in its field `b`: rows as committed.

    `rows` are the bytes of a SampleBatch sorted by (channel, time); `live` holds one byte
    a row, 1 where the row became the channel's latest value; `received` is the median
    time of receipt in µs UTC.
    """

    rows: bytes
    live: bytes
    received: int

    def samples(self) -> SampleBatch:
        """Return the rows as an array that shares the memory (read-only)."""
        return np.frombuffer(self.rows, dtype=SAMPLE_DTYPE)

    def is_live(self) -> NDArray[np.bool_]:
        """Return the mask of rows that moved a latest value forward."""
        return np.frombuffer(self.live, dtype=np.bool_)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(StoredBatch)


def encode_stored(batch: StoredBatch) -> bytes:
    """Return the bytes of a stream entry."""
    return _ENCODER.encode(batch)


def decode_stored(data: bytes) -> StoredBatch:
    """Read the bytes of a stream entry.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: not written by `encode_stored`.
    """
    return _DECODER.decode(data)


def to_microseconds(moment: dt.datetime) -> int:
    """Return an aware datetime as µs since 1970 UTC, exactly."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_microseconds(microseconds: int) -> dt.datetime:
    """Return µs since 1970 as an aware UTC datetime, exactly."""
    return EPOCH + dt.timedelta(microseconds=microseconds)
