from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tools import lock_file
from tools.banner import banner
from tools.demo_check import Reading, contains_number
from tools.demo_file import addresses, merge_demo, read_demo
from tools.lock_file import AlreadyRuns, demo_lock, running_demo_pid
from tools.paths import ROOT
from tools.run_tests import pytest_runs, worst

ENV = {
    "PUBLIC_URL": "http://127.0.0.1:8123",
    "MQTT_HOST": "127.0.0.1",
    "MQTT_PORT": "21883",
    "MQTT_EXTERNAL_PORT": "28883",
    "DATABASE_URL": "postgresql://energy:pw@127.0.0.1:1/energy",
    "REDIS_DURABLE_URL": "redis://:pw@127.0.0.1:2/0",
    "REDIS_EPHEMERAL_URL": "redis://:pw@127.0.0.1:3/0",
}
USER = {"email": "v@a.example", "password": "secret-pw", "role": "viewer", "tenant": "a"}

PARALLEL = ["-n", "auto", "--dist", "loadfile"]
TWO = ["-n", "2", "--dist", "loadfile"]


@pytest.fixture
def demo_json(tmp_path):
    return tmp_path / "demo.json"


@pytest.fixture
def private_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_file, "LOCK_FILE", tmp_path / "demo.lock")


def test_demo_json_is_for_its_owner_only(demo_json):
    merge_demo(demo_json, {"users": [USER]})

    assert demo_json.stat().st_mode & 0o777 == 0o600


def test_a_later_start_replaces_addresses_and_keeps_passwords(demo_json):
    merge_demo(demo_json, {"web": "http://127.0.0.1:8000", "users": [USER]})

    merge_demo(demo_json, addresses(ENV))

    demo = read_demo(demo_json)
    assert demo["web"] == "http://127.0.0.1:8123"
    assert demo["users"] == [USER]
    assert (demo["mqtt"]["port"], demo["mqtt"]["tls_port"]) == (21883, 28883)


def test_the_block_at_the_end_names_real_ports_and_logins():
    box = "http://127.0.0.1:8123/claim#02:aa.CODE"
    text = banner({**addresses(ENV), "users": [USER]}, seconds=4.2, box=box)

    assert box in text
    for part in ("http://127.0.0.1:8123/admin/", "28883", "v@a.example", "secret-pw", "4.2 s"):
        assert part in text


@pytest.mark.usefixtures("private_lock")
def test_a_second_demo_of_the_checkout_is_refused():
    with demo_lock():
        assert running_demo_pid() == os.getpid()
        with pytest.raises(AlreadyRuns, match=str(os.getpid())), demo_lock():
            pass

    assert running_demo_pid() is None


def test_a_killed_demo_leaves_no_lock(tmp_path, monkeypatch):
    lock = tmp_path / "demo.lock"
    monkeypatch.setattr(lock_file, "LOCK_FILE", lock)
    script = (
        "import os, signal; from pathlib import Path; from tools import lock_file\n"
        f"lock_file.LOCK_FILE = Path({str(lock)!r})\n"
        "with lock_file.demo_lock(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)

    assert lock.read_text() != ""
    assert running_demo_pid() is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [[*PARALLEL, "-m", "not faults"], [*TWO, "-m", "faults and not long"]]),
        (
            ["tests/live"],
            [
                [*PARALLEL, "-m", "not faults", "tests/live"],
                [*TWO, "-m", "faults and not long", "tests/live"],
            ],
        ),
        (["-n0"], [["-n0"]]),
        (["-n", "2"], [["-n", "2"]]),
        (["-p", "no:xdist"], [["-p", "no:xdist"]]),
        (["-k", "kill"], [["-k", "kill"]]),
    ],
)
def test_fault_tests_run_last_unless_told_otherwise(given, expected):
    assert pytest_runs(given) == expected


@pytest.mark.parametrize(
    ("codes", "expected"), [([0, 0], 0), ([0, 1], 1), ([5, 0], 0), ([5, 5], 5), ([2, 0], 2)]
)
def test_one_failed_run_fails_the_tests(codes, expected):
    assert worst(codes) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"latest": [{"value": 1.234}]}, True),
        ([[1, [2, 1.234]]], True),
        ({"value": "1.234"}, False),
        ({"value": True}, False),
    ],
)
def test_a_value_is_found_at_any_depth_of_an_answer(answer, expected):
    assert contains_number(answer, 1.234) is expected


def test_a_websocket_point_is_recognised_by_device_metric_and_time():
    gateway = {"topic_prefix": "tenant/t/gw/g"}
    reading = Reading(gateway, {"id": "d", "uid": "m"}, 1, "power", "power", 1700000000123, 1.5)

    assert reading.topic() == "tenant/t/gw/g/data/device/m"
    assert reading.is_point(["d", "power", 1700000000123, 1.5, "good"])
    assert not reading.is_point(["d", "power", 1700000000124, 1.5, "good"])
