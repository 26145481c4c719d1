"""Twelve bugs of a bridge in the field; each test fails where it is made again.

Those of sessions and subscribers (1, 2, 3) are tested with charging.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from charging.esp32 import v1
from charging.esp32.facts import Ask, Look, Verdict
from charging.esp32.talk_v1 import ACK_SECONDS, TalkV1
from devices.simulators.evse_wire import LineFaults
from devices.wires.serial.link import LONGEST_BACKOFF_SECONDS, Backoff, LinkState
from devices.wires.serial.ports import PortProblem, open_port
from tests.serial.desk import Desk
from tests.serial.rig import Ear, charger, open_files, wait_until

TIOCGEXCL = 0x80045440  # of Linux; the termios module does not name it


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """The name of a port."""
    return tmp_path / "usb-charger-if00"


def test_bug_04_a_permission_given_while_unplugged_is_not_sent_after_the_return(
    port: Path,
) -> None:
    with charger(port) as evse, Ear(str(port)) as ear:
        ear.wait_online()
        evse.tell("plug; wait 20; cut 20")
        ear.wait_for_state(3)
        wait_until(lambda: ear.link.state == LinkState.BACKOFF, "disconnected")
        key = uuid.uuid4()
        ear.link.ask(Ask(key, "charge_start", time.monotonic() + 60))
        wait_until(lambda: ear.result_of(key), "refused at once")
        ear.wait_online()
        time.sleep(1.5)
        assert ear.state == 3
        assert not evse.hardware.is_relay_on
    result = ear.result_of(key)
    assert result is not None
    assert (result.verdict, result.code) == (Verdict.REFUSED, "offline")


def test_bug_05_connects_again_after_every_disconnection(port: Path) -> None:
    with charger(port) as evse, Ear(str(port)) as ear:
        for _ in range(4):
            ear.wait_online()
            evse.tell("cut 7")
            wait_until(lambda: ear.link.state == LinkState.BACKOFF, "disconnected")
        ear.wait_online()
        assert ear.link.opens >= 5


def test_bug_06_every_answer_reaches_who_asked(port: Path) -> None:
    """Whoever asks, one thread reads: answers and states do not get lost between readers."""
    said, heard = _Said(), _Hearing()
    with charger(port) as evse, Ear(str(port), heard) as ear:
        ear.wait_online()
        evse.line.faults = said
        evse.tell("plug")
        ear.wait_for_state(3)
        verdicts: list[str] = []

        def ask(name: str) -> None:
            verdicts.append(ear.do(name, life=30).verdict)

        names = ("read_status", "lock", "charge_start", "read_status")
        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(verdicts) == ["done"] * 4
        assert open_files(str(port.resolve())) == 1
        # all that was said since came to the one reader
        wait_until(lambda: len(said.stream) > 500 and heard.stream.endswith(said.stream), "all", 15)


class _Said(LineFaults):
    stream = b""

    def spoil(self, frame: bytes) -> list[bytes]:
        self.stream += frame
        return super().spoil(frame)


class _Hearing(TalkV1):
    stream = b""

    def receive(self, chunk: bytes, now: float) -> None:
        self.stream += chunk
        super().receive(chunk, now)


def test_bug_07_never_gives_up(port: Path) -> None:
    backoff = Backoff()
    waits = [backoff.take() for _ in range(200)]
    assert 0.3 < waits[0] <= 0.5
    assert max(waits) <= LONGEST_BACKOFF_SECONDS
    assert min(waits[10:]) > LONGEST_BACKOFF_SECONDS * 0.7
    assert len({round(wait, 3) for wait in waits[10:]}) > 50  # spread
    # far more than three tries fail, because somebody else has the port
    tries: list[float] = []

    def refuse() -> None:
        tries.append(time.monotonic())
        raise PortProblem("port_busy", "in use")

    with charger(port), Ear(str(port)) as other:
        other.wait_online()
        ear = Ear(str(port))
        really, ear.link._open = ear.link._open, refuse
        ear.link._backoff = _Quick()
        with ear:
            wait_until(lambda: len(tries) > 8, "nine tries")
            other.link.stop()
            ear.link._open = really
            ear.wait_online()


class _Quick(Backoff):
    def take(self) -> float:
        super().take()
        return 0.01


def test_bug_08_opens_the_port_that_is_named_and_no_other(tmp_path: Path) -> None:
    """Another adapter that is found first is not taken, also while the right one is away."""
    right, wrong = tmp_path / "usb-b-if00", tmp_path / "usb-a-if00"
    with charger(wrong) as other, Ear(str(right)) as ear:
        other.tell("plug")
        wait_until(lambda: ear.changes(LinkState.BACKOFF), "its port is missing")
        time.sleep(1)
        assert ear.changes(LinkState.BACKOFF)[0][1].code == "port_missing"
        assert open_files(str(wrong.resolve())) == 0
        with charger(right):
            ear.wait_online()
            assert ear.state == 1  # the one without a vehicle


def test_bug_09_a_second_opener_is_kept_out(port: Path) -> None:
    with charger(port), Ear(str(port)) as ear:
        ear.wait_online()
        with pytest.raises(PortProblem) as caught:
            open_port(str(port), baudrate=115_200)
        assert caught.value.code == "port_busy"
        assert f"pid {os.getpid()}" in caught.value.detail
        # the lock keeps out only who asks for it; this keeps out all but root
        assert is_exclusive(port)
        if os.geteuid() != 0:
            with pytest.raises(OSError) as refused:
                os.close(os.open(port, os.O_RDWR | os.O_NOCTTY))
            assert refused.value.errno == errno.EBUSY


def is_exclusive(port: Path) -> bool:
    """Ask the kernel whether a port that this process has open is there for it alone."""
    device = str(port.resolve())
    own = [fd for fd in Path("/proc/self/fd").iterdir() if os.path.realpath(fd) == device]
    answer = bytearray(4)
    fcntl.ioctl(int(own[0].name), TIOCGEXCL, answer)
    return bool(int.from_bytes(answer, sys.byteorder))


def test_bug_10_states_are_seen_between_those_that_are_told_unasked() -> None:
    """The controller tells its state every 7.5 s; it is asked, so shorter ones are seen."""
    desk = Desk(TalkV1())
    desk.run(2)
    desk.plug_in(wants_energy=False)
    desk.do("charge_start")
    desk.run(2)
    for wants in (True, False, True, False):
        desk.hardware.vehicle.wants_energy = wants
        desk.run(2)
    states = [look.state for look in desk.heard if isinstance(look, Look)]
    seen = [state for at, state in enumerate(states) if at == 0 or state != states[at - 1]]
    assert [state for state in seen if state in {5, 6}] == [5, 6, 5, 6]


@pytest.mark.parametrize("lost", ["answer", "order"])
def test_bug_11_a_permission_is_written_once_whatever_is_lost(port: Path, lost: str) -> None:
    """Nothing is heard for longer than an answer takes: it looks again and writes nothing."""
    with charger(port) as evse, Ear(str(port)) as ear:
        evse.tell("plug")
        ear.wait_for_state(3)
        written: list[float] = []
        hears = evse.controller.receive

        def receive(data: bytes) -> None:
            if v1.AUTH in data:
                written.append(time.monotonic())
                evse.line.faults.lose = 1.0
                data = data.replace(v1.AUTH, b"") if lost == "order" else data
            elif written and time.monotonic() - written[0] > ACK_SECONDS + 1:
                evse.line.faults.lose = 0.0
            hears(data)

        evse.controller.receive = receive  # type: ignore[method-assign]
        result = ear.do("charge_start")
        assert time.monotonic() - written[0] > ACK_SECONDS  # it was waited for in vain
        expected = Verdict.DONE if lost == "answer" else Verdict.NO_ANSWER
        assert result.verdict == expected
        assert evse.hardware.is_relay_on == (lost == "answer")
        time.sleep(1.5)
        assert len(written) == 1


def test_bug_12_an_open_port_alone_is_not_healthy(port: Path) -> None:
    master, slave = os.openpty()
    port.symlink_to(os.ttyname(slave))
    try:
        with Ear(str(port)) as ear:
            wait_until(lambda: ear.link.opens == 1, "open")
            os.write(master, b"not a frame\n" * 20)
            time.sleep(0.5)
            assert ear.link.state == LinkState.SYNCING
            assert not ear.link.is_fresh(seconds=6)
    finally:
        os.close(master)
        os.close(slave)
