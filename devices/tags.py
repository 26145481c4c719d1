"""Words that people give to devices of their own, such as cooling or critical."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_TAGS, MAX_LENGTH = 20, 40
SEPARATOR = ","


def split_tags(text: str) -> list[str]:
    """Return the words of a line that commas part."""
    return text.split(SEPARATOR)


def clean_tags(given: Iterable[str]) -> list[str]:
    """Return tags without blanks around them, each once, in the order given.

    Of two that differ only in case the first one counts.

    Raises: ValidationError: too many, one too long, or one with a comma or a control character.
    """
    found: dict[str, str] = {}
    for raw in given:
        tag = " ".join(raw.split())
        if tag:
            found.setdefault(tag.casefold(), tag)
    tags = list(found.values())
    if len(tags) > MAX_TAGS:
        raise ValidationError({"tags": _("A device has at most 20 tags.")})
    if any(len(tag) > MAX_LENGTH for tag in tags):
        raise ValidationError({"tags": _("A tag has at most 40 characters.")})
    if any(SEPARATOR in tag or not tag.isprintable() for tag in tags):
        raise ValidationError({"tags": _("A tag has no comma.")})
    return tags
