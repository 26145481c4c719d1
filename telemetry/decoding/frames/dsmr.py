"""DSMR P1 telegrams, and the IEC 62056-21 text that other meters send in the same form.

    /ISk5\\2MT382-1000
    1-3:0.2.8(50)
    0-0:1.0.0(170102192002W)              the telegram's time; W winter, S summer time
    1-0:1.8.1(000004.426*kWh)
    0-1:24.2.1(170102161005W)(00000.107*m3)    a meter behind the meter, with its own time
    !6EEE                                  CRC16 from `/` to `!`; version 2 has none

An OBIS code that is not known here still becomes a reading when it carries a unit.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from telemetry.decoding.frames.checksums import crc16_arc
from telemetry.decoding.frames.reading import MAX_PAYLOAD_BYTES, FrameError, FrameReading, Frames
from telemetry.quality import Quality

MAX_TELEGRAMS = 100
AHEAD_US = 300_000_000  # a meter behind the meter whose clock is ahead of the telegram's
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_START = re.compile(rb"(?:^|[\r\n\x00])(?=/[^\r\n!]{4,64}\r?\n)")
_END = re.compile(rb"[\r\n]!([0-9A-Fa-f]{0,4})[^\S\r\n]*(?:\r?\n|\x00|$)")
_LINE = re.compile(r"(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3})(?:\*(\d{1,3}))?((?:\([^()]*\))+)")
_GROUP = re.compile(r"\(([^()]*)\)")
_TIME = re.compile(r"(\d{12})([SW]?)")
_VALUE = re.compile(r"(-?\d{1,15}(?:\.\d{1,9})?)(?:\*([A-Za-z0-9³/]{1,8}))?")
_UNITS = {"m3": "m3", "m³": "m3", "VAr": "var", "kVAr": "kvar", "VArh": "varh", "kVArh": "kvarh"}
MEDIA = {2: "electricity", 3: "gas", 4: "heat", 6: "hot_water", 7: "water", 8: "heat_cost",
         10: "cooling", 12: "heat", 13: "heat"}  # fmt: skip
# without a unit these are counts or states; any other bare number may be a serial number
_BARE = re.compile(r"\d+-\d+:(?:96\.14\.0|96\.7\.\d+|[357]2\.3[26]\.0|96\.3\.10|24\.4\.0)")
_LOGS = ("99.97.0", "98.1.0")


@dataclass(slots=True)
class _Telegram:
    """Lines of one telegram: (OBIS code, its groups)."""

    lines: list[tuple[str, list[str]]] = field(default_factory=list)
    media: dict[str, str] = field(default_factory=dict)
    time: int | None = None
    version: str = ""


def decode_dsmr(payload: bytes, zone: dt.tzinfo) -> Frames:
    """Return the readings of every telegram of a payload; one that is damaged is left out.

    `zone` is where the meter hangs. The letter after a time says standard or summer time of
    the zone; where the zone has no summer time, they are UTC+1 and UTC+2, the meters' home.

    Raises:
        FrameError: no_frame, bad_checksum, no_checksum, encrypted, too_large,
            too_many_values: nothing at all could be read.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise FrameError("too_large", f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed.")
    if payload[:1] == b"\xdb":
        raise FrameError("encrypted", "The telegram is encrypted; decrypt it at the bridge.")
    frames = Frames()
    number = 0
    for number, part in enumerate(_split(payload)):
        try:
            _read_telegram(part, number, zone, frames)
        except FrameError as error:
            if error.code == "too_many_values":
                raise
            frames.problems.append((error.code, str(error)))
    if not frames.readings and frames.problems:
        code, detail = frames.problems[0]
        raise FrameError(code, detail)
    return frames


def _split(payload: bytes) -> list[bytes]:
    starts = [match.end() for match in _START.finditer(payload)][: MAX_TELEGRAMS + 1]
    if not starts:
        raise FrameError("no_frame", "No telegram begins here: it would start with '/'.")
    if len(starts) > MAX_TELEGRAMS:
        raise FrameError("too_many_values", f"More than {MAX_TELEGRAMS} telegrams at once.")
    return [
        payload[start:end] for start, end in zip(starts, [*starts[1:], len(payload)], strict=True)
    ]


def _read_telegram(part: bytes, number: int, zone: dt.tzinfo, frames: Frames) -> None:
    end = _END.search(part)
    if end is None:
        raise FrameError("no_frame", "The telegram has no end: a line that starts with '!'.")
    body = part[: end.start(1)]
    telegram = _parse(body.decode("latin-1"), zone)
    _check(body, end.group(1), telegram.version)
    for index, (obis, groups) in enumerate(telegram.lines):
        for reading in _readings(obis, groups, telegram, zone):
            frames.add(_placed(reading, number, index, telegram, frames))


def _check(body: bytes, checksum: bytes, version: str) -> None:
    """Compare the CRC; it must stand in telegrams of version 4 and later.

    Some meters drop leading zeros of the CRC, so it is compared as a number. Some bridges
    send only LF where the meter sent CR and LF; the CRC is over both.
    """
    if not checksum:
        if version[:1] in ("4", "5"):
            raise FrameError("no_checksum", f"A telegram of version {version} must have a CRC.")
        return
    found = crc16_arc(body)
    expected = int(checksum, 16)
    if found != expected and (b"\r" in body or crc16_arc(body.replace(b"\n", b"\r\n")) != expected):
        raise FrameError(
            "bad_checksum", f"The CRC is {found:04X}, the telegram says {checksum.decode()}."
        )


def _parse(text: str, zone: dt.tzinfo) -> _Telegram:
    telegram = _Telegram()
    for line in _logical_lines(text):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        obis, last, rest = match.groups()
        name = obis if last in (None, "255") else f"{obis}*{last}"
        groups = _GROUP.findall(rest)
        code = obis.partition(":")[2]
        if code == "1.0.0":
            telegram.time = _time(groups[0], zone)
        elif code == "0.2.8" or name == "0-0:96.1.4":
            # Belgium counts 50217 = version 5.0, release 2.17
            telegram.version = groups[0][:8]
        elif code == "24.1.0" and groups[0].isdecimal() and len(groups[0]) <= 3:
            telegram.media[obis.partition(":")[0]] = MEDIA.get(int(groups[0]), "")
        else:
            telegram.lines.append((name, groups))
    return telegram


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines; one that begins with a bracket continues the line before it."""
    held = ""
    for line in re.split(r"\r?\n", text):
        line = line.strip()
        if line.startswith("("):
            held += line
            continue
        if held:
            yield held
        held = line
    if held:
        yield held


def _readings(
    obis: str, groups: list[str], telegram: _Telegram, zone: dt.tzinfo
) -> Iterator[FrameReading]:
    if obis.endswith(_LOGS):  # lists of the past, not values of now
        return
    time, unit = telegram.time, ""
    if len(groups) > 1:
        moment = _time(groups[0], zone)
        if moment is None:
            return
        time = moment
        if len(groups) == 7:  # version 2: time, status, …, OBIS, unit, value
            unit = groups[5]
    match = _VALUE.fullmatch(groups[-1])
    if match is None:
        return
    unit = match.group(2) or unit
    if not unit and not _BARE.fullmatch(obis):
        return
    yield FrameReading(
        obis,
        float(match.group(1)),
        _UNITS.get(unit, unit),
        time,
        medium=telegram.media.get(obis.partition(":")[0], ""),
    )


def _placed(
    reading: FrameReading, number: int, index: int, telegram: _Telegram, frames: Frames
) -> FrameReading:
    quality = Quality.GOOD
    ahead = telegram.time is not None and reading.time is not None
    if ahead and (reading.time or 0) > (telegram.time or 0) + AHEAD_US:
        quality = Quality.UNCERTAIN
        detail = f"{reading.name} has a time after the telegram's own; check that meter's clock."
        frames.problems.append(("time_after_telegram", detail))
    return FrameReading(
        reading.name,
        reading.value,
        reading.unit,
        reading.time,
        quality,
        medium=reading.medium,
        frame=number,
        index=index,
    )


def _time(text: str, zone: dt.tzinfo) -> int | None:
    """Return YYMMDDhhmmss[S|W] in µs UTC; None when it is no time."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        naive = dt.datetime.strptime(match.group(1), "%y%m%d%H%M%S")  # noqa: DTZ007
        moment = naive - _offset(naive, match.group(2), zone)
    except (ValueError, OverflowError):
        return None
    return int((moment.replace(tzinfo=dt.UTC) - _EPOCH).total_seconds()) * 1_000_000


def _offset(naive: dt.datetime, letter: str, zone: dt.tzinfo) -> dt.timedelta:
    """Return the offset from UTC.

    Without a letter the zone decides; an hour that comes twice is then its first pass.
    """
    if not letter:
        return naive.replace(tzinfo=zone).utcoffset() or dt.timedelta()
    offsets = {
        naive.replace(month=month, day=1, tzinfo=zone).utcoffset() or dt.timedelta()
        for month in (1, 7)
    }
    if len(offsets) == 2:
        return max(offsets) if letter == "S" else min(offsets)
    return dt.timedelta(hours=2 if letter == "S" else 1)
