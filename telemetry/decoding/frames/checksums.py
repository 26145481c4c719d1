"""The two CRC16 of meters, as tables."""

from __future__ import annotations


def _table(polynomial: int) -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
        rows.append(crc)
    return tuple(rows)


_ARC = _table(0xA001)
_X25 = _table(0x8408)


def crc16_arc(data: bytes) -> int:
    """Return the CRC of DSMR telegrams (reflected 0x8005, starts with 0)."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _ARC[(crc ^ byte) & 0xFF]
    return crc


def crc16_x25(data: bytes) -> int:
    """Return the CRC of SML and HDLC (reflected 0x1021, starts with 0xFFFF, inverted)."""
    return _reflected_1021(data, 0xFFFF) ^ 0xFFFF


def crc16_kermit(data: bytes) -> int:
    """Return the CRC that some SML meters send instead (the same, starts with 0)."""
    return _reflected_1021(data, 0)


def _reflected_1021(data: bytes, crc: int) -> int:
    for byte in data:
        crc = (crc >> 8) ^ _X25[(crc ^ byte) & 0xFF]
    return crc
