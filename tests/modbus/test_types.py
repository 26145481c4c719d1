"""Types of registers: every one in every order, and what is no value."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin

from devices.modbus.types import (
    NUMBERS,
    NotRepresentable,
    Order,
    decode,
    encode,
    pack_words,
    unpack_words,
    word_count,
)

INTEGERS = [name for name, kind in NUMBERS.items() if not kind.is_float]
PYMODBUS = ModbusClientMixin.DATATYPE
ORACLE = {
    "int16": PYMODBUS.INT16, "uint16": PYMODBUS.UINT16, "int32": PYMODBUS.INT32,
    "uint32": PYMODBUS.UINT32, "int64": PYMODBUS.INT64, "uint64": PYMODBUS.UINT64,
    "float32": PYMODBUS.FLOAT32, "float64": PYMODBUS.FLOAT64,
}  # fmt: skip
WORD = st.integers(0, 0xFFFF)
ORDERS = st.sampled_from(list(Order))


@st.composite
def numbers(draw) -> tuple[str, int | float]:
    name = draw(st.sampled_from(sorted(NUMBERS)))
    kind = NUMBERS[name]
    if kind.is_float:
        width = 32 if kind.words == 2 else 64
        return name, draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    sentinels = {kind.value_of(pattern) for pattern in kind.sentinels}
    return name, draw(st.integers(*kind.limits).filter(lambda value: value not in sentinels))


@given(numbers(), ORDERS)
def test_a_value_survives_its_registers(number, order) -> None:
    name, value = number

    assert decode(encode(value, name, order), name, order) == value


@given(st.sampled_from(sorted(ORACLE)), st.data())
def test_agrees_with_another_decoder(name, data) -> None:
    count = NUMBERS[name].words
    words = data.draw(st.lists(WORD, min_size=count, max_size=count))

    for word_order, order in (("big", Order.ABCD), ("little", Order.CDAB)):
        expected = ModbusClientMixin.convert_from_registers(words, ORACLE[name], word_order)
        found = decode(words, name, order)
        assert found == (expected if math.isfinite(expected) else None)


@given(st.sampled_from(sorted(ORACLE)), st.data())
def test_exchanged_bytes_are_those_of_each_word(name, data) -> None:
    count = NUMBERS[name].words
    words = data.draw(st.lists(WORD, min_size=count, max_size=count))
    swapped = [(word << 8 | word >> 8) & 0xFFFF for word in words]

    assert decode(swapped, name, Order.BADC) == decode(words, name, Order.ABCD)
    assert decode(swapped, name, Order.DCBA) == decode(words, name, Order.CDAB)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order.ABCD, [0x0A0B, 0x0C0D]),
        (Order.CDAB, [0x0C0D, 0x0A0B]),
        (Order.BADC, [0x0B0A, 0x0D0C]),
        (Order.DCBA, [0x0D0C, 0x0B0A]),
    ],
)
def test_the_four_orders_are_as_their_names_say(order, words) -> None:
    assert decode(words, "uint32", order) == 0x0A0B0C0D
    assert encode(0x0A0B0C0D, "uint32", order) == words


def test_an_order_reverses_all_four_words_of_64_bits() -> None:
    assert decode([4, 3, 2, 1], "uint64", Order.CDAB) == 0x0001_0002_0003_0004


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20), ORDERS)
def test_a_text_survives_its_registers(text, order) -> None:
    words = encode(text, "string", order, words=10)

    assert decode(words, "string", order) == text
    if order is Order.ABCD:
        assert ModbusClientMixin.convert_from_registers(words, PYMODBUS.STRING) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Janitza\0\0\0", "Janitza"),
        (b"SN 12\0garb", "SN 12"),
        (b"          ", None),
        (b"\0\0", None),
        (b"\xff\xff\xff\xff", None),
        (b"Z\xe4hler", "Zähler"),
        ("Sayaç".encode(), "Sayaç"),
        (b"a\x01\x7fb\x02c", "abc"),
    ],
)
def test_a_text_ends_at_the_first_nul_and_holds_what_can_be_printed(data, text) -> None:
    assert decode(unpack_words(data.ljust(len(data) + len(data) % 2, b"\0")), "string") == text


@given(st.sampled_from([1, 2, 4]), st.data())
def test_bits_are_one_number_whose_lowest_bit_is_bit_0(count, data) -> None:
    words = data.draw(st.lists(WORD, min_size=count, max_size=count))
    value = decode(words, "bits")

    assert value == int.from_bytes(pack_words(words), "big")
    assert encode(value, "bits", words=count) == words
    if count == 1:
        expected = ModbusClientMixin.convert_from_registers(words, PYMODBUS.BITS)
        high, low = expected[:8], expected[8:16]  # pymodbus goes byte by byte
        assert [value >> place & 1 for place in range(16)] == [*low, *high]


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_value(name, value) -> None:
    words = unpack_words(struct.pack(f">{NUMBERS[name].code}", value))

    assert decode(words, name) is None
    with pytest.raises(NotRepresentable):
        encode(value, name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acc32", [0, 0]),
        ("acc16", [0]),
        ("acc64", [0, 0, 0, 0]),
        ("enum16", [0xFFFF]),
        ("bitfield32", [0xFFFF, 0xFFFF]),
        ("sunssf", [0x8000]),
    ],
)
def test_the_patterns_of_sunspec_are_no_value(name, words) -> None:
    assert decode(words, name) is None
    with pytest.raises(NotRepresentable):
        encode(0 if name.startswith("acc") else -0x8000 if name == "sunssf" else
               (1 << 16 * len(words)) - 1, name)  # fmt: skip


@given(st.sampled_from(INTEGERS), ORDERS, st.data())
def test_a_pattern_that_the_map_calls_invalid_is_no_value_in_any_order(name, order, data) -> None:
    kind = NUMBERS[name]
    value = data.draw(st.integers(*kind.limits))
    pattern = value & (1 << kind.bits) - 1
    if pattern in kind.sentinels:
        return

    assert decode(encode(value, name, order), name, order, invalid={pattern}) is None


@given(st.sampled_from(INTEGERS), st.integers())
@example("int16", -32_769)
@example("uint16", 65_536)
def test_nothing_is_written_that_a_type_cannot_hold(name, value) -> None:
    low, high = NUMBERS[name].limits
    if not low <= value <= high:
        with pytest.raises(NotRepresentable, match=str(high)):
            encode(value, name)


@pytest.mark.parametrize(
    ("value", "name"), [(0.5, "uint16"), ("7", "uint16"), (True, "uint16"), (1e39, "float32")]
)
def test_refuses_what_is_not_a_number_of_the_type(value, name) -> None:
    with pytest.raises(NotRepresentable):
        encode(value, name)


def test_refuses_a_text_that_is_too_long() -> None:
    with pytest.raises(NotRepresentable, match="at most 4 bytes"):
        encode("ölçer", "string", words=2)


@pytest.mark.parametrize(("name", "words"), [("string", 0), ("bits", 3), ("int32", 1)])
def test_a_type_has_its_number_of_words(name, words) -> None:
    with pytest.raises(ValueError, match="words"):
        word_count(name, words)
