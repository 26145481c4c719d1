"""Takes over what a ThingsBoard gateway knows of Modbus devices, and lists what it cannot.

Three forms of its connector file are known: {"master": {"slaves": […]}}, {"slaves": […]} and
the oldest, {"server": {…, "devices": […]}}. What a slave does not say of byte and word order is
LITTLE, as it is there. `divider` and `multiplier` become the scale. Writes are taken over for
single bits only: other values have no limits there, and nothing is written without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.canonical import is_metric
from devices.modbus.client import BusAddress
from devices.modbus.fields import BadRegisterMap, whole_number
from devices.modbus.maps import ENERGY, IDENTITY, Register, read_map, share_bits
from devices.modbus.types import STRING, TYPE_NAMES

MOST_SLAVES = 500
MOST_ROWS = 1000
MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS = 0.05, 30.0

_SIZED = re.compile(r"(16|32|64)(int|uint|float)")
_BY_COUNT = {"int": "int", "long": "int", "integer": "int", "uint": "uint", "float": "float",
             "double": "float"}  # fmt: skip
_PARITIES = {"N": "N", "NONE": "N", "E": "E", "EVEN": "E", "O": "O", "ODD": "O"}
_COMMAND = re.compile(r"[A-Za-z0-9.:_-]{1,64}")


class NotThingsBoard(ValueError):
    """The text is not the file of a ThingsBoard Modbus connector."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not taken over: `where` names slave, list and tag."""

    where: str
    reason: str


@dataclass(slots=True)
class ImportedSlave:
    """A device: how it is reached, and its register map in the form of `read_map`.

    address: None when its kind of connection is not supported. Times in seconds.
    """

    name: str
    device_type: str
    unit_id: int
    address: BusAddress | None
    timeout_seconds: float
    fast_seconds: float
    slow_seconds: float
    register_map: dict[str, Any] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, where: str, reason: str) -> None:
        self.skipped.append(Skipped(f"{self.name}, {where}", reason))


def import_thingsboard(text: str | bytes) -> list[ImportedSlave]:
    """Read a connector file.

    Raises: NotThingsBoard: it is no JSON, or has no slaves.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotThingsBoard(f"This is not JSON: {error}.") from error
    slaves = list(_slaves(raw)) if isinstance(raw, Mapping) else []
    if not slaves:
        raise NotThingsBoard("No slaves: expected master.slaves, slaves or server.devices.")
    if len(slaves) > MOST_SLAVES:
        raise NotThingsBoard(f"{len(slaves)} slaves; at most {MOST_SLAVES} at once.")
    return [_read_slave(slave, number) for number, slave in enumerate(slaves, 1)]


def _slaves(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the slaves, each with what stands around it."""
    for holder in (raw.get("master"), raw, raw.get("server")):
        if not isinstance(holder, Mapping):
            continue
        common = {key: value for key, value in holder.items() if not isinstance(value, list | dict)}
        for key in ("slaves", "devices"):
            listed = holder.get(key)
            for slave in listed if isinstance(listed, list) else ():
                if isinstance(slave, Mapping):
                    yield {**common, **slave}


def _read_slave(slave: Mapping[str, Any], number: int) -> ImportedSlave:
    unit = whole_number(slave.get("unitId", 1))
    found = ImportedSlave(
        name=str(slave.get("deviceName") or f"slave {number}")[:100],
        device_type=str(slave.get("deviceType") or ""),
        unit_id=unit if unit is not None and 0 <= unit <= 255 else 1,
        address=None,
        timeout_seconds=_between(_number(slave.get("timeout"), 1.0)),
        fast_seconds=_period(slave, "timeseriesPollPeriod", "pollPeriod", 10.0),
        slow_seconds=_period(slave, "attributesPollPeriod", "pollPeriod", 60.0),
    )
    if found.unit_id != unit:
        found.skip("unitId", f"{slave.get('unitId')!r} is none; taken as 1")
    found.address = _read_address(slave, found)
    rows = _read_rows(slave, found)
    found.register_map = {"registers": rows, "max_gap": 10}
    if writes := list(_read_writes(slave, found)):
        found.register_map["writes"] = writes
    return found


def _period(slave: Mapping[str, Any], own: str, common: str, default: float) -> float:
    milliseconds = _number(slave.get(own, slave.get(common)), default * 1000)
    return min(86_400.0, max(0.2, milliseconds / 1000))


def _between(seconds: float) -> float:
    return min(MAX_TIMEOUT_SECONDS, max(MIN_TIMEOUT_SECONDS, seconds))


def _read_address(slave: Mapping[str, Any], found: ImportedSlave) -> BusAddress | None:
    kind = str(slave.get("type", "tcp")).lower()
    method = str(slave.get("method", "rtu" if kind == "serial" else "socket")).lower()
    if kind == "tcp" and method in {"socket", "rtu"}:
        make = BusAddress.tcp if method == "socket" else BusAddress.rtu_over_tcp
        port = whole_number(slave.get("port", 502))
        if port is not None and 1 <= port <= 65535:
            return make(str(slave.get("host", "")), port)
        found.skip("port", f"{slave.get('port')!r} is no port")
    elif kind == "serial" and method == "rtu":
        return _serial_address(slave, found)
    else:
        found.skip("type", f"{kind} with {method} is not supported; tcp and serial RTU are")
    return None


def _serial_address(slave: Mapping[str, Any], found: ImportedSlave) -> BusAddress | None:
    parity = _PARITIES.get(str(slave.get("parity", "N")).upper())
    stop_bits = whole_number(slave.get("stopbits", 1))
    baudrate = whole_number(slave.get("baudrate", 9600))
    if parity is None or stop_bits not in {1, 2} or not baudrate or slave.get("bytesize", 8) != 8:
        found.skip("port", "only 8 bits, parity N, E or O and 1 or 2 stop bits are supported")
        return None
    return BusAddress.rtu(str(slave.get("port", "")), baudrate, parity, int(stop_bits))


