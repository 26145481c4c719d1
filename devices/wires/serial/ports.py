"""Opens a serial port for this process alone, without resetting what hangs on it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import select
import stat
import termios
from pathlib import Path
from urllib.parse import urlsplit

import serial

from devices.wires.reach import AddressRefused, addresses_of

WRITE_SECONDS = 1.0
READ_BYTES = 4096
SCHEMES = frozenset({"socket", "rfc2217"})
_NO_FD_SECONDS = 0.2  # how long a port without a file descriptor is waited for at once


class PortProblem(OSError):
    """A port that cannot be opened, or is gone; `code` is a word for programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def is_url(name: str) -> bool:
    """Tell whether a port is reached over a network."""
    return "://" in name


def is_there(name: str) -> bool:
    """Tell whether a device file exists; of a URL nobody knows before trying."""
    return is_url(name) or Path(name).exists()


def check_port_name(name: str) -> None:
    """Refuse what is neither the absolute path of a device file nor a URL of ours.

    Raises: ValueError.
    """
    if not is_url(name):
        if not Path(name).is_absolute():
            raise ValueError(f"{name} is no absolute path such as /dev/serial/by-id/usb-….")
        return
    parts = urlsplit(name)
    if parts.scheme.lower() not in SCHEMES or not parts.hostname or parts.port is None:
        raise ValueError(f"{name} is neither socket://host:port nor rfc2217://host:port.")
    if parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{name} holds more than a host and a port.")


class OpenPort:
    """An open port; every call may raise OSError or termios.error once it is gone."""

    def __init__(self, port: serial.SerialBase) -> None:
        self._port = port

    def wait(self, wake: int, seconds: float) -> None:
        """Return when something can be read, when `wake` can, or when time is over."""
        try:
            own = self._port.fileno()
        except OSError:  # rfc2217: a thread of its own reads
            seconds = min(seconds, _NO_FD_SECONDS)
            waiting: list[int] = [wake]
            if self._port.in_waiting:
                return
        else:
            waiting = [wake, own]
        select.select(waiting, [], [], max(0.0, seconds))

    def read(self) -> bytes:
        """Return what has come, at most four kilobytes; does not wait."""
        return bytes(self._port.read(READ_BYTES))

    def write(self, data: bytes) -> None:
        """Write all of it within a second."""
        self._port.write(data)

    def close(self) -> None:
        """Close it; what was not written is dropped."""
        with contextlib.suppress(OSError, termios.error):
            self._port.close()


def open_port(name: str, *, baudrate: int) -> OpenPort:
    """Open a port with 8N1 and without flow control.

    Raises: PortProblem: `port_missing`, `port_busy`, `port_forbidden`, `address_refused`,
        `bad_port` or `open_failed`.
    """
    try:
        check_port_name(name)
        port = _open_url(name, baudrate) if is_url(name) else _open_tty(name, baudrate)
    except (AddressRefused, ValueError) as error:
        code = "address_refused" if isinstance(error, AddressRefused) else "bad_port"
        raise PortProblem(code, str(error)) from error
    except (OSError, termios.error) as error:
        raise _problem(name, error) from error
    return OpenPort(port)


def _open_tty(name: str, baudrate: int) -> serial.Serial:
    if not stat.S_ISCHR(Path(name).stat().st_mode):
        raise ValueError(f"{name} is no serial port.")
    port = serial.Serial()  # not opened yet: with these lines asserted an ESP32 would reset
    port.port, port.baudrate, port.exclusive = name, baudrate, True
    port.timeout, port.write_timeout = 0, WRITE_SECONDS
    port.dtr = port.rts = False
    port.open()
    try:
        # the lock above keeps out only who asks for it
        fcntl.ioctl(port.fd, termios.TIOCEXCL)
        flags = termios.tcgetattr(port.fd)
        flags[2] &= ~termios.HUPCL  # at the end, too, nothing on the lines changes
        termios.tcsetattr(port.fd, termios.TCSANOW, flags)
        port.reset_input_buffer()  # what came before is of another time
    except (OSError, termios.error):
        port.close()
        raise
    return port


def _open_url(name: str, baudrate: int) -> serial.SerialBase:
    """Connect to an address that was looked at; a name could lead elsewhere a moment later."""
    parts = urlsplit(name)
    assert parts.hostname is not None and parts.port is not None  # noqa: S101  # checked above
    address = addresses_of(parts.hostname, parts.port)[0]
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    port = serial.serial_for_url(
        f"{parts.scheme.lower()}://{host}:{parts.port}",
        do_not_open=True,
        baudrate=baudrate,
        timeout=0,
        write_timeout=WRITE_SECONDS,
    )
    port.dtr = port.rts = False
    port.open()
    return port


def _problem(name: str, error: BaseException) -> PortProblem:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT or isinstance(error, FileNotFoundError):
        return PortProblem("port_missing", f"{name} is not there.")
    if number in {errno.EAGAIN, errno.EBUSY}:
        return PortProblem("port_busy", f"{name} is in use by {_users_of(name)}.")
    if number in {errno.EACCES, errno.EPERM}:
        return PortProblem("port_forbidden", f"{name} may not be opened by this user.")
    return PortProblem("open_failed", f"{name}: {error}"[:300])


def _users_of(name: str) -> str:
    """Return which processes have a port open, as far as this one may know."""
    device = str(Path(name).resolve())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(fd.readlink()) == device for fd in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} pid {process.name}")
    return ", ".join(sorted(found)[:5]) or "another process"
