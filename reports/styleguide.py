"""Made-up values for the styleguide."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports.queries import ReadingGroup
from reports.readings import Reading
from reports.sparkline import draw_sparkline
from telemetry.quality import Quality

COLOURS = (
    "ground",
    "surface",
    "sunken",
    "line",
    "line-strong",
    "ink",
    "ink-soft",
    "ink-faint",
    "accent",
    "accent-soft",
    "band",
    "spark",
    "good-mark",
    "warn-mark",
    "bad-mark",
    "info-mark",
    "hand-mark",
    "calm-mark",
    "phase-l1",
    "phase-l2",
    "phase-l3",
    "phase-n",
)
STATES = ("online", "late", "offline", "silent")


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    label: Promise
    unit: str
    decimals: int
    value: float | None
    seconds: int | None
    quality: Quality = Quality.GOOD
    phase: str = "none"
    kind: str = "gauge"


_SAMPLES = (
    _Sample("active_power_net", _("Active power"), "kW", 3, 182.437, 4),
    _Sample("active_energy_import", _("Energy, import"), "kWh", 1, 1_284_905.2, 12, kind="total"),
    _Sample("voltage", _("Voltage"), "V", 1, 231.4, 3_700, Quality.UNCERTAIN, "l1"),
    _Sample("current", _("Current"), "A", 2, 88.15, 260_000, Quality.ESTIMATED, "l3"),
    _Sample("air_temp", _("Air temperature"), "Cel", 1, -3.5, 90, Quality.MANUAL),
    _Sample("power_factor", _("Power factor"), "1", 3, 1.734, 40, Quality.BAD),
    _Sample("humidity", _("Humidity"), "%", 1, None, None, Quality.MISSING),
)


class ExampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Name"), help_text=_("As it stands on the label."))
    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(
        label=_("Role"), choices=[("viewer", _("Viewer")), ("operator", _("Operator"))]
    )
    remember = forms.BooleanField(label=_("Tell me by e-mail"), required=False)


def example_context(*, now: dt.datetime) -> dict[str, Any]:
    """Return what the styleguide's template shows."""
    readings = tuple(_reading(sample, now) for sample in _SAMPLES)
    values = [40.0, 42, 55, 61, 58, 72, 90, 85, None, None, 66, 61, 70, 84, 79, 52, 44, 41]
    return {
        "now": now,
        "readings": readings,
        "tiles": readings[:4],
        "groups": (ReadingGroup(str(_("Power")), readings[:1]),),
        "spark": draw_sparkline(values),
        "page": Paginator(range(240), 50).page(2),
        "form": ExampleForm({"name": "", "email": "meter", "role": "viewer"}),
        "qualities": [quality.label for quality in Quality],
        "states": STATES,
        "colours": COLOURS,
    }


def _reading(sample: _Sample, now: dt.datetime) -> Reading:
    seconds = sample.seconds
    return Reading(
        key=f"example|{sample.name}",
        channel_id=0,
        name=sample.name,
        label=str(sample.label),
        short_label=str(sample.label),
        group="",
        order=(0, 0, sample.name),
        phase=sample.phase,
        kind=sample.kind,
        unit=sample.unit,
        decimals=sample.decimals,
        value=sample.value,
        at=None if seconds is None else now - dt.timedelta(seconds=seconds),
        quality=sample.quality.label,
    )
