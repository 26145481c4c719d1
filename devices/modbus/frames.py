"""Requests and answers as bytes: the part that all lines share, and what TCP and RTU add."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from devices.modbus.errors import BadAnswer, refusal
from devices.modbus.types import pack_words

READS = frozenset({1, 2, 3, 4})
BIT_READS = frozenset({1, 2})
MAX_BITS = 2000
MAX_WRITE_WORDS, MAX_WRITE_BITS = 123, 1968
EXCEPTION = 0x80

_MBAP = struct.Struct(">HHHB")
MBAP_LENGTH = _MBAP.size
MAX_MBAP_LENGTH = 254  # unit and at most 253 bytes of function and data


def read_request(function: int, address: int, count: int) -> bytes:
    """Return function and data of a request; ValueError if no device could answer it."""
    most = MAX_BITS if function in BIT_READS else 125
    if function not in READS or not 1 <= count <= most or not 0 <= address <= 65536 - count:
        raise ValueError(f"function {function}, address {address}, count {count} cannot be read.")
    return struct.pack(">BHH", function, address, count)


def data_length(function: int, count: int) -> int:
    """Return how many bytes of data the answer to a read has."""
    return (count + 7) // 8 if function in BIT_READS else 2 * count


def write_request(function: int, address: int, values: Sequence[int]) -> bytes:
    """Return function and data of a write; ValueError if no device could take it."""
    most = {5: 1, 6: 1, 15: MAX_WRITE_BITS, 16: MAX_WRITE_WORDS}.get(function, 0)
    if not 1 <= len(values) <= most or not 0 <= address <= 65536 - len(values):
        raise ValueError(f"function {function} cannot write {len(values)} values at {address}.")
    if function in {5, 15} and not set(values) <= {0, 1}:
        raise ValueError("single bits are 0 or 1.")
    if function == 5:
        return struct.pack(">BHH", 5, address, 0xFF00 if values[0] else 0)
    if function == 6:
        return struct.pack(">BHH", 6, address, values[0])
    data = _pack_bits(values) if function == 15 else pack_words(values)
    return struct.pack(">BHHB", function, address, len(values), len(data)) + data


def _pack_bits(bits: Sequence[int]) -> bytes:
    number = sum(bit << place for place, bit in enumerate(bits))
    return number.to_bytes((len(bits) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[int]:
    """Return the bits of an answer."""
    number = int.from_bytes(data, "little")
    return [number >> place & 1 for place in range(count)]


def read_answer(answer: bytes, function: int, length: int) -> bytes:
    """Return the data of an answer to a read.

    Raises: Refused; BadAnswer: another function or length.
    """
    check_function(answer, function)
    if len(answer) != 2 + length or answer[1] != length:
        raise BadAnswer(f"{len(answer) - 2} bytes of data came, {length} were asked for.")
    return answer[2:]


def check_written(answer: bytes, request: bytes) -> None:
    """Check the answer to a write: it repeats function, address and value or number.

    Raises: Refused, BadAnswer.
    """
    check_function(answer, request[0])
    if answer != request[:5]:
        raise BadAnswer("The answer is that to another write.")


def check_function(answer: bytes, function: int) -> None:
    """Raise Refused for an exception and BadAnswer for another function."""
    if len(answer) == 2 and answer[0] == function | EXCEPTION:
        raise refusal(answer[1])
    if not answer or answer[0] != function:
        told = answer[0] if answer else "nothing"
        raise BadAnswer(f"Function {function} was asked, {told} answered.")


def tcp_frame(transaction: int, unit: int, body: bytes) -> bytes:
    """Return a frame of Modbus TCP."""
    return _MBAP.pack(transaction, 0, len(body) + 1, unit) + body


def tcp_header(data: bytes | bytearray) -> tuple[int, int, int, int]:
    """Return transaction, protocol, length (of unit and body) and unit."""
    found: tuple[int, int, int, int] = _MBAP.unpack_from(data)
    return found


def rtu_frame(unit: int, body: bytes) -> bytes:
    """Return a frame of a serial line, with its checksum."""
    frame = bytes((unit,)) + body
    return frame + crc16(frame).to_bytes(2, "little")


def crc16(data: bytes) -> int:
    """Return the checksum of RTU; over a whole frame with its checksum it is 0."""
    crc = 0xFFFF
    table = _CRC_TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


def _crc_row(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ 0xA001 if number & 1 else number >> 1
    return number


_CRC_TABLE = tuple(_crc_row(number) for number in range(256))
