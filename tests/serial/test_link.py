"""F40, F42: a link to a simulated charger over a real pseudo terminal."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
import tty
import uuid
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from charging.esp32.facts import Ask, Look, Verdict
from devices.simulators.evse_wire import TcpWire
from devices.wires.serial import link as link_module
from devices.wires.serial.link import LinkState
from devices.wires.serial.ports import OpenPort, PortProblem, check_port_name, open_port
from tests.pace import assert_within
from tests.serial.rig import PATIENCE, Ear, charger, memory_kb, open_files, wait_until
from tests.wire_programs import require_program

STAT = (
    b"<STAT;CP=0;CPV=3400;PP=0;PPV=2300;RL=0;LOCK=0;MOTOR=0;PWM=255;MAX=32;CABLE=0"
    b";AUTH=0;STATE=1;PB=0;STOP=0;>\r\n"
)


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """The name of a port."""
    return tmp_path / "usb-charger-if00"


@pytest.fixture
def raw(port: Path) -> Iterator[int]:
    """The other end of a port, written to by the test itself."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port.symlink_to(os.ttyname(slave))
    os.close(slave)
    yield master
    os.close(master)


def test_f40_unplugged_and_back(port: Path) -> None:
    with charger(port) as evse, Ear(str(port)) as ear:
        ear.wait_online()
        for _ in range(3):
            evse.tell("cut 15")  # one and a half seconds of the clock
            gone = wait_until(lambda: ear.link.state == LinkState.BACKOFF, "disconnected")
            assert_within(gone, 2.0)
            wait_until(port.exists, "the port is back")
            assert_within(ear.wait_online(), 5.0)
        evse.tell("plug")
        ear.wait_for_state(3)
    codes = {heard.code for _, heard in ear.changes(LinkState.BACKOFF)}
    assert codes & {"disconnected"}
    assert codes <= {"disconnected", "port_missing", "open_failed"}


def test_f40_not_there_at_the_start(port: Path) -> None:
    with Ear(str(port)) as ear:
        wait_until(lambda: ear.changes(LinkState.BACKOFF), "no port")
        assert ear.changes(LinkState.BACKOFF)[0][1].code == "port_missing"
        with charger(port):
            assert_within(ear.wait_online(), 5.0)


def test_f40_with_socat_between(port: Path, tmp_path: Path) -> None:
    """A line of two pseudo terminals that a program of others joins, killed and started."""
    socat = require_program("socat")
    far = tmp_path / "far"

    def join() -> subprocess.Popen[bytes]:
        ends = [f"pty,raw,echo=0,link={name}" for name in (port, far)]
        started = subprocess.Popen([socat.path, *ends], env=socat.environment())
        wait_until(lambda: port.exists() and far.exists(), "socat")
        return started

    def answer(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with open_far(far) as end:
                    while not stop.is_set():
                        if os.read(end.fileno(), 5):
                            os.write(end.fileno(), STAT + b"<ACK;CMD=READSTAT;STATUS=OK;>\r\n")
            except OSError:
                time.sleep(0.05)

    stop = threading.Event()
    line = join()
    answering = threading.Thread(target=answer, args=(stop,), daemon=True)
    answering.start()
    try:
        with Ear(str(port)) as ear:
            ear.wait_online()
            line.kill()
            line.wait()
            assert_within(
                wait_until(lambda: ear.link.state == LinkState.BACKOFF, "disconnected"), 2.0
            )
            for name in (port, far):
                name.unlink(missing_ok=True)
            time.sleep(0.6)
            line = join()
            assert_within(ear.wait_online(), 5.0)
    finally:
        stop.set()
        line.kill()
        line.wait()


def open_far(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_RDWR | os.O_NOCTTY), "r+")


def test_f42_the_frame_after_garbage_is_read(port: Path, raw: int) -> None:
    chance = random.Random(3)
    os.set_blocking(raw, False)
    with Ear(str(port)) as ear:
        wait_until(lambda: ear.link.state == LinkState.SYNCING, "open")
        for number in range(50):
            os.write(raw, chance.randbytes(chance.randint(0, 300)))
            os.write(raw, STAT[: chance.randint(1, 60)] if number % 2 else b"")
            os.write(raw, b"\r\n" + STAT)
            seen = number + 1
            wait_until(lambda: ear.talk.frames >= seen, "the next frame")  # noqa: B023
            with contextlib.suppress(BlockingIOError):
                os.read(raw, 4096)  # the questions
    assert ear.talk.damaged >= 40


