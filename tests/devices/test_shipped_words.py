"""Shipped types of device speak the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.utils import translation

from devices.builtin_profiles import builtin_profiles
from devices.models import DeviceProfile
from devices.shipped_words import _WORDS, PROPER_NAMES, shipped_word


def labels(described: Any) -> Iterator[str]:
    """Return every label of parameters and commands, at any depth."""
    if isinstance(described, Mapping):
        if label := described.get("label"):
            yield label
        for value in described.values():
            yield from labels(value)
    elif isinstance(described, list):
        for value in described:
            yield from labels(value)


@pytest.mark.parametrize("key", sorted(builtin_profiles()))
def test_every_word_of_a_shipped_type_can_be_translated(key: str) -> None:
    profile = builtin_profiles()[key]
    words = {profile.name, *labels(profile.commands), *labels(profile.parameters)}

    assert words <= _WORDS | PROPER_NAMES


def test_a_type_that_a_customer_named_stays_as_it_is() -> None:
    with translation.override("tr"):
        assert str(DeviceProfile(name="Kazan of hall 3")) == "Kazan of hall 3"


def test_a_known_word_is_translated(monkeypatch) -> None:
    monkeypatch.setattr("devices.shipped_words.gettext", lambda text: f"tr:{text}")

    assert shipped_word("Water meter") == "tr:Water meter"
    assert str(DeviceProfile(name="Water meter")) == "tr:Water meter"
