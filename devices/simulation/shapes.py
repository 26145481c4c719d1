"""How much of its rated power a consumer takes, by the local time of its site."""

from __future__ import annotations

from devices.simulation.noise import uniform, wander
from devices.simulation.place import Place

RAMP_HOURS = 0.5


def shifts(place: Place, seed: int, t: float) -> float:
    """Two shifts on weekdays, one on Saturday, standby on Sunday; breaks and batches."""
    local = place.local_time(t)
    hour = local.hour + local.minute / 60 + local.second / 3600
    end = {5: 14.0, 6: 6.0}.get(local.weekday(), 22.0)
    running = min(_ramp(hour - 6.0), _ramp(end - hour))
    if 12.0 <= hour < 12.5 or 18.0 <= hour < 18.4:
        running *= 0.55
    batch = 0.82 + 0.13 * wander(seed, t, 1100) + 0.05 * wander(seed + 1, t, 45)
    return 0.07 + 0.02 * wander(seed + 2, t, 600) + 0.91 * running * batch


def cycling(place: Place, seed: int, t: float) -> float:
    """Switches on and off, more often by day: compressors, chillers, cranes."""
    local = place.local_time(t)
    busy = 0.75 if 7 <= local.hour < 20 and local.weekday() < 6 else 0.4
    period = 540 + 240 * uniform(seed, 0)
    cycle = int(t // period)
    duty = busy * (0.7 + 0.6 * uniform(seed + 1, cycle))
    position = t / period - cycle
    if position < min(duty, 0.95):
        start_current = 0.12 * max(0.0, 1 - position * period / 20)
        return 0.86 + start_current + 0.05 * wander(seed + 2, t, 30)
    return 0.06 + 0.01 * wander(seed + 3, t, 90)


def lighting(place: Place, seed: int, t: float) -> float:
    """On when the sun is down, dimmed late at night."""
    sun = place.sun(t)
    on = min(max((0.05 - sun) / 0.1, 0.0), 1.0)
    dimmed = 0.6 if place.local_time(t).hour in {0, 1, 2, 3, 4} else 1.0
    return 0.02 + 0.96 * on * dimmed + 0.01 * wander(seed, t, 300)


def building(place: Place, seed: int, t: float) -> float:
    """Whatever has no meter of its own: offices, ventilation, sockets."""
    local = place.local_time(t)
    hour = local.hour + local.minute / 60
    weekday = local.weekday() < 5
    present = min(_ramp((hour - 7.0) / 2), _ramp((19.0 - hour) / 2)) if weekday else 0.1
    return 0.38 + 0.5 * present + 0.08 * wander(seed, t, 900) + 0.03 * wander(seed + 1, t, 40)


SHAPES = {"shifts": shifts, "cycling": cycling, "lighting": lighting, "building": building}


def _ramp(hours: float) -> float:
    """Return 0 before, 1 after, and a straight line of half an hour between."""
    return min(max(hours / RAMP_HOURS, 0.0), 1.0)
