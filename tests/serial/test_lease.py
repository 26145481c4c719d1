"""F41: one process of all owns a serial port; who is late hears who has it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from devices.models import PortLease
from devices.services.outbox import database_now
from devices.wires.serial import lease
from devices.wires.serial.lease import PortClaim, PortHeld, delete_old_leases, holder_of, port_key
from energy.lib.identity import _identity

pytestmark = pytest.mark.django_db

PORT = "/dev/serial/by-id/usb-test-if00"


def claim(port: str = PORT) -> PortClaim:
    return PortClaim(port, command="run_serial_bridge")


def let_run_out(port: str = PORT) -> None:
    PortLease.objects.filter(port=port_key(port)).update(
        expires_at=database_now() - dt.timedelta(seconds=1)
    )


def be_another(monkeypatch: pytest.MonkeyPatch, who: str = "elsewhere/pid:[1]/77-5") -> None:
    """Let claims that are made from here on belong to another process."""
    monkeypatch.setattr(lease, "own_identity", lambda: who)
    monkeypatch.setattr(lease, "_who", lambda command: f"elsewhere pid 77 {command}")


def test_the_second_hears_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    claim().hold()
    be_another(monkeypatch)

    with pytest.raises(PortHeld) as caught:
        claim().hold()

    assert "pid" in caught.value.holder
    assert "run_serial_bridge" in str(caught.value)
    assert "(" not in str(caught.value)  # names for people only
    assert holder_of(PORT) == caught.value.holder


def test_renewing_keeps_the_number_and_moves_the_end() -> None:
    mine = claim()
    mine.hold()
    before = PortLease.objects.get(port=port_key(PORT))
    mine.hold()

    after = PortLease.objects.get(port=port_key(PORT))

    assert after.fence == before.fence == mine.fence == 1
    assert after.expires_at > before.expires_at


def test_one_that_ran_out_goes_to_the_next_and_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = claim()
    slow.hold()
    let_run_out()
    be_another(monkeypatch)
    quick = claim()
    quick.hold()

    assert quick.fence == slow.fence + 1
    with pytest.raises(PortHeld):
        slow.hold()
    let_run_out()
    with pytest.raises(PortHeld):  # it had been lost: nothing may be written on the old link
        slow.hold()


def test_one_that_ran_out_and_nobody_took_goes_on() -> None:
    mine = claim()
    mine.hold()
    let_run_out()
    mine.hold()
    assert mine.fence == 1


def test_a_killed_holder_does_not_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        be_another(monkeypatch, _identity(process.pid))
        claim().hold()
        monkeypatch.undo()
        with pytest.raises(PortHeld):
            claim().hold()
        process.kill()
    claim().hold()


def test_released_it_is_free_and_the_number_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first = claim()
    first.hold()
    first.release()
    assert holder_of(PORT) == ""
    be_another(monkeypatch)
    second = claim()
    second.hold()
    assert second.fence == 2
    first.release()  # not its own any more
    assert holder_of(PORT)


def test_names_of_one_port_are_one(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    assert port_key(str(tmp_path / "by-id")) == port_key(str(tmp_path / "ttyUSB0"))
    assert port_key("socket://10.0.0.5:4000") == "socket://10.0.0.5:4000"


def test_old_leases_are_deleted() -> None:
    claim().hold()
    now = database_now()
    assert delete_old_leases(now=now) == 0
    assert delete_old_leases(now=now + dt.timedelta(days=2)) == 1
