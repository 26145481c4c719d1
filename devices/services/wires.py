"""Buses, units and lines: what is checked before a wire is driven as somebody typed it in.

A wrong address or unit number reads another meter, or opens a port that has an owner. So each
check says what is wrong and, where it can, what would be right.
"""

from __future__ import annotations

import ipaddress
import re
import termios
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.tenancy import all_tenants
from devices.models import Device, ModbusBus, ModbusUnit, SerialLine
from devices.wires.reach import AddressRefused, addresses_of

BY_ID = Path("/dev/serial/by-id")
_USUAL_RATES = (300, 600, 1200, 2400, 4800, 9600, 14_400, 19_200, 28_800, 38_400, 57_600, 76_800,
              115_200, 230_400, 250_000, 460_800, 500_000, 921_600, 1_000_000)  # fmt: skip
# what this system can set
BAUD_RATES = tuple(rate for rate in _USUAL_RATES if hasattr(termios, f"B{rate}"))
URL_SCHEMES = ("socket", "rfc2217")
LOOK_UP_SECONDS = 3.0
LAST_UNIT = 247  # above are reserved numbers; a gateway of TCP may answer to 255
Problems = dict[str, str]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
_look_ups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="wire-dns")


def check_bus(bus: ModbusBus, *, is_elsewhere: bool = False) -> None:
    """Refuse a bus that could not be reached, or that another bus or line drives already.

    Args: is_elsewhere: its serial port is at another machine, so nobody looks for it here.

    Raises: ValidationError: by field.
    """
    problems = _problems_of_port(bus, is_elsewhere) if bus.kind == ModbusBus.Kind.RTU else None
    _refuse(_problems_of_address(bus) if problems is None else problems)


def check_unit(unit: ModbusUnit) -> None:
    """Refuse a unit whose number is taken or reserved, or whose device is elsewhere.

    Raises: ValidationError: by field.
    """
    problems = _problems_of_device(unit.device, other="serial_line")
    if unit.device.site_id != unit.bus.site_id:
        problems["device"] = _(
            "This device stands at %(site)s, the bus at %(other)s: choose one of the same site."
        ) % {"site": unit.device.site, "other": unit.bus.site}
    number = _problem_of_number(unit)
    if number:
        problems["unit_id"] = number
    _refuse(problems)


def check_line(line: SerialLine, *, is_elsewhere: bool = False) -> None:
    """Refuse a line whose port does not exist, has another owner, or lies in a wrong network.

    Args: is_elsewhere: as for `check_bus`.

    Raises: ValidationError: by field.
    """
    problems = _problems_of_device(line.device, other="modbus_unit")
    if line.baudrate not in BAUD_RATES:
        problems["baudrate"] = _no_such_rate()
    port = _problem_of_url(line.port) if "://" in line.port else ""
    if "://" not in line.port:
        port = "" if is_elsewhere else _problem_of_path(line.port)
    port = port or _taken_by(line.port, bus=None, line=line)
    if port:
        problems["port"] = port
    _refuse(problems)


def stable_name(port: str) -> str:
    """Return the name below /dev/serial/by-id of a port that is named otherwise, else "".

    /dev/ttyUSB0 is another adapter after the next start; a name by id never is.
    """
    if port.startswith(str(BY_ID)) or not port.startswith("/dev/"):
        return ""
    target = Path(port).resolve()
    return next((name for name in serial_ports() if Path(name).resolve() == target), "")


def serial_ports() -> list[str]:
    """Return the serial ports of this machine by names that stay."""
    return sorted(str(path) for path in BY_ID.iterdir()) if BY_ID.is_dir() else []


def _refuse(problems: Problems) -> None:
    if problems:
        raise ValidationError(dict(problems))


def _problems_of_port(bus: ModbusBus, is_elsewhere: bool) -> Problems:
    problems: Problems = {}
    if bus.baudrate not in BAUD_RATES:
        problems["baudrate"] = _no_such_rate()
    found = "" if is_elsewhere and bus.serial_port else _problem_of_path(bus.serial_port)
    found = found or _taken_by(bus.serial_port, bus=bus, line=None)
    if found:
        problems["serial_port"] = found
    return problems


def _problems_of_address(bus: ModbusBus) -> Problems:
    problem = problem_of_host(bus.host, bus.port)
    if problem:
        return {"host": problem}
    with all_tenants():
        others = ModbusBus.objects.exclude(kind=ModbusBus.Kind.RTU).exclude(id=bus.id)
        other = others.filter(host__iexact=bus.host, port=bus.port).order_by("id").first()
    if other is None:
        return {}
    text = _("The bus “%(name)s” is at this address already: put the units on it.")
    return {"host": text % {"name": other.name}}


