"""Reasons of rejection are told in words, on the page and in the list."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from telemetry.pages.rejected_help import _ADVICE, reason_name


def test_every_reason_of_the_reference_has_a_name() -> None:
    text = (Path(settings.BASE_DIR) / "docs/reference/topics.md").read_text()
    table = text.partition("## Reasons of rejection")[2]
    codes = {
        code
        for line in table.splitlines()
        if line.startswith("| `")
        for code in re.findall(r"`(\w+)`", line.split("|")[1])
    }

    assert len(codes) > 40
    assert [code for code in sorted(codes | set(_ADVICE)) if reason_name(code) == code] == []


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert reason_name("brand_new") == "brand_new"
