"""Registers in all types and orders, and what looks like a value."""

from __future__ import annotations

import pytest

from devices.modbus.types import Order, encode
from devices.probe_table import make_table
from tests.modbus.meter_server import floats


def test_each_position_is_decoded_in_all_four_orders():
    words = [*encode(230.1, "float32", Order.CDAB), 0x1234]
    table = make_table(words, 100, ["uint16", "float32"])

    first = {(cell.type, cell.order): cell for cell in table.lines[0].cells if cell}
    assert first["float32", Order.CDAB].text == "230.1"
    assert first["float32", Order.CDAB].looks_like == "voltage"
    assert first["uint16", Order.ABCD].text == str(words[0])
    assert first["uint16", Order.BADC].text == str(words[0] >> 8 | (words[0] & 255) << 8)
    assert len({cell.text for (kind, _), cell in first.items() if kind == "float32"}) == 4
    # a float needs two registers, and behind the last there is none
    assert [cell for cell in table.lines[-1].cells if cell and cell.type == "float32"] == []
    assert [line.address for line in table.lines] == [100, 101, 102]


@pytest.mark.parametrize("order", list(Order))
def test_the_order_of_a_meter_stands_out(order):
    words = list(floats({n: 200 + n * 1.7 for n in range(0, 20, 2)}, order).values())

    assert make_table(words, 0, []).best == order


@pytest.mark.parametrize("word", [1638, 6554, 17254, 26179, 39449, 1])
def test_words_of_floats_are_not_taken_for_voltages(word):
    (line,) = make_table([word], 0, ["uint16", "int16"]).lines

    assert [cell.looks_like for cell in line.cells if cell] == [""] * 4


def test_zeros_tell_no_order():
    assert make_table([0] * 20, 0, []).best is None


def test_tenths_of_a_voltage_are_recognised():
    (line,) = make_table([2301], 0, ["uint16"]).lines
    cell = line.cells[0]

    assert (cell.looks_like, cell.scale) == ("voltage", 0.1)


@pytest.mark.parametrize("order", [Order.ABCD, Order.BADC])
def test_texts_are_found(order):
    words = [0x0102, *encode("SDM630-V2", "string", order, words=5), 0xFFFF]

    assert [(t.address, t.text) for t in make_table(words, 40, []).texts if t.order == order] == [
        (41, "SDM630-V2")
    ]