def _read_rows(slave: Mapping[str, Any], found: ImportedSlave) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    taken: list[Register] = []
    for group in ("timeseries", "attributes"):
        for where, item in _items(slave, group, found):
            for row in _rows_of(item, slave, group, where, found):
                problem = _problem(row, taken)
                if problem:
                    found.skip(where, problem)
                else:
                    rows.append(row)
    return rows


def _items(
    slave: Mapping[str, Any], group: str, found: ImportedSlave
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    listed = slave.get(group)
    for number, item in enumerate(listed if isinstance(listed, list) else (), 1):
        tag = item.get("tag") if isinstance(item, Mapping) else None
        where = f"{group} {tag or number}"
        if number > MOST_ROWS:
            found.skip(where, f"more than {MOST_ROWS} in one list")
            return
        if not isinstance(item, Mapping) or not isinstance(tag, str) or not is_metric(tag):
            found.skip(where, "has no tag that could be a name")
        else:
            yield where, item


def _rows_of(
    item: Mapping[str, Any], slave: Mapping[str, Any], group: str, where: str, found: ImportedSlave
) -> Iterator[dict[str, Any]]:
    """Return the rows of a tag: one, or one for each of several single bits."""
    address, function = whole_number(item.get("address")), whole_number(item.get("functionCode", 3))
    count = whole_number(item.get("objectsCount", item.get("registerCount", 1)))
    if address is None or function not in {1, 2, 3, 4} or count is None or not 1 <= count <= 125:
        found.skip(where, "address, functionCode (1 to 4) or objectsCount is missing or wrong")
        return
    row: dict[str, Any] = {"metric": item["tag"], "address": address, "function": function}
    if function in {1, 2}:
        names = [item["tag"]] if count == 1 else [f"{item['tag']}_{n}" for n in range(count)]
        for place, name in enumerate(names):
            yield row | {"metric": name, "address": address + place, "type": "bit"}
        return
    type_fields = _type_of(item, count)
    if type_fields is None:
        found.skip(where, f"type {item.get('type')!r} is not supported")
        return
    row |= type_fields
    if row["type"] == STRING:
        row["rate"] = IDENTITY
    elif group == "attributes":
        row["rate"] = ENERGY  # seldom
    if row["type"] not in {STRING, "bit", "bits"}:
        row["order"] = _order(item, slave)
        row |= _scale(item)
    yield row


def _type_of(item: Mapping[str, Any], count: int) -> dict[str, Any] | None:
    name = str(item.get("type", "")).lower()
    if name == "string":
        return {"type": STRING, "words": count}
    if name in {"bit", "bits"}:
        bit = whole_number(item.get("bit"))
        return {"type": "bits", "words": count} if bit is None else {"type": "bit", "bit": bit}
    if sized := _SIZED.fullmatch(name):
        bits, kind = sized.groups()
    elif name in _BY_COUNT:
        bits, kind = str(16 * count), _BY_COUNT[name]
    else:
        return None
    return {"type": f"{kind}{bits}"} if f"{kind}{bits}" in TYPE_NAMES else None


def _order(item: Mapping[str, Any], slave: Mapping[str, Any]) -> str:
    def is_little(key: str) -> bool:
        return str(item.get(key) or slave.get(key) or "LITTLE").upper() != "BIG"

    names = {(False, False): "ABCD", (False, True): "CDAB", (True, False): "BADC"}
    return names.get((is_little("byteOrder"), is_little("wordOrder")), "DCBA")


def _scale(item: Mapping[str, Any]) -> dict[str, float]:
    divider, multiplier = _number(item.get("divider"), 1), _number(item.get("multiplier"), 1)
    scale = (multiplier or 1) / (divider or 1)
    return {} if scale == 1 else {"scale": scale}


def _number(given: object, default: float) -> float:
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        try:
            found = float(given)
        except (ValueError, OverflowError):
            return default
        return found if abs(found) < 1e15 else default
    return default


def _problem(row: dict[str, Any], taken: list[Register]) -> str:
    """Return why a row cannot stand beside those before; note it as taken if it can."""
    try:
        [register] = read_map({"registers": [row], "max_block": 125}).registers
    except BadRegisterMap as error:
        return error.problems[0].rstrip(".")
    for other in taken:
        if other.metric == register.metric:
            return f"{register.metric} stands there twice"
        is_near = other.function == register.function
        if is_near and other.address < register.end and register.address < other.end:
            if share_bits(other, register):
                continue
            return f"its registers overlap with those of {other.metric}"
    taken.append(register)
    return ""


def _read_writes(slave: Mapping[str, Any], found: ImportedSlave) -> Iterator[dict[str, Any]]:
    names: set[str] = set()
    for group in ("attributeUpdates", "rpc"):
        for where, item in _items(slave, group, found):
            tag, address = item["tag"], whole_number(item.get("address"))
            function = whole_number(item.get("functionCode"))
            if function in {6, 16}:
                found.skip(where, "has no limits: add it to writes by hand with min and max")
            elif function != 5 or address is None or not 0 <= address <= 65535:
                found.skip(where, "is not a write of a single bit; what is read is polled")
            elif not _COMMAND.fullmatch(tag) or tag in names:
                found.skip(where, "the tag is no name for a command, or stands there twice")
            else:
                names.add(tag)
                yield {"command": tag, "address": address, "type": "bit", "function": 5}
