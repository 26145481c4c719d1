"""A serial port as an asyncio transport: raw, for one process alone, never blocking."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import termios

from devices.modbus.errors import NotConnected, PortBusy

MOST_UNSENT = 4096
_PARITY = {"N": 0, "E": termios.PARENB, "O": termios.PARENB | termios.PARODD}


def open_port(path: str, *, baudrate: int, parity: str = "N", stop_bits: int = 1) -> int:
    """Open a port raw and exclusively (flock and TIOCEXCL); return its file descriptor.

    Raises: PortBusy: another process has it. NotConnected: it is not there, or not a port.
    """
    speed = getattr(termios, f"B{baudrate}", None)
    if speed is None or parity not in _PARITY or stop_bits not in {1, 2}:
        raise NotConnected(f"{path}: {baudrate} baud {parity}{stop_bits} is not a serial setting.")
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise PortBusy(f"{path}: another process has this port.") from error
        raise NotConnected(f"{path}: {error.strerror}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        _make_raw(fd, speed, parity, stop_bits)
    except BlockingIOError as error:
        os.close(fd)
        raise PortBusy(f"{path}: another process has this port.") from error
    except (OSError, termios.error) as error:
        os.close(fd)
        raise NotConnected(f"{path}: not a serial port ({error}).") from error
    return fd


def _make_raw(fd: int, speed: int, parity: str, stop_bits: int) -> None:
    """No echo, no signals, no translation of bytes; modem lines are left alone."""
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL | _PARITY[parity]
    if stop_bits == 2:
        flags |= termios.CSTOPB
    special = termios.tcgetattr(fd)[6]
    special[termios.VMIN], special[termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, [0, 0, flags, 0, speed, speed, special])
    termios.tcflush(fd, termios.TCIOFLUSH)


class PortTransport(asyncio.Transport):
    """Moves bytes between a port and a protocol; tells the protocol when the port is gone."""

    def __init__(self, fd: int, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._fd = fd
        self._protocol = protocol
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._readable)
        protocol.connection_made(self)

    def is_closing(self) -> bool:
        return self._fd < 0

    def close(self) -> None:
        self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._fd < 0:
            return
        if len(self._unsent) + len(data) > MOST_UNSENT:
            self._lose(OSError("the port takes no more bytes"))
            return
        self._unsent += data
        self._writable()

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(error)
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)
        os.close(fd)  # gives up the lock and TIOCEXCL with it
        self._loop.call_soon(self._protocol.connection_lost, error)
