"""What conditions saw, as it is kept with an execution."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from automation.rules.compiled import Seen
from automation.rules.definition import Formula, Value, write_condition
from devices.models import Channel
from telemetry.ingest.batch import from_microseconds


class Labels:
    """Names of channels, each asked for once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[uuid.UUID, str, str]] = {}

    def as_json(self, seen: Seen, tenant_id: uuid.UUID) -> dict[str, Any]:
        """Return what a part saw: `what` in words, `part` as it stands in the rule."""
        found: dict[str, Any] = {
            "place": seen.place, "what": seen.part.__struct_config__.tag,
            "part": write_condition(seen.part), "holds": seen.holds,
        }  # fmt: skip
        if isinstance(seen.part, Value | Formula):
            found |= {"value": seen.value, "at": _moment(seen.at)}
        if isinstance(seen.part, Value):
            owner, name, unit = self._channel(seen.part.channel)
            if owner == tenant_id:
                found |= {"what": name, "unit": unit}
        if isinstance(seen.part, Formula):
            found |= {"what": seen.part.formula, "unit": seen.part.unit}
        return found

    def load(self, channels: set[int]) -> None:
        """Ask for the names of several channels at once."""
        missing = channels - self._known.keys()
        if not missing:
            return
        rows = Channel.objects.filter(id__in=missing).select_related("device")
        for row in rows:
            label = f"{row.device.name} · {row.name}"
            self._known[row.id] = (row.tenant_id, label, row.unit)

    def _channel(self, channel: int) -> tuple[uuid.UUID | None, str, str]:
        self.load({channel})
        return self._known.get(channel, (None, f"#{channel}", ""))


def _moment(at: int | None) -> str | None:
    if at is None:
        return None
    return from_microseconds(at).astimezone(dt.UTC).isoformat()
