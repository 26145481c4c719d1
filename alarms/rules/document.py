"""The file in which rules leave one organisation and enter another. Pure.

    {"kind": "alarm-rules", "version": 1, "rules": [
        {"name": "Overvoltage", "scope": {"metric": "voltage_l1", "site": "Izmir plant"},
         "definition": {"when": {"kind": "threshold", "above": 253}}}]}

Sites stand there by name, types of device by key, devices by their uid and that of their gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from alarms.rules.definition import BadRule
from energy.lib.documents import split_error

KIND = "alarm-rules"
VERSION = 1
MAX_ROWS = 500
MAX_BYTES = 4_000_000

Short = Annotated[str, msgspec.Meta(max_length=100)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class DeviceName(_Strict, frozen=True):
    """A device by its uid; `gateway`: uid of the gateway that it is behind."""

    uid: Short
    gateway: Short | None = None


class ChannelName(_Strict, frozen=True):
    """A metric of a device."""

    device: DeviceName
    metric: Short


class InputName(_Strict, frozen=True):
    """A name in a formula and the metric of a device that it stands for."""

    name: Short
    device: DeviceName
    metric: Short


class Formula(_Strict, frozen=True):
    """A value that is computed from several channels."""

    formula: Annotated[str, msgspec.Meta(max_length=500)]
    inputs: Annotated[tuple[InputName, ...], msgspec.Meta(min_length=1, max_length=20)]
    unit: Annotated[str, msgspec.Meta(max_length=20)] = ""
    alignment: Literal["quarter", "latest"] = "latest"
    tolerance_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 300
    label: Short = ""


class ScopeNames(_Strict, frozen=True):
    """What is watched: a channel, a formula, or a metric of the devices that fit."""

    channel: ChannelName | None = None
    expression: Formula | None = None
    metric: Short = ""
    device: DeviceName | None = None
    profile: Short = ""
    site: Short = ""
    tag: Short = ""


class RuleDocument(_Strict, frozen=True):
    """A rule with what it looks for."""

    name: Short
    scope: ScopeNames
    definition: dict[str, Any]
    text: str = ""
    advice: str = ""
    is_enabled: bool = False


class _File(_Strict, frozen=True):
    kind: Literal["alarm-rules"]
    version: Literal[1]
    rules: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_ROWS)]


def write_file(rules: Sequence[RuleDocument]) -> bytes:
    """Return the file."""
    document = {"kind": KIND, "version": VERSION, "rules": list(rules)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def read_file(data: bytes) -> list[RuleDocument | BadRule]:
    """Return the rules of a file, or what is wrong with each.

    Raises: BadRule: it is no such file.
    """
    if len(data) > MAX_BYTES:
        raise BadRule("too_large", "", f"A file has at most {MAX_BYTES} bytes.")
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRule("bad_file", "", f"This is no file of alarm rules: {error!s:.200}") from None
    return [_read(row) for row in file.rules]


def _read(row: msgspec.Raw) -> RuleDocument | BadRule:
    try:
        return msgspec.json.decode(row, type=RuleDocument)
    except msgspec.ValidationError as error:
        place, detail = split_error(error)
        return BadRule("bad_shape", place, f"{detail}.")
    except (msgspec.MsgspecError, RecursionError) as error:
        return BadRule("bad_shape", "", f"This is no rule: {error!s:.200}.")
