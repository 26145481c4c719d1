"""The mappings that come with the product."""

from __future__ import annotations

from functools import cache

from devices.builtin_profiles import builtin_profiles
from telemetry.decoding.mapping import Mapping, compile_mapping


@cache
def shipped_mappings() -> dict[str, Mapping]:
    """Return the mappings of all profiles in devices/profiles by key."""
    return {
        key: compile_mapping(profile.mapping)
        for key, profile in builtin_profiles().items()
        if profile.mapping
    }
