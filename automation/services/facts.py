"""What rules may ask about besides the sample that set them off."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from astral import Observer
from astral.sun import elevation

from alarms.models import Alarm
from alarms.watching.reading import usable_since
from automation.queries.modes import zone_modes
from automation.rules.compiled import Sample, Truth
from automation.rules.definition import (
    SECOND_US,
    ActuatorIs,
    AlarmIs,
    DeviceIs,
    ModeIs,
    Payload,
    Value,
)
from devices.models import ActuatorState, Device, Severity, Site
from devices.presence import Presence
from devices.queries import with_presence
from telemetry.ingest.batch import to_microseconds
from telemetry.models import LatestValue
from telemetry.quality import Quality

HORIZON = -0.833  # degrees: refraction, and half of the disk of the sun
_UNUSABLE = (Quality.BAD, Quality.MISSING)
_PRESENT = {Presence.ONLINE.value, Presence.LATE.value}


def latest_values(channels: Collection[int]) -> dict[int, Sample]:
    """Return the newest usable sample of channels of the tenants in scope."""
    rows = LatestValue.objects.filter(
        channel_id__in=channels, value__isnull=False, time__isnull=False
    ).exclude(quality__in=_UNUSABLE)
    return {
        channel: (to_microseconds(time), value)
        for channel, time, value in rows.values_list("channel_id", "time", "value")
        if time is not None and value is not None
    }


class KnownFacts:
    """What is known at a moment; each question is asked of the database once.

    Make one for each tenant and moment, and use it in the scope of that tenant.
    """

    def __init__(
        self, *, now: dt.datetime, tenant_id: uuid.UUID, site: Site | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self._now = now
        self._tenant_id = tenant_id
        self._site = site
        self._payload = payload

    def lasted(self, part: Value) -> Truth:
        """Tell whether each sample of the last `for_` seconds was beyond the limit.

        The one before them counts too: it stood when they began. Unknown without it.
        """
        since = to_microseconds(self._now) - part.for_ * SECOND_US
        rows = usable_since([(part.channel, since - part.max_age * SECOND_US)], self._now)
        times, values = rows["time"], rows["value"]
        before = int((times <= since).sum())
        if not before:
            return None
        looked_at = values[before - 1 :]
        high = float("inf") if part.above is None else part.above
        low = float("-inf") if part.below is None else part.below
        return bool(((looked_at > high) | (looked_at < low)).all())

    def daylight(self) -> Truth:
        """Tell whether the sun is up at the rule's site; unknown without its coordinates."""
        site = self._site
        if site is None or site.latitude is None or site.longitude is None:
            return None
        observer = Observer(latitude=site.latitude, longitude=site.longitude)
        return elevation(observer, self._now) > HORIZON

    def has_alarm(self, part: AlarmIs) -> Truth:
        """Tell whether an alarm like this is open."""
        severities = Severity.values[Severity.values.index(part.severity) :]
        alarms = Alarm.objects.filter(tenant_id=self._tenant_id, ending="", severity__in=severities)
        for name in ("rule", "device", "site"):
            wanted = getattr(part, name)
            if wanted is not None:
                alarms = alarms.filter(**{f"{name}_id": wanted})
        return alarms.exists()

    def is_online(self, part: DeviceIs) -> Truth:
        """Tell whether a device is heard from."""
        devices = Device.objects.filter(tenant_id=self._tenant_id, id=part.device)
        found = with_presence(devices, now=self._now).values_list("presence", flat=True).first()
        return None if found is None else found in _PRESENT

    def is_on(self, part: ActuatorIs) -> Truth:
        """Tell whether an actuator is on: what it said, or what it was told since."""
        state = ActuatorState.objects.filter(
            tenant_id=self._tenant_id, device_id=part.device, actuator=part.actuator
        ).first()
        if state is None or (state.is_on is None and not state.is_commanded_on):
            return None
        return state.may_be_on

    def mode(self, part: ModeIs) -> str | None:
        """Return how a zone is controlled."""
        return zone_modes([part.zone]).get(part.zone, "auto")

    def member(self, part: Payload) -> Any:
        """Return what a webhook sent under a path."""
        found: Any = self._payload
        for name in part.path.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found
