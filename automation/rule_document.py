"""The file in which rules leave one organisation and enter another. Pure.

    {"kind": "automation-rules", "version": 1, "rules": [
        {"name": "Water when dry", "site": "Izmir plant", "definition": {
            "when": [{"kind": "samples", "that": {"kind": "value", "below": 20, "channel":
                {"device": {"uid": "probe-1", "gateway": "gw-1"}, "channel": "soil_moisture"}}}],
            "then": [{"kind": "notify", "targets": ["Night shift"]}]}}]}

In a definition names stand instead of keys: of sites, targets, schedules and alarm rules as a
text, of zones with that of their site, devices by their uid and that of their gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from automation.rules.definition import BadRule
from energy.lib.documents import split_error

KIND = "automation-rules"
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
    """A channel of a device, by the name of its metric."""

    device: DeviceName
    channel: Short


class ZoneName(_Strict, frozen=True):
    """A zone of a site."""

    site: Short
    name: Short


class RuleDocument(_Strict, frozen=True):
    """A rule with what it does."""

    name: Short
    definition: dict[str, Any]
    site: Short = ""
    is_enabled: bool = False
    is_dry: bool = False


class _File(_Strict, frozen=True):
    kind: Literal["automation-rules"]
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
        raise BadRule("bad_file", "", f"This is no file of rules: {error!s:.200}") from None
    return [_read(row) for row in file.rules]


def _read(row: msgspec.Raw) -> RuleDocument | BadRule:
    if b"\\u0000" in bytes(row):
        return BadRule("bad_shape", "", "The character NUL stands in it.")
    try:
        return msgspec.json.decode(row, type=RuleDocument)
    except msgspec.ValidationError as error:
        place, detail = split_error(error)
        return BadRule("bad_shape", place, f"{detail}.")
    except (msgspec.MsgspecError, RecursionError) as error:
        return BadRule("bad_shape", "", f"This is no rule: {error!s:.200}.")
