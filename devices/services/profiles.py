"""Profiles: the types of device an installation knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.db import transaction

from devices.builtin_profiles import BuiltinProfile, builtin_profiles
from devices.canonical import discovered, lookup
from devices.command_schema import BadCommandSchema, read_commands
from devices.modbus.maps import BadRegisterMap, read_map
from devices.models import DeviceProfile, ProfileChannel
from devices.parameters import BadParameters, check_parameters

COPIED = (
    *("name", "manufacturer", "model", "expected_interval_seconds", "offline_after_seconds"),
    *(
        "clock_policy",
        "dialect",
        "is_gateway",
        "accepts_unknown",
        "commands",
        "parameters",
        "register_map",
    ),
    *("mapping", "image_format"),
)


# what is wrong with a profile, by field
Check = Callable[[DeviceProfile], dict[str, str]]
_checks: list[Check] = []


class UnknownProfile(LookupError):
    """No built-in profile has this key."""


@transaction.atomic
def ensure_profile(*, key: str) -> DeviceProfile:
    """Return a built-in profile; make it, or the channels it lacks, when missing.

    A newer version of its file replaces what the file describes. What people changed in its
    channels stays.

    Raises:
        UnknownProfile: there is no built-in profile of this key.
    """
    builtin = builtin_profiles().get(key)
    if builtin is None:
        raise UnknownProfile(f"{key!r} is none of: {', '.join(builtin_profiles())}.")
    profile, made = DeviceProfile.objects.get_or_create(
        key=key, defaults={**builtin.fields(), "is_builtin": True}
    )
    if not made and (profile.version < builtin.version or not profile.is_builtin):
        for name, value in builtin.fields().items():
            setattr(profile, name, value)
        profile.is_builtin = True
        profile.save()
    if made or profile.channels.count() < len(builtin.metrics):
        _add_channels(profile, builtin)
    return profile


def sync_profiles() -> list[DeviceProfile]:
    """Make or renew every profile that comes with the product."""
    return [ensure_profile(key=key) for key in builtin_profiles()]


@transaction.atomic
def copy_profile(*, profile: DeviceProfile) -> DeviceProfile:
    """Save a copy that may be changed, with the channels; its key ends in -copy, -copy-2 …"""
    stem, number = f"{profile.key[:40]}-copy", 1
    while DeviceProfile.objects.filter(key=stem if number == 1 else f"{stem}-{number}").exists():
        number += 1
    made = DeviceProfile.objects.create(
        key=stem if number == 1 else f"{stem}-{number}",
        **{name: getattr(profile, name) for name in COPIED},
    )
    channels = list(profile.channels.order_by("name", "id"))
    for channel in channels:
        channel.pk, channel._state.adding, channel.profile = None, True, made
        channel.id = ProfileChannel().id
    ProfileChannel.objects.bulk_create(channels)
    return made


def register_check(check: Check) -> None:
    """Let a check that lives above devices see every profile before it is saved by people."""
    _checks.append(check)


def check_profile(profile: DeviceProfile) -> None:
    """Refuse commands, parameters, registers or a mapping that nothing could understand.

    Raises: ValidationError: by field, with what to write instead.
    """
    problems: dict[str, str] = {}
    try:
        read_commands(profile.commands)
    except BadCommandSchema as error:
        problems["commands"] = str(error)
    try:
        check_parameters(profile.parameters)
    except BadParameters as error:
        problems["parameters"] = str(error)
    try:
        if profile.register_map:
            read_map(profile.register_map)
    except BadRegisterMap as error:
        problems["register_map"] = str(error)
    for check in _checks:
        problems |= check(profile)
    if problems:
        raise ValidationError(problems)


def _add_channels(profile: DeviceProfile, builtin: BuiltinProfile) -> None:
    templates = [lookup(metric) or discovered(metric) for metric in builtin.metrics]
    ProfileChannel.objects.bulk_create(
        [ProfileChannel(profile=profile, **asdict(template)) for template in templates],
        ignore_conflicts=True,
    )