def test_f42_a_flood_takes_no_memory(port: Path, raw: int) -> None:
    os.set_blocking(raw, False)
    junk = random.Random(4).randbytes(65_536) + b"<" * 65_536 + b"x" * 65_536

    def pour(megabytes: int) -> None:
        left = megabytes * 1_000_000
        position = 0
        while left > 0:
            try:
                written = os.write(raw, junk[position : position + 4096])
            except BlockingIOError:
                time.sleep(0.001)
                continue
            position = (position + written) % len(junk)
            left -= written

    with Ear(str(port)) as ear:
        wait_until(lambda: ear.link.state == LinkState.SYNCING, "open")
        pour(2)
        before = memory_kb()
        pour(10)
        assert memory_kb() - before < 4_000
        os.write(raw, b"\r\n" + STAT)
        ear.wait_online()
        assert ear.talk.damaged > 1000


def test_silence_is_stale_then_the_port_is_opened_anew(
    port: Path, raw: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "STALE_SECONDS", 0.8)
    monkeypatch.setattr(link_module, "REOPEN_SECONDS", 1.6)
    with Ear(str(port)) as ear:
        wait_until(lambda: ear.link.state == LinkState.SYNCING, "open")
        os.write(raw, STAT)
        ear.wait_online()
        wait_until(lambda: ear.link.state == LinkState.STALE, "stale")
        assert not ear.link.is_fresh(seconds=6)
        os.write(raw, STAT)
        ear.wait_online()
        wait_until(lambda: ear.link.opens >= 2, "opened again")
    assert ear.changes(LinkState.BACKOFF)[0][1].code == "silent"


def test_every_order_is_answered_while_the_link_stands_still(
    port: Path,
) -> None:
    """An open that hangs: what there is no room for is refused at once, the rest afterwards."""
    goes_on, opening = threading.Event(), threading.Event()

    def hang() -> OpenPort:
        opening.set()
        goes_on.wait(PATIENCE)
        raise PortProblem("port_missing", "not there")

    ear = Ear(str(port))
    ear.link._open = hang
    keys = [uuid.uuid4() for _ in range(150)]
    try:
        with ear:
            wait_until(opening.is_set, "opening")
            for key in keys:
                ear.link.ask(Ask(key, "lock", time.monotonic() + 60))
            at_once = [key for key in keys if ear.result_of(key)]
            assert at_once == keys[100:]
            goes_on.set()
            wait_until(lambda: all(map(ear.result_of, keys)), "an answer to all")
    finally:
        goes_on.set()
    ends = [found for key in keys if (found := ear.result_of(key))]
    assert {one.verdict for one in ends} == {Verdict.REFUSED}
    assert {one.code for one in ends} == {"busy", "offline"}


def test_over_tcp(port: Path) -> None:
    first = TcpWire(0)
    number = first.port

    def open_wire() -> TcpWire:
        nonlocal first
        first.close()
        first = TcpWire(number)
        return first

    with charger(port, open_wire=open_wire) as evse, Ear(f"socket://127.0.0.1:{number}") as ear:
        ear.wait_online()
        evse.tell("plug")
        ear.wait_for_state(3)
        assert ear.do("charge_start").verdict == "done"
        evse.tell("cut 15")
        wait_until(lambda: ear.link.state == LinkState.BACKOFF, "disconnected")
        ear.wait_online()
        ear.wait_for_state(5)


@pytest.mark.parametrize(
    "name",
    [
        "ttyUSB0", "loop://", "spy:///dev/ttyUSB0", "hwgrep://.*", "alt:///dev/ttyUSB0",
        "socket://127.0.0.1", "socket://127.0.0.1:70000", "socket://a@127.0.0.1:1",
        "socket://127.0.0.1:4000?logging=debug", "",
    ],
)  # fmt: skip
def test_ports_of_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no|is neither|holds more|range"):
        check_port_name(name)
    with pytest.raises(PortProblem) as caught:
        open_port(name, baudrate=115_200)
    assert caught.value.code == "bad_port"


def test_addresses_outside_the_networks_are_refused() -> None:
    for host in ("169.254.169.254", "8.8.8.8", "[::1]"):
        with pytest.raises(PortProblem) as caught:
            open_port(f"socket://{host}:4000", baudrate=115_200)
        assert caught.value.code == "address_refused"


def test_what_is_no_serial_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PortProblem) as caught:
        open_port(str(tmp_path / "file"), baudrate=115_200)
    assert caught.value.code == "bad_port"
    with pytest.raises(PortProblem):
        open_port("/dev/null", baudrate=115_200)


def test_a_stopped_link_leaves_nothing_open(port: Path) -> None:
    with charger(port):
        device = str(port.resolve())
        with Ear(str(port)) as ear:
            ear.wait_online()
            assert open_files(device) == 1
        assert open_files(device) == 0
        assert ear.link.state == LinkState.CLOSED
        assert [h for _, h in ear.heard if isinstance(h, Look)]
