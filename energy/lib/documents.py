"""Reads JSON that people wrote into a checked shape, and says where it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

Shape = TypeVar("Shape")
Refuse = Callable[[str, str, str], Exception]


def read_document(
    document: bytes | dict[str, Any],
    shape: type[Shape],
    *,
    most_bytes: int,
    refuse: Refuse,
) -> Shape:
    """Return a document with every member of its type.

    Args: refuse: makes the error of a code (bad_shape, too_large), a place such as `when.at[0]`
        and a message.

    Raises: what `refuse` makes.
    """
    try:
        data = document if isinstance(document, bytes) else msgspec.json.encode(document)
        if len(data) > most_bytes:
            raise refuse("too_large", "", f"This has more than {most_bytes} bytes.")
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        place, detail = split_error(error)
        raise refuse("bad_shape", place, f"{detail}.") from None
    except (msgspec.MsgspecError, RecursionError, TypeError, UnicodeDecodeError) as error:
        raise refuse("bad_shape", "", f"This is no JSON object: {error!s:.200}.") from None


def split_error(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return the place, such as `when.at[0]`, and what is wrong there."""
    detail, _, where = str(error).partition(" - at `$")
    return where.rstrip("`").lstrip("."), detail
