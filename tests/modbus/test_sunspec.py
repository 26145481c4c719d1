"""A SunSpec device tells what it is; a register map comes of it."""

from __future__ import annotations

import struct

import pytest

from devices.builtin_profiles import builtin_profiles
from devices.modbus.blocks import plan_blocks
from devices.modbus.errors import NoAnswer, Refused
from devices.modbus.maps import ENERGY, IDENTITY, POWER, read_map
from devices.modbus.sunspec import NotSunSpec, discover, map_of
from devices.modbus.types import encode, pack_words

NOT_THERE = 0xFFFF
SIGNED_NOT_THERE = 0x8000


class Memory:
    """A device's registers; asked outside of them it refuses, or is silent."""

    def __init__(self, start: int, words: list[int], *, is_silent: bool = False) -> None:
        self.start, self.words, self.is_silent = start, words, is_silent
        self.asked: list[tuple[int, int]] = []

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        assert (unit, function) == (7, 3)
        self.asked.append((address, count))
        at = address - self.start
        if at < 0 or at + count > len(self.words):
            raise NoAnswer("silent") if self.is_silent else Refused(2)
        return self.words[at : at + count]


def common(length: int = 66) -> list[int]:
    texts = (("Fronius", 16), ("Symo 10.0-3", 16), ("", 8), ("1.2.3", 8), ("S-4711", 16))
    words = [word for text, count in texts for word in encode(text, "string", words=count)]
    return [1, length, *words, *([0x8000] * (length - 64))]


def model(number: int, length: int, values: dict[int, int]) -> list[int]:
    words = [number, length, *([NOT_THERE] * length)]
    for at, value in values.items():
        words[at] = value & 0xFFFF
    return words


def device(*models: list[int], mark: str = "SunS") -> list[int]:
    words = list(struct.unpack(">HH", mark.encode()))
    return [*words, *(word for each in models for word in each), 0xFFFF, 0]


# a three-phase inverter at 8123.4 W; powers of ten -2 (A), -1 (V), -1 (W), -3 (Hz) …
INVERTER = {
    2: 3530, 3: 1176, 4: 1177, 5: 1178, 6: -2, 7: 4001, 8: 4002, 9: 4003, 10: 2301, 11: 2302,
    12: 2303, 13: -1, 14: 12345, 15: 0, 16: 50021, 17: -3, 18: 12400, 19: 0, 20: -150, 21: 0,
    22: 9980, 23: -2, 24: 0x0012, 25: 0xD687, 26: 1, 27: NOT_THERE, 28: -2, 29: 6120, 30: -1,
    31: SIGNED_NOT_THERE, 32: 0, 33: 415, 34: SIGNED_NOT_THERE, 37: -1, 38: 4, 40: 0, 41: 0x80,
}  # fmt: skip


def read_all(words: list[int], start: int, raw_map: dict, rate: str) -> tuple[dict, dict]:
    found = read_map(raw_map)
    values, missing = {}, {}
    for block in plan_blocks(found.of_rate(rate), max_block=found.max_block,
                             max_gap=found.max_gap):  # fmt: skip
        at = block.address - start
        decoded = block.decode(pack_words(words[at : at + block.count]))
        values |= decoded.values
        missing |= decoded.missing
    return values, missing


@pytest.mark.parametrize("base", [40_000, 50_000, 0])
@pytest.mark.parametrize("is_silent", [False, True])
async def test_finds_the_models_wherever_they_begin(base: int, is_silent: bool) -> None:
    memory = Memory(base, device(common(), model(103, 50, INVERTER)), is_silent=is_silent)

    found = await discover(memory, 7)

    assert found.base == base
    assert [(each.number, each.address, each.length) for each in found.models] == [
        (1, base + 2, 66),
        (103, base + 70, 50),
    ]
    assert found.identity == {
        "manufacturer": "Fronius", "model": "Symo 10.0-3", "version": "1.2.3", "serial": "S-4711",
    }  # fmt: skip
    assert found.kinds == ("inverter",)


@pytest.mark.parametrize("length", [65, 66])
async def test_reads_an_inverter_in_one_request_per_rate(length: int) -> None:
    words = device(common(length), model(103, 50, INVERTER))
    raw_map = map_of(await discover(Memory(40_000, words), 7))

    fast, missing = read_all(words, 40_000, raw_map, POWER)
    slow, _ = read_all(words, 40_000, raw_map, ENERGY)
    texts, _ = read_all(words, 40_000, raw_map, IDENTITY)

    assert fast == pytest.approx({
        "current_sum": 35.30, "current_l1": 11.76, "current_l2": 11.77, "current_l3": 11.78,
        "voltage_l1_l2": 400.1, "voltage_l2_l3": 400.2, "voltage_l3_l1": 400.3,
        "voltage_l1": 230.1, "voltage_l2": 230.2, "voltage_l3": 230.3, "pv_active_power": 12.345,
        "frequency": 50.021, "power_apparent_total": 12400, "power_reactive_total": -150,
        "power_factor": 0.998, "pv_dc_voltage": 612, "inverter_temp": 41.5, "inverter_state": 4,
        "inverter_events": 0x80,
    })  # fmt: skip
    assert set(missing) == {"pv_dc_current", "pv_dc_power"}
    assert slow == pytest.approx({"pv_energy": 0x0012D687 * 10 / 1000})
    assert texts["serial"] == "S-4711"
    found = read_map(raw_map)
    for rate in (POWER, ENERGY):
        assert len(plan_blocks(found.of_rate(rate), max_block=125, max_gap=124)) == 1


