"""The page of threats names tests that exist."""

from __future__ import annotations

import re

from tools.paths import ROOT

PAGE = ROOT / "docs/reference/threats.md"


def test_each_test_that_is_named_exists():
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE.read_text()))

    assert len(named) > 40
    assert {name for name in named if not (ROOT / name).is_file()} == set()
