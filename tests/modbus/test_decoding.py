"""Answers become values: scaled, checked, and missing with a reason."""

from __future__ import annotations

import math
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.builtin_profiles import builtin_profiles
from devices.modbus.blocks import plan_blocks
from devices.modbus.decoding import NO_VALUE, OUT_OF_RANGE, BlockDecoder
from devices.modbus.maps import Register, read_map
from devices.modbus.types import NUMBERS, Order, decode, encode, pack_words, unpack_words
from tests.pace import assert_within


@st.composite
def rows_with_data(draw) -> tuple[list[Register], bytes]:
    rows, at = [], 7
    for number in range(draw(st.integers(1, 12))):
        at += draw(st.integers(0, 5))
        name, order = draw(st.sampled_from(sorted(NUMBERS))), draw(st.sampled_from(list(Order)))
        kind = NUMBERS[name]
        rows.append(Register(f"m{number}", at, name, kind.words, order=order,
                             invalid=kind.sentinels))  # fmt: skip
        at += kind.words
    return rows, draw(st.binary(min_size=2 * (at - 7), max_size=2 * (at - 7)))


@given(rows_with_data())
def test_a_block_holds_what_each_row_would_decode_to_alone(given_rows) -> None:
    rows, data = given_rows
    words = unpack_words(data)

    found = BlockDecoder(rows, 7)(data)

    for row in rows:
        alone = decode(words[row.address - 7 : row.end - 7], row.type, row.order)
        assert found.values.get(row.metric) == alone
        assert found.missing.get(row.metric) == (None if alone is not None else NO_VALUE)


@pytest.mark.parametrize(
    ("scale", "raw", "value"),
    [(0.1, 2301, 230.1), (0.01, -7, -0.07), (1000, 3, 3000), (0.001, 12345, 12.345),
     (1, 5, 5), (0.5, 3, 1.5), (-0.1, 15, -1.5), (2.5e-12, 4, 1e-11)],
)  # fmt: skip
def test_a_scale_gives_the_number_that_people_would_write(scale, raw, value) -> None:
    row = Register("m", 0, "int16", 1, scale=scale)

    assert BlockDecoder([row], 0)(struct.pack(">h", raw)).values == {"m": value}


def test_an_offset_is_added_after_the_scale() -> None:
    row = Register("m", 0, "uint16", 1, scale=0.1, offset=-40)

    assert BlockDecoder([row], 0)(b"\x00\xfa").values == {"m": -15}


@pytest.mark.parametrize(
    ("raw", "reason"), [(800, OUT_OF_RANGE), (100, OUT_OF_RANGE), (0xFFFF, NO_VALUE)]
)
def test_what_cannot_be_true_is_no_value(raw, reason) -> None:
    row = Register("m", 0, "uint16", 1, minimum=200, maximum=300, invalid=frozenset({0xFFFF}))

    found = BlockDecoder([row], 0)(struct.pack(">H", raw))

    assert (found.values, found.missing) == ({}, {"m": reason})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_no_value_and_never_zero(value) -> None:
    row = Register("m", 0, "float32", 2, scale=0.001)

    found = BlockDecoder([row], 0)(struct.pack(">f", value))

    assert (found.values, found.missing) == ({}, {"m": NO_VALUE})


def test_single_bits_of_a_register() -> None:
    rows = [Register(f"b{n}", 0, "bit", 1, bit=n) for n in range(3)]

    assert BlockDecoder(rows, 0)(b"\x00\x05").values == {"b0": 1, "b1": 0, "b2": 1}


def test_coils_count_from_the_lowest_bit_of_the_first_byte() -> None:
    rows = [Register(f"c{n}", n, "bit", 1, function=1) for n in (20, 27, 28)]

    assert BlockDecoder(rows, 20)(b"\x81\x01").values == {"c20": 1, "c27": 1, "c28": 1}


def test_a_text_of_any_order() -> None:
    row = Register("serial", 3, "string", 4, order=Order.CDAB)

    found = BlockDecoder([row], 0)(bytes(6) + pack_words(encode("AB-12", "string", Order.CDAB,
                                                               words=4)))  # fmt: skip

    assert found.values == {"serial": "AB-12"}


@pytest.mark.parametrize(
    ("exponent", "value"), [(-1, 230.1), (0, 2301), (2, 230100), (-0x8000, None), (11, None)]
)
def test_a_scale_register_is_a_power_of_ten(exponent, value) -> None:
    row = Register("m", 0, "int16", 1, scale_register=3)

    found = BlockDecoder([row], 0)(struct.pack(">hhhh", 2301, 0, 0, exponent))

    assert found.values == ({} if value is None else {"m": value})
    assert found.missing == ({"m": NO_VALUE} if value is None else {})


def test_forty_values_are_decoded_in_some_tens_of_microseconds() -> None:
    found = read_map(builtin_profiles()["eastron-sdm630"].register_map)
    blocks = plan_blocks(found.registers, max_block=found.max_block, max_gap=found.max_gap)
    answers = [(block, bytes(2 * block.count)) for block in blocks]
    began = time.perf_counter()

    for _ in range(1000):
        values = sum(len(block.decode(data).values) for block, data in answers)

    assert values == 40
    assert_within((time.perf_counter() - began) / 1000, 50e-6)