async def test_a_scale_factor_without_value_takes_its_points_with_it() -> None:
    words = device(common(), model(103, 50, INVERTER | {15: SIGNED_NOT_THERE, 13: 11}))
    raw_map = map_of(await discover(Memory(40_000, words), 7))

    values, missing = read_all(words, 40_000, raw_map, POWER)

    assert "pv_active_power" in missing
    assert {"voltage_l1", "voltage_l1_l2"} <= set(missing)
    assert values["frequency"] == 50.021


async def test_an_energy_of_zero_means_that_nothing_is_counted() -> None:
    words = device(common(), model(103, 50, INVERTER | {24: 0, 25: 0}))
    raw_map = map_of(await discover(Memory(40_000, words), 7))

    assert read_all(words, 40_000, raw_map, ENERGY)[1] == {"pv_energy": "no_value"}


METER = {
    2: -420, 6: -1, 7: 2300, 8: 2301, 9: 2302, 10: 2303, 12: 3990, 15: -1, 16: 4999, 17: -2,
    18: -2845, 19: -900, 20: -945, 21: -1000, 22: 0, 33: -98, 37: 0, 38: 0x0085, 39: 0xBF22,
    40: 0x8000, 46: 0x0041, 47: 0xF0DA, 54: 0,
}  # fmt: skip


@pytest.mark.parametrize("number", [201, 202, 203, 204])
async def test_reads_a_meter(number: int) -> None:
    words = device(common(), model(number, 105, METER))
    memory = Memory(40_000, words)
    raw_map = map_of(await discover(memory, 7), "meter")

    fast, _ = read_all(words, 40_000, raw_map, POWER)
    slow, _ = read_all(words, 40_000, raw_map, ENERGY)

    assert fast["power_active_total"] == -2845
    assert fast["power_active_l2"] == -945
    assert fast["current_sum"] == -42
    assert (fast["voltage_ln_avg"], fast["voltage_l3"]) == (230, 230.3)
    assert (fast["voltage_l1_l2"], fast["frequency"]) == (399, 49.99)
    assert fast["power_factor_total"] == -0.98
    assert slow["energy_export"] == pytest.approx(0x0085BF22 / 1000)
    assert slow["energy_import"] == pytest.approx(0x0041F0DA / 1000)


async def test_limits_the_power_with_an_end_first() -> None:
    """Should the platform be gone, the inverter returns to full power by itself."""
    controls = model(123, 24, {23: -2})
    raw_map = map_of(await discover(Memory(40_000, device(common(), model(103, 50, INVERTER),
                                                          controls)), 7),
                     revert_seconds=600)  # fmt: skip
    found = read_map(raw_map)
    at = 40_000 + 2 + 68 + 52

    limit, lift = found.write_of("set_power_limit"), found.write_of("lift_power_limit")

    assert limit is not None and lift is not None
    assert limit.scale_register == at + 23
    assert [(write.address, write.values) for write in limit.requests(70, exponent=-2)] == [
        (at + 7, (600,)),
        (at + 5, (7000,)),
        (at + 9, (1,)),
    ]
    assert [(write.address, write.values) for write in lift.requests()] == [(at + 9, (0,))]


async def test_an_inverter_without_controls_takes_no_commands() -> None:
    found = await discover(Memory(40_000, device(common(), model(101, 50, INVERTER))), 7)

    assert read_map(map_of(found)).writes == ()


async def test_a_device_of_another_kind_is_told() -> None:
    found = await discover(Memory(40_000, device(common(), model(103, 50, INVERTER))), 7)

    with pytest.raises(NotSunSpec, match="only 1, 103"):
        map_of(found, "meter")


@pytest.mark.parametrize(
    "words", [device(common(), mark="SunX"), [0] * 10, device()], ids=["mark", "zeros", "no model"]
)
async def test_what_is_not_sunspec_is_told(words: list[int]) -> None:
    with pytest.raises(NotSunSpec):
        await discover(Memory(40_000, words), 7)


async def test_a_device_that_never_answers_is_not_called_something_else() -> None:
    with pytest.raises(NoAnswer):
        await discover(Memory(90_000, [], is_silent=True), 7)


async def test_a_walk_in_a_circle_or_past_the_end_comes_to_an_end() -> None:
    with pytest.raises(NotSunSpec):
        await discover(Memory(40_000, [*device()[:2], 0, 0]), 7)

    endless = [*device()[:2], *([5, 0] * 200)]
    found = await discover(Memory(40_000, endless), 7)
    assert len(found.models) == 100


async def test_the_shipped_types_name_all_that_their_maps_measure() -> None:
    for key, number, length in (("sunspec-inverter", 103, 50), ("sunspec-meter", 203, 105)):
        words = device(common(), model(number, length, {}))
        raw_map = map_of(await discover(Memory(40_000, words), 7))
        profile = builtin_profiles()[key]

        assert read_map(profile.register_map).sunspec == key.partition("-")[2]
        assert {row["metric"] for row in raw_map["registers"]} == set(profile.metrics)
