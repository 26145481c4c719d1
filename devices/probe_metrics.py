"""Names that are offered for what was recognised, with their unit."""

from __future__ import annotations

from devices.canonical import CANONICAL_NAMES, lookup

# what register maps call the quantities of meters; each is a canonical channel under another name
_OF_MAPS = (
    *("power_active_total", "power_active_l1", "power_active_l2", "power_active_l3"),
    *("power_reactive_total", "power_apparent_total", "power_factor_total", "frequency"),
    *("voltage_l1", "voltage_l2", "voltage_l3", "voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"),
    *("current_l1", "current_l2", "current_l3", "current_neutral"),
    *("energy_import", "energy_export", "energy_reactive_import", "energy_reactive_export"),
)


def _offered() -> tuple[tuple[str, str], ...]:
    names = [*_OF_MAPS, *sorted(CANONICAL_NAMES - set(_OF_MAPS))]
    known = ((name, lookup(name)) for name in names)
    return tuple((name, template.source_unit) for name, template in known if template)


OFFERED_METRICS = _offered()
