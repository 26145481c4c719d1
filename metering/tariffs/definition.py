"""Read and write the definition of one version of a tariff."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from energy.lib.documents import split_error
from metering.tariffs.checks import BadDefinition, check
from metering.tariffs.components import Definition

MAX_BYTES = 262_144
_GIVEN_AS_NUMBER = re.compile(r"Expected `str(?: \| null)?`, got `(?:int|float)`")


def read_definition(document: bytes | dict[str, Any]) -> Definition:
    """Return the definition, every member of its type and all of it consistent.

    Raises: BadDefinition.
    """
    try:
        if isinstance(document, bytes):
            _check_size(len(document))
            definition = msgspec.json.decode(document, type=Definition)
        else:
            _check_size(len(msgspec.json.encode(document)))
            definition = msgspec.convert(document, Definition)
    except msgspec.ValidationError as error:
        raise _explain(error) from None
    except BadDefinition:
        raise
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError) as error:
        raise BadDefinition("bad_shape", "", f"This is no JSON object: {error!s:.200}.") from None
    check(definition)
    return definition


def write_definition(definition: Definition) -> dict[str, Any]:
    """Return the definition as it is stored; what stands at its default is left out."""
    written: dict[str, Any] = msgspec.to_builtins(definition)
    return written


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise BadDefinition(
            "too_large", "", f"{size} bytes are more than the {MAX_BYTES} allowed: shorten lists."
        )


def _explain(error: msgspec.ValidationError) -> BadDefinition:
    field, detail = split_error(error)
    if "matching regex" in detail or _GIVEN_AS_NUMBER.match(detail):
        return BadDefinition(
            "bad_number", field,
            'Write the number as text with at most six digits after the point, such as "0.2345".',
        )  # fmt: skip
    return BadDefinition("bad_shape", field, f"{detail}.")
