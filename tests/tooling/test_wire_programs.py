"""Socat and mbpoll come from the machine, or from its packages without installing them."""

from __future__ import annotations

import pytest

from tools.wire_programs import find_wire_program


def put(path, text: str = "#!/bin/sh\n") -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o755)


def test_takes_the_program_of_the_machine(tmp_path, monkeypatch) -> None:
    put(tmp_path / "bin/socat")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    found = find_wire_program("socat", downloads=tmp_path / "none")

    assert (found.path, found.env) == (tmp_path / "bin/socat", {})


def test_takes_what_was_unpacked_before_with_its_libraries(tmp_path, monkeypatch) -> None:
    put(tmp_path / "mbpoll/usr/bin/mbpoll")
    put(tmp_path / "mbpoll/usr/lib/x86_64-linux-gnu/libmodbus.so.5")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    found = find_wire_program("mbpoll", downloads=tmp_path)

    assert found.path == tmp_path / "mbpoll/usr/bin/mbpoll"
    assert found.env == {"LD_LIBRARY_PATH": str(tmp_path / "mbpoll/usr/lib/x86_64-linux-gnu")}
    assert found.environment()["PATH"] == str(tmp_path / "empty")


def test_says_what_to_install_where_apt_is_not(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RuntimeError, match="apt-get install -y mbpoll"):
        find_wire_program("mbpoll", downloads=tmp_path)


def test_knows_which_programs_it_may_fetch(tmp_path) -> None:
    with pytest.raises(ValueError, match="mbpoll, socat"):
        find_wire_program("bash", downloads=tmp_path)
