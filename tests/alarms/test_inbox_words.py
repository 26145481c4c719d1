"""Lengths of time as the alarm pages write them."""

from __future__ import annotations

import pytest
from django.utils import translation

from alarms.life_words import lasting


@pytest.mark.parametrize(
    ("seconds", "english", "turkish"),
    [
        (0, "0 s", "0 sn"), (59.9, "59 s", "59 sn"), (60, "1 min", "1 dk"),
        (3_661, "1 h 1 min", "1 sa 1 dk"), (86_399, "23 h 59 min", "23 sa 59 dk"),
        (86_400, "1 d", "1 gün"), (180_000, "2 d 2 h", "2 gün 2 sa"),
    ],
)  # fmt: skip
def test_lengths_are_written_in_the_language_of_the_reader(seconds, english, turkish):
    assert lasting(seconds) == english
    with translation.override("tr"):
        assert lasting(seconds) == turkish
