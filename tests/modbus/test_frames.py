"""Frames: those of the specification, and agreement with another implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, WriteMultipleCoilsRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from devices.modbus.errors import BadAnswer, GatewayRefused, Refused
from devices.modbus.frames import (
    check_written,
    crc16,
    read_answer,
    read_request,
    rtu_frame,
    tcp_frame,
    tcp_header,
    unpack_bits,
    write_request,
)

ADDRESS = st.integers(0, 60_000)


@given(st.binary(max_size=260))
def test_the_checksum_is_that_of_another_implementation(data: bytes) -> None:
    assert crc16(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")
    assert crc16(data + crc16(data).to_bytes(2, "little")) == 0


@given(st.integers(1, 247), ADDRESS, st.integers(1, 125))
def test_a_read_is_framed_as_by_another_implementation(unit, address, count) -> None:
    theirs = ReadHoldingRegistersRequest(dev_id=unit, address=address, count=count)

    expected = FramerRTU(DecodePDU(False)).buildFrame(theirs)
    assert rtu_frame(unit, read_request(3, address, count)) == expected


@given(ADDRESS, st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123))
def test_words_are_written_as_by_another_implementation(address, words) -> None:
    many = WriteMultipleRegistersRequest(address=address, registers=words)
    one = WriteSingleRegisterRequest(address=address, registers=words[:1])

    assert write_request(16, address, words)[1:] == many.encode()
    assert write_request(6, address, words[:1])[1:] == one.encode()


@given(ADDRESS, st.lists(st.booleans(), min_size=1, max_size=100))
def test_bits_are_written_and_read_as_by_another_implementation(address, bits) -> None:
    theirs = WriteMultipleCoilsRequest(address=address, bits=bits)

    request = write_request(15, address, [int(bit) for bit in bits])

    assert request[1:] == theirs.encode()
    assert unpack_bits(request[6:], len(bits)) == [int(bit) for bit in bits]
    coils = ReadCoilsRequest(address=address, count=len(bits))
    assert read_request(1, address, len(bits))[1:] == coils.encode()


def test_a_tcp_frame_has_the_length_of_what_follows() -> None:
    frame = tcp_frame(0x1234, 7, b"\x03\x00\x10\x00\x02")

    assert frame.hex() == "123400000006" + "07" + "0300100002"
    assert tcp_header(frame) == (0x1234, 0, 6, 7)


@pytest.mark.parametrize(
    ("function", "address", "count"),
    [(3, 0, 0), (3, 0, 126), (1, 0, 2001), (3, 65_536, 1), (3, 65_530, 10), (3, -1, 1), (5, 0, 1)],
)
def test_nothing_is_asked_that_nobody_could_answer(function, address, count) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_request(function, address, count)


@pytest.mark.parametrize(
    ("function", "values"), [(6, [1, 2]), (16, [0] * 124), (16, []), (5, [2]), (3, [1])]
)
def test_nothing_is_written_that_nobody_could_take(function, values) -> None:
    with pytest.raises(ValueError, match="function|bits"):
        write_request(function, 0, values)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"\x83\x02", Refused),
        (b"\x83\x0b", GatewayRefused),
        (b"\x83\x0a", GatewayRefused),
        (b"\x84\x02", BadAnswer),
        (b"\x04\x04\0\0\0\0", BadAnswer),
        (b"\x03\x02\0\0", BadAnswer),
        (b"\x03\x04\0\0", BadAnswer),
        (b"\x03\x04\0\0\0\0\0", BadAnswer),
        (b"", BadAnswer),
    ],
)
def test_only_the_answer_to_the_question_is_one(answer, error) -> None:
    with pytest.raises(error):
        read_answer(answer, 3, 4)

    assert read_answer(b"\x03\x04abcd", 3, 4) == b"abcd"


def test_a_write_is_answered_by_its_repetition() -> None:
    request = write_request(16, 5, [1, 2, 3])

    check_written(request[:5], request)
    for wrong in (write_request(16, 6, [1, 2, 3])[:5], write_request(16, 5, [1])[:5]):
        with pytest.raises(BadAnswer):
            check_written(wrong, request)
    with pytest.raises(Refused):
        check_written(b"\x90\x03", request)
