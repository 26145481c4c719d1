"""Every `must` rule of the recorded frames and serial lines, one check for each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest

from telemetry.ingest.decode import DecodeError, Reading
from telemetry.quality import Quality
from tests.decoding.test_real_frames import ZONE, decode, found_values, problems
from tests.frames.realdata import PAYLOADS, needs_realdata

pytestmark = needs_realdata
FAMILIES = ("dsmr-p1", "sml", "mbus", "seed-orge1-serial", "seed-hydro2.0")


def read(family: str, file: str) -> list[Reading]:
    return decode(family, (PAYLOADS / family / file).read_bytes())


def values(family: str, file: str) -> dict[str, float]:
    found = found_values(read(family, file))
    return {name: value for name, (value, *_rest) in found.items()}


def times(file: str) -> dict[str, dt.datetime | None]:
    return {name: r.raw_time for name, (_, _, r) in found_values(read("dsmr-p1", file)).items()}


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def gas_of_the_next_line() -> bool:
    return times("p1-01.payload")["gas_volume"] == utc("2016-11-07T18:00:00Z")


def needs_no_checksum() -> bool:
    data = (PAYLOADS / "dsmr-p1/p1-01.payload").read_bytes()
    return data.strip().endswith(b"!") and bool(decode("dsmr-p1", data))


def winter_is_an_hour_ahead() -> bool:
    winter = times("p1-02.payload")["active_energy_import_t1"]
    summer = times("p1-05.payload")["active_energy_import_t1"]
    return (winter, summer) == (utc("2016-11-13T19:57:57Z"), utc("2020-05-12T11:54:09Z"))


def refuses(file: str, old: bytes, new: bytes) -> bool:
    data = (PAYLOADS / "dsmr-p1" / file).read_bytes()
    assert data.count(old) == 1
    with pytest.raises(DecodeError) as caught:
        decode("dsmr-p1", data.replace(old, new))
    return caught.value.code == "bad_checksum"


def gas_is_flagged() -> bool:
    readings = read("dsmr-p1", "p1-02.payload")
    gas = found_values(readings)["gas_volume"][2]
    return gas.quality is Quality.UNCERTAIN and problems(readings) == ["time_after_telegram"]


def log_is_no_value() -> bool:
    found = [time for time in times("p1-02.payload").values() if time]
    return min(found) > utc("2016-01-01T00:00:00Z")


def tariffs_are_numbers() -> bool:
    found = values("dsmr-p1", "p1-05.payload")
    return (found["active_energy_import_t1"], found["active_energy_import_t2"]) == (0.034, 15.758)


def media_are_told_apart() -> bool:
    return {"gas_volume", "water_volume"} <= values("dsmr-p1", "p1-05.payload").keys()


def short_checksum() -> bool:
    data = (PAYLOADS / "dsmr-p1/p1-08.payload").read_bytes()
    return data.strip().endswith(b"!B9F") and bool(decode("dsmr-p1", data))


def heat_without_electricity() -> bool:
    readings = read("dsmr-p1", "p1-08.payload")
    names = found_values(readings).keys()
    return not any(name.startswith("active") for name in names) and not problems(readings)


def digits_survive() -> bool:
    return values("dsmr-p1", "p1-09.payload")["active_energy_import"] == 52185.7825309


def watts_and_garbage() -> bool:
    data = (PAYLOADS / "dsmr-p1/p1-09.payload").read_bytes()
    found = values("dsmr-p1", "p1-09.payload")
    return b"\xff" in data[data.rindex(b"!") :] and found["active_power_l1"] == 0.74785


def several_telegrams() -> bool:
    found = values("sml", "sml-01.bin")
    return (found["active_energy_import_t1"], found["active_power_import"]) == pytest.approx(
        (14798.1129, 0.0138)
    )


def corrupt_is_skipped() -> bool:
    readings = read("sml", "sml-04.bin")
    return "active_energy_import" in found_values(readings) and problems(readings) != []


def billed_is_not_now() -> bool:
    found = found_values(read("mbus", "mbus-01.payload"))
    now, billed = found["thermal_energy"], found["billed_energy_1"]
    return now[2].raw_time is None and billed[2].raw_time == dt.datetime(2010, 12, 31, tzinfo=ZONE)


def unended_is_refused() -> bool:
    with pytest.raises(DecodeError):
        read("seed-orge1-serial", "orge1-10.payload")
    return bool(values("seed-orge1-serial", "orge1-01.payload"))


CHECKS: dict[str, list[Callable[[], bool]]] = {
    "p1-01": [gas_of_the_next_line, needs_no_checksum],
    "p1-02": [
        winter_is_an_hour_ahead,
        lambda: refuses("p1-02.payload", b"161113205757W", b"161113205757S"),
        gas_is_flagged,
        log_is_no_value,
    ],
    "p1-05": [tariffs_are_numbers, media_are_told_apart],
    "p1-08": [short_checksum, heat_without_electricity],
    "p1-09": [digits_survive, watts_and_garbage],
    "sml-01": [several_telegrams],
    "sml-04": [corrupt_is_skipped],
    "mbus-01": [billed_is_not_now],
    "orge1-10": [unended_is_refused],
    "orge1-12": [lambda: values("seed-orge1-serial", "orge1-12.payload") == {}],
    "orge1-13": [
        lambda: values("seed-orge1-serial", "orge1-13.payload") == {"ev_connector_state": 2}
    ],
}


def rules() -> list[tuple[str, int, str]]:
    found = []
    for family in FAMILIES:
        path = PAYLOADS / family / "expected.json"
        for case, expected in json.loads(path.read_text()).items() if path.exists() else ():
            found += [(case, number, text) for number, text in enumerate(expected["must"])]
    return found


@pytest.mark.parametrize(("case", "number", "text"), rules(), ids=lambda value: str(value)[:40])
def test_each_must_rule_holds(case: str, number: int, text: str) -> None:
    assert CHECKS[case][number](), text
