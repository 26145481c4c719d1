"""Reads of a device's configuration."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.config_diff import Difference, changes, differences
from devices.models import Device, DeviceConfiguration, ReportedConfiguration

SHOWN_REVISIONS = 20


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision with what it changed against the one before."""

    revision: DeviceConfiguration
    changed: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """What a device should be set to, what it says, and how it came to that.

    `drift` is empty while nothing is desired or nothing was reported.
    """

    device: Device
    desired: DeviceConfiguration | None
    reported: ReportedConfiguration | None
    drift: Sequence[Difference] = ()
    history: Sequence[RevisionRow] = field(default_factory=list)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """What the type of device can be set to."""
        found: list[dict[str, Any]] = self.device.profile.parameters
        return found

    @property
    def reported_text(self) -> str:
        """What the device says, indented."""
        body = self.reported.body if self.reported else {}
        return json.dumps(body, indent=2, ensure_ascii=False)

    @property
    def live_until(self) -> dt.datetime | None:
        """The end of a trial that is going on, UTC."""
        return self.desired.live_until if self.desired else None


def configuration_of(device: Device) -> ConfigurationView:
    """Return everything about the configuration of a device; three queries."""
    rows = list(
        DeviceConfiguration.objects.filter(device=device)
        .select_related("author")
        .order_by("-revision")[: SHOWN_REVISIONS + 1]
    )
    reported = ReportedConfiguration.objects.filter(device=device).first()
    desired = rows[0] if rows else None
    drift = differences(desired.body, reported.body) if desired and reported else []
    return ConfigurationView(device, desired, reported, drift, _history(rows))


def _history(rows: list[DeviceConfiguration]) -> list[RevisionRow]:
    """Compare each with the next older; the oldest one read only serves the comparison."""
    older: list[dict[str, Any]] = [row.body for row in rows[1:]]
    is_first_known = bool(rows) and rows[-1].revision == 1
    if is_first_known:
        older.append({})
    return [
        RevisionRow(row, changes(before, row.body))
        for row, before in zip(rows, older, strict=False)
    ][:SHOWN_REVISIONS]
