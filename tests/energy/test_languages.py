"""A language is offered when its catalogue is complete, by one setting."""

from __future__ import annotations

import pytest

from energy.lib.env import choose_languages

KNOWN = {"en": "English", "tr": "Turkish", "de": "German", "ru": "Russian"}


def test_offers_what_is_enabled_in_a_fixed_order_and_always_english():
    assert choose_languages(KNOWN, ["de", "tr"]) == [
        ("en", "English"),
        ("tr", "Turkish"),
        ("de", "German"),
    ]
    assert choose_languages(KNOWN, []) == [("en", "English")]


def test_refuses_what_nobody_prepared():
    with pytest.raises(ValueError, match="known are en, tr, de, ru"):
        choose_languages(KNOWN, ["en", "fr"])
