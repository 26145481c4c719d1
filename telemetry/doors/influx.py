"""From points of the line protocol to readings. Pure.

The device stands in the tag `device`, else in `host`, unless the key is a device's. The
metric is the measurement with its other tags as in a series key, and the field behind a dot;
a field called `value` adds nothing: `power,phase=l1 value=3` is `power,phase=l1`, and
`meter power=3` is `meter.power`.
"""

from __future__ import annotations

from telemetry.doors.given import DeviceName, Given, GivenReading, device_named
from telemetry.doors.line_protocol import Line, read_lines

_DEVICE, _HOST = "device", "host"
_GATEWAY = "gateway"


def read_points(text: str, precision: str, *, has_device: bool) -> Given:
    """Return the readings; the index is the number of the line, from 1.

    Raises: TooMuch.
    """
    given = Given()
    for found in read_lines(text, precision):
        if isinstance(found, Line):
            given.readings.append(_reading(found, has_device=has_device))
        else:
            given.refuse(found[0], "bad_line", found[1])
    given.check_size()
    return given


def _reading(line: Line, *, has_device: bool) -> GivenReading:
    tags = dict(line.tags)
    named, host = tags.pop(_DEVICE, None), tags.pop(_HOST, None)
    gateway = tags.pop(_GATEWAY, "") if named is not None else ""
    if named is None and host is not None and not has_device:
        named = host
    device: DeviceName | None = None
    if named is not None:
        device = DeviceName(gateway=gateway, uid=named) if gateway else device_named(named)
    series = ",".join([line.measurement, *(f"{name}={tags[name]}" for name in sorted(tags))])
    values = {
        series if name == "value" else f"{series}.{name}": value
        for name, value in line.fields.items()
    }
    return GivenReading(line.number, device, line.time, values)
