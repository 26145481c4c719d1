from __future__ import annotations

import pytest

from tools.prepared import fingerprint


@pytest.fixture
def checkout(tmp_path):
    for name in ("devices/migrations/0001_initial.py", "requirements/base.txt", "devices/api.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    return tmp_path


def test_the_same_code_needs_no_second_preparation(checkout):
    assert fingerprint(checkout) == fingerprint(checkout)


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("devices/migrations/0001_initial.py", True),
        ("devices/migrations/0002_more.py", True),
        ("requirements/base.txt", True),
        ("devices/api.py", False),
    ],
)
def test_new_migrations_and_packages_are_noticed(checkout, changed, matters):
    before = fingerprint(checkout)

    (checkout / changed).write_text("two")

    assert (fingerprint(checkout) != before) is matters
