from __future__ import annotations

import pytest

from tools import logs
from tools.logs import ProgramLog, matters


@pytest.fixture
def log(tmp_path):
    return ProgramLog(tmp_path, "web", colour="32", verbose=False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-20 [warning  ] broker does not answer", True),
        ("[p] FATAL:  role does not exist", True),
        ("Traceback (most recent call last):", True),
        ("[info     ] 3 readings stored", False),
        ("terrorism of words", False),
        ("# WARNING overcommit_memory is set to 0!", False),
    ],
)
def test_warnings_and_errors_reach_the_terminal(line, expected):
    assert matters(line) is expected


def test_everything_is_in_the_file_without_colours(log):
    log.feed(b"\x1b[33mhalf a ")
    log.feed(b"line\x1b[0m\nand the rest")
    log.close()

    assert log.path.read_text() == "half a line\nand the rest\n"
    assert log.last_line == "and the rest"


def test_a_flood_of_warnings_is_cut_on_the_terminal_only(log, capsys):
    log.feed(b"an error\n" * 100)

    assert len(capsys.readouterr().out.splitlines()) == logs.SHOWN_LINES + 1
    assert len(log.path.read_text().splitlines()) == 100


def test_a_log_is_rotated(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MAX_BYTES", 1000)
    log = ProgramLog(tmp_path, "web", colour="32", verbose=False)

    log.feed(b"0123456789\n" * 1000)
    log.close()

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "web.log", "web.log.1", "web.log.2", "web.log.3",
    ]  # fmt: skip


def test_an_endless_line_does_not_fill_the_memory(log):
    log.feed(b"x" * (logs.LONGEST_LINE + 1))

    assert len(log.last_line) == logs.LONGEST_LINE + 1
