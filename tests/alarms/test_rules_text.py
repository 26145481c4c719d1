"""Texts of alarms: names become values, nothing else does."""

from __future__ import annotations

import pytest

from alarms.rules.text import NAMES, UnknownName, check_text, render

VALUES = {name: f"<{name}>" for name in NAMES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Too hot", "Too hot"),
        ("{value} {unit} above {limit}", "<value> <unit> above <limit>"),
        ("{ device }/{channel}@{site} since {since}", "<device>/<channel>@<site> since <since>"),
        ("{value.__class__} {0} {} {{value}} {", "{value.__class__} {0} {} {<value>} {"),
    ],
)
def test_known_names_become_values(text: str, expected: str) -> None:
    assert render(text, VALUES) == expected


def test_values_are_not_read_as_texts() -> None:
    assert render("{device} {site}", {"device": "{site}", "site": "{device}"}) == "{site} {device}"


def test_what_is_not_known_is_blank() -> None:
    assert render("[{limit}]", {}) == "[]"


@pytest.mark.parametrize("name", ["valeu", "value.__class__", "0", "", "value!r"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownName) as error:
        check_text(f"Value {{value}} and {{{name}}}")

    assert error.value.name == name
    assert "{since}" in str(error.value)


def test_texts_of_known_names_pass() -> None:
    check_text("{value}{unit}{limit}{device}{channel}{site}{since} { value } {")
