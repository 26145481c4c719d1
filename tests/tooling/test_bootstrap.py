from __future__ import annotations

import subprocess
import sys

import pytest

from tools import bootstrap
from tools.paths import ROOT


@pytest.mark.parametrize(
    ("asked", "installed", "expected"),
    [
        ("demo", "demo", True),
        ("demo", "dev", True),
        ("test", "dev", True),
        ("test", "demo", False),
        ("dev", "test", False),
    ],
)
def test_a_wider_set_serves_for_a_narrower_one(asked, installed, expected):
    stamp = bootstrap.wanted_stamp(installed) + "\n"

    assert bootstrap.is_installed(asked, stamp) is expected


def test_a_changed_lock_file_makes_the_stamp_stale(tmp_path, monkeypatch):
    (tmp_path / "requirements").mkdir()
    for name in bootstrap.SETS:
        (tmp_path / f"requirements/{name}.txt").write_text("a==1")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    stamp = bootstrap.wanted_stamp("demo")

    (tmp_path / "requirements/demo.txt").write_text("a==2")

    assert not bootstrap.is_installed("demo", stamp)


def test_every_set_is_locked_and_contains_the_ones_before():
    for narrow, wide in zip(bootstrap.SETS, bootstrap.SETS[1:], strict=False):
        assert f"-r {narrow}.in" in (ROOT / f"requirements/{wide}.in").read_text()
        assert (ROOT / f"requirements/{wide}.txt").exists()


def test_the_entry_point_explains_itself():
    shown = subprocess.run([ROOT / "run"], capture_output=True, text=True, check=True).stdout

    for command in ("demo", "test", "check", "bench", "manage", "stop", "lock"):
        assert f"./run {command}" in shown


def test_an_unknown_command_is_refused():
    done = subprocess.run([ROOT / "run", "dance"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Usage" in done.stdout


@pytest.mark.parametrize("module", ["tools.bootstrap", "tools.stop", "tools.lock"])
def test_runs_on_the_standard_library_alone(module):
    """-S hides site-packages, as on a machine that has nothing but python3."""
    subprocess.run([sys.executable, "-S", "-c", f"import {module}"], cwd=ROOT, check=True)
