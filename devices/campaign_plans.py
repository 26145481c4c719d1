"""Makes a plan of what a form or a request of the API asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from devices.models import CampaignKind, Device, DeviceProfile, FirmwareRelease, Site, Zone
from devices.services.campaign_selection import Plan
from devices.services.campaigns import BadPlan
from devices.services.firmware import ReleaseGone

_SAME = ("name", "kind", "version", "canary", "waves", "halt_percent", "max_tries",
         "allows_downgrade")  # fmt: skip


def plan_of(asked: Mapping[str, Any]) -> Plan:
    """Return the plan; ids that are not the tenant's find nothing.

    Raises: ReleaseGone, BadPlan.
    """
    release, profile = None, None
    if asked["kind"] == CampaignKind.FIRMWARE:
        rows = FirmwareRelease.objects.select_related("profile")
        wanted = asked.get("release")
        release = rows.filter(id=wanted).first() if wanted else None
        if release is None:
            raise ReleaseGone
        profile = release.profile
    else:
        profile = DeviceProfile.objects.filter(key=asked.get("profile") or "").first()
    if profile is None:
        raise BadPlan(_("There is no such type of device."))
    is_firmware = release is not None
    _check_places(asked)
    return Plan(
        profile=profile,
        release=release,
        configuration={} if is_firmware else asked.get("config") or {},
        site_id=asked.get("site"),
        zone_id=asked.get("zone"),
        device_ids=list(asked.get("devices") or ()),
        pause_seconds=asked["pause_s"],
        **{name: asked[name] for name in _SAME},
    )


def _check_places(asked: Mapping[str, Any]) -> None:
    """Refuse places and devices that are not the tenant's, instead of finding nobody there."""
    if asked.get("site") and not Site.objects.filter(id=asked["site"]).exists():
        raise BadPlan(_("There is no such site."))
    if asked.get("zone") and not Zone.objects.filter(id=asked["zone"]).exists():
        raise BadPlan(_("There is no such zone."))
    wanted = set(asked.get("devices") or ())
    if wanted and Device.objects.filter(id__in=wanted).count() != len(wanted):
        raise BadPlan(_("Some of the devices do not exist."))
