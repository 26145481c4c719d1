"""Profiles: the types of device an installation knows."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction

from devices.builtin_profiles import BUILTIN_PROFILES, BuiltinProfile
from devices.canonical import discovered, lookup
from devices.models import DeviceProfile, ProfileChannel


class UnknownProfile(LookupError):
    """No built-in profile has this key."""


@transaction.atomic
def ensure_profile(*, key: str) -> DeviceProfile:
    """Return a built-in profile; make it, or the channels it lacks, when missing.

    What people changed in a profile or its channels stays.

    Raises:
        UnknownProfile: there is no built-in profile of this key.
    """
    builtin = BUILTIN_PROFILES.get(key)
    if builtin is None:
        raise UnknownProfile(f"{key!r} is none of: {', '.join(BUILTIN_PROFILES)}.")
    profile, made = DeviceProfile.objects.get_or_create(
        key=key,
        defaults={
            "name": builtin.name,
            "manufacturer": builtin.manufacturer,
            "model": builtin.model,
            "expected_interval_seconds": builtin.expected_interval_seconds,
        },
    )
    if made or profile.channels.count() < len(builtin.metrics):
        _add_channels(profile, builtin)
    return profile


def _add_channels(profile: DeviceProfile, builtin: BuiltinProfile) -> None:
    templates = [lookup(metric) or discovered(metric) for metric in builtin.metrics]
    ProfileChannel.objects.bulk_create(
        [ProfileChannel(profile=profile, **asdict(template)) for template in templates],
        ignore_conflicts=True,
    )
