"""Bytes of a request to a document: inflated within bounds, parsed strictly."""

from __future__ import annotations

import json
import zlib
from typing import Any

import msgspec

from telemetry.doors.given import BadBody, TooMuch

MAX_BYTES = 5 * 1024 * 1024
MAX_INFLATED_BYTES = 16 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_MESSAGEPACK = frozenset({"application/msgpack", "application/x-msgpack",
                          "application/vnd.msgpack"})  # fmt: skip


class UnknownEncoding(BadBody):
    """A Content-Encoding that is not offered."""

    def __init__(self, name: str) -> None:
        super().__init__("unknown_encoding", f"Content-Encoding {name[:20]!r}: send gzip or none.")


def plain_bytes(body: bytes, encoding: str) -> bytes:
    """Return the body without its Content-Encoding.

    Raises: BadBody: broken gzip. TooMuch: over 5 MiB, or over 16 MiB inflated.
    UnknownEncoding.
    """
    if len(body) > MAX_BYTES:
        raise TooMuch(f"{len(body)} bytes; {MAX_BYTES} may come at once.")
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in {"gzip", "x-gzip"}:
        raise UnknownEncoding(name)
    return _inflate(body)


def _inflate(body: bytes) -> bytes:
    found = bytearray()
    rest = body
    while rest:  # gzip files may be joined
        inflater = zlib.decompressobj(_GZIP)
        try:
            found += inflater.decompress(rest, MAX_INFLATED_BYTES + 1 - len(found))
        except zlib.error as error:
            raise BadBody("bad_gzip", f"The body is not gzip: {error}.") from None
        if len(found) > MAX_INFLATED_BYTES:
            raise TooMuch(f"Inflated it is over {MAX_INFLATED_BYTES} bytes.")
        if not inflater.eof:
            raise BadBody("bad_gzip", "The gzip data ends too early.")
        rest = inflater.unused_data
    return bytes(found)


def read_document(body: bytes, media_type: str) -> Any:
    """Return the value in a body: MessagePack if the type says so, else JSON.

    Raises: BadBody: not JSON, a key twice in one object, NaN, nested too deep.
    """
    if media_type.partition(";")[0].strip().lower() in _MESSAGEPACK:
        return read_messagepack(body)
    return read_json(body)


def read_messagepack(body: bytes) -> Any:
    """Return the value. Raises: BadBody."""
    try:
        return msgspec.msgpack.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise BadBody("bad_body", f"The body is not MessagePack: {error}.") from None


def read_json(body: bytes | str) -> Any:
    """Return the value; an object must not have a key twice, of which one would be lost.

    Raises: BadBody.
    """
    try:
        return json.loads(
            body, object_pairs_hook=_unique_keys, parse_constant=_refuse, parse_int=_bounded
        )
    except UnicodeDecodeError:
        raise BadBody("bad_body", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadBody("bad_body", f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise BadBody("bad_body", "The body is nested too deep.") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadBody("duplicate_key", "A key stands twice in one object; which value is meant?")
    return document


def _refuse(name: str) -> Any:
    raise BadBody("not_finite", f"{name} is no number.")


def _bounded(text: str) -> int | float:
    return int(text) if len(text) <= 19 else float(text)
