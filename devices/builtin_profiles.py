"""The types of device that every installation knows: the files in devices/profiles.

A metric's meaning (unit, kind, range) comes from `devices.canonical`; a profile lists what
its devices send and how often, what they can be set to and what they can be told to do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

GATEWAY_HEALTH = "gateway-health"
FOLDER = Path(__file__).parent / "profiles"


class BadProfileFile(ValueError):
    """A file in devices/profiles cannot be read; the text names it and the field."""


class BuiltinProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type of device; `metrics` are the keys of its payloads.

    commands: see devices.command_schema. parameters: see devices.parameters. mapping: what its
    own firmware says means, see telemetry.decoding.spec. A higher
    `version` renews the profile of an installation that has an older one.
    """

    key: str
    name: str
    version: int = 1
    manufacturer: str = ""
    model: str = ""
    expected_interval_seconds: int = 60
    offline_after_seconds: int | None = None
    clock_policy: str = "reject"
    dialect: str = "standard"
    is_gateway: bool = False
    accepts_unknown: bool = True
    metrics: tuple[str, ...] = ()
    commands: list[dict[str, Any]] = []
    parameters: list[dict[str, Any]] = []
    register_map: dict[str, Any] = {}
    mapping: dict[str, Any] = {}
    image_format: str = "esp32"

    def fields(self) -> dict[str, Any]:
        """Return the values of a DeviceProfile, without its key."""
        found = msgspec.structs.asdict(self)
        return {name: value for name, value in found.items() if name not in {"key", "metrics"}}


def read_profile(path: Path) -> BuiltinProfile:
    """Read one file.

    Raises: BadProfileFile.
    """
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=BuiltinProfile)
    except msgspec.MsgspecError as error:
        raise BadProfileFile(f"{path.name}: {error}") from error
    if found.key != path.stem:
        raise BadProfileFile(f"{path.name}: key is {found.key!r}; it must be the file's name.")
    return found


@cache
def builtin_profiles() -> dict[str, BuiltinProfile]:
    """Return the profiles of all files by key."""
    files = sorted(FOLDER.glob("*.yaml"))
    return {profile.key: profile for profile in map(read_profile, files)}
