"""Plans of requests: few, within the limits, and fitting what a device refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.builtin_profiles import builtin_profiles
from devices.modbus.blocks import Plan, plan_blocks, split_block
from devices.modbus.maps import Register, read_map
from devices.modbus.types import NUMBERS

# what the maps needed when they were measured against a server
REQUESTS = {
    "eastron-sdm630": 3, "eastron-sdm120": 3, "schneider-iem3000": 5, "schneider-pm5100": 3,
    "carlo-gavazzi-em24": 7, "carlo-gavazzi-em24-e1": 3, "abb-b23": 5, "janitza-umg": 1,
    "siemens-pac2200": 4,
}  # fmt: skip


def rows(*addresses: int, words: int = 2, function: int = 4) -> list[Register]:
    return [Register(f"m{at}", at, f"uint{16 * words}", words, function) for at in addresses]


@st.composite
def some_registers(draw) -> list[Register]:
    """Rows that do not overlap, in any order."""
    found, at = [], 0
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.integers(0, 30))
        name = draw(st.sampled_from(sorted(NUMBERS)))
        function = draw(st.sampled_from([3, 4]))
        found.append(Register(f"m{at}", at, name, NUMBERS[name].words, function))
        at += NUMBERS[name].words
    return draw(st.permutations(found))


@pytest.mark.parametrize(("key", "requests"), REQUESTS.items())
def test_a_meter_is_read_in_few_requests(key: str, requests: int) -> None:
    found = read_map(builtin_profiles()[key].register_map)

    blocks = plan_blocks(found.registers, max_block=found.max_block, max_gap=found.max_gap)

    assert len(blocks) == requests


@given(some_registers(), st.integers(4, 125), st.integers(0, 40))
def test_every_value_is_in_one_block_whole(registers, max_block, max_gap) -> None:
    blocks = plan_blocks(registers, max_block=max_block, max_gap=max_gap)

    found = [row for block in blocks for row in block.registers]
    assert sorted(found, key=str) == sorted(registers, key=str)
    for block in blocks:
        assert block.count <= max_block
        assert {row.function for row in block.registers} == {block.function}
        for row in block.registers:
            assert block.address <= row.address
            assert row.end <= block.address + block.count


@given(some_registers(), st.integers(0, 40))
def test_no_gap_is_read_that_is_wider_than_allowed(registers, max_gap) -> None:
    for block in plan_blocks(registers, max_block=125, max_gap=max_gap):
        ends = [row.end for row in block.registers]
        starts = [row.address for row in block.registers][1:]
        gaps = [start - end for start, end in zip(starts, ends, strict=False)]
        assert all(gap <= max_gap for gap in gaps)


def test_a_refused_block_is_cut_at_its_widest_gap() -> None:
    [block] = plan_blocks(rows(0, 2, 14, 18), max_block=100, max_gap=20)

    assert [(half.address, half.count) for half in split_block(block)] == [(0, 4), (14, 6)]


def test_a_refused_block_without_gaps_is_halved() -> None:
    [block] = plan_blocks(rows(0, 2, 4, 6), max_block=100, max_gap=0)

    assert [(half.address, half.count) for half in split_block(block)] == [(0, 4), (4, 4)]


@given(some_registers(), st.data())
def test_a_plan_finds_what_the_device_has(registers, data) -> None:
    """The device refuses every request that touches a missing register."""
    missing = set(data.draw(st.lists(st.integers(0, 900), max_size=20)))
    plan = Plan(registers, max_block=60, max_gap=20)
    for _ in range(200):
        refused = [
            block
            for block in plan.blocks
            if missing & set(range(block.address, block.address + block.count))
        ]
        if not refused:
            break
        plan.refuse(refused[0])

    readable = {row for row in registers if not missing & set(range(row.address, row.end))}
    assert {row for block in plan.blocks for row in block.registers} == readable
    assert set(plan.refused) == set(registers) - readable


def test_what_a_plan_learnt_stays() -> None:
    plan = Plan(rows(0, 2, 20), max_block=100, max_gap=20)
    assert len(plan.blocks) == 1

    plan.refuse(plan.blocks[0])

    assert [(block.address, block.count) for block in plan.blocks] == [(0, 4), (20, 2)]


def test_a_value_and_its_scale_factor_are_read_together() -> None:
    registers = [
        Register("a", 0, "int16", 1, scale_register=4),
        Register("b", 1, "int16", 1, scale_register=4),
        Register("c", 5, "int16", 1),
    ]

    blocks = plan_blocks(registers, max_block=5, max_gap=0)

    assert [(block.address, block.count) for block in blocks] == [(0, 5), (5, 1)]
    assert split_block(blocks[0]) == ()