def problem_of_host(host: str, port: int) -> str:
    """Say why a wire may not lead to a host; "" when it may."""
    if not host:
        return _("Write the name or the address of the gateway, such as 192.168.1.40.")
    if not _NAME.fullmatch(host) and not _is_address(host):
        return _("Write a name or an address only, such as 192.168.1.40, and the port beside it.")
    try:
        _look_ups.submit(addresses_of, host, port).result(LOOK_UP_SECONDS)
    except TookTooLong:
        return _("%(host)s was not found in time: write its address.") % {"host": host}
    except AddressRefused as error:
        if _is_address(host) or "WIRE_NETWORKS" in str(error):
            return _(
                "%(detail)s Wires may lead only into the networks of that setting; "
                "whoever runs the platform can add one."
            ) % {"detail": error}
        return _("%(host)s leads nowhere: write its address.") % {"host": host}
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _problem_of_path(port: str) -> str:
    path = Path(port)
    if not port.startswith("/"):
        problem = _("Write the whole path of the port.")
    elif not path.exists():
        problem = _("There is no %(port)s at this machine.") % {"port": port}
    elif not path.is_char_device():
        problem = _("%(port)s is no serial port.") % {"port": port}
    else:
        return ""
    found = serial_ports()
    if not found:
        return f"{problem} " + _(
            "No serial adapter is plugged in here. If the port is at the machine of another "
            "process, tick “at another machine”."
        )
    return f"{problem} " + _("There are: %(ports)s") % {"ports": ", ".join(found)}


def _problem_of_url(port: str) -> str:
    parts = urlsplit(port)
    try:
        number = parts.port
    except ValueError:
        number = None
    if parts.scheme not in URL_SCHEMES or not parts.hostname or number is None:
        return _("Write a path, or socket://host:port or rfc2217://host:port.")
    if parts.username or parts.path.strip("/"):
        return _("Write only host and port after ://.")
    return problem_of_host(parts.hostname, number)


def _taken_by(port: str, *, bus: ModbusBus | None, line: SerialLine | None) -> str:
    """Say who drives a port already; two names of one port are the same port."""
    same = _names_of(port)
    with all_tenants():
        buses = ModbusBus.objects.filter(kind=ModbusBus.Kind.RTU, serial_port__in=same)
        lines = SerialLine.objects.filter(port__in=same).select_related("device")
        other_bus = (buses.exclude(id=bus.id) if bus else buses).order_by("id").first()
        other_line = (lines.exclude(id=line.id) if line else lines).order_by("id").first()
        if other_bus is not None:
            text = _("The bus “%(name)s” drives this port already.")
            return text % {"name": other_bus.name}
        if other_line is not None:
            text = _("The line of “%(name)s” drives this port already.")
            return text % {"name": other_line.device.name}
    return ""


def _names_of(port: str) -> list[str]:
    if "://" in port or not port:
        return [port]
    target = str(Path(port).resolve())
    others = [name for name in serial_ports() if str(Path(name).resolve()) == target]
    return list(dict.fromkeys([port, target, *others]))


def _problems_of_device(device: Device, *, other: str) -> Problems:
    if device.gateway_id is not None:
        text = _("This device is behind the gateway “%(name)s”, which reads it.")
        return {"device": text % {"name": device.gateway}}
    if hasattr(device, other):
        words = {
            "serial_line": _("This device is on a serial line already."),
            "modbus_unit": _("This device is on a Modbus bus already."),
        }
        return {"device": words[other]}
    return {}


def _problem_of_number(unit: ModbusUnit) -> str:
    is_line = unit.bus.kind != ModbusBus.Kind.TCP
    if is_line and unit.unit_id == 0:
        return _("0 is the broadcast of a line: nobody answers it. Units are 1 to 247.")
    if is_line and unit.unit_id > LAST_UNIT:
        return _("Numbers above 247 are reserved on a line.")
    same = Q(bus=unit.bus, unit_id=unit.unit_id)
    with all_tenants():
        other = ModbusUnit.objects.filter(same).exclude(id=unit.id).first()
        if other is None:
            return ""
        text = _("Unit %(number)s of this bus is “%(device)s” already.")
        return text % {"number": unit.unit_id, "device": other.device}


def _no_such_rate() -> str:
    return _("Choose one of %(rates)s.") % {"rates": ", ".join(map(str, BAUD_RATES))}
