"""Parameters of a command in one line, such as `runtime_s = 30, speed = 2`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


class Pairs(forms.CharField):
    """Names and values; numbers, true and false are what they look like."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label, required=False, max_length=500,
            help_text=gettext_lazy("Such as: runtime_s = 30, speed = 2"),
        )  # fmt: skip

    def clean(self, value: Any) -> dict[str, bool | int | float | str]:
        """Return the parameters."""
        return read_pairs(super().clean(value))


def read_pairs(text: str) -> dict[str, bool | int | float | str]:
    """Return parameters. Raises: ValidationError."""
    found: dict[str, bool | int | float | str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            raise forms.ValidationError(_("Write it as: name = value, name = value"))
        found[name] = _value(value)
    return found


def write_pairs(params: Mapping[str, Any]) -> str:
    """Return parameters as people write them."""
    return ", ".join(
        f"{name} = {str(value).lower() if isinstance(value, bool) else value}"
        for name, value in params.items()
    )


def _value(text: str) -> bool | int | float | str:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.match(text):
        return float(text) if "." in text else int(text)
    return text
