"""Turkish is complete."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

TURKISH = Path(settings.LOCALE_PATHS[0]) / "tr" / "LC_MESSAGES"
ENTRY = re.compile(
    r'^(?:msgctxt (?P<context>(?:".*"\n)+))?msgid (?P<id>(?:".*"\n)+)msgstr (?P<text>(?:".*"\n)+)',
    re.MULTILINE,
)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")


def unquote(lines: str) -> str:
    """Join the quoted lines of a catalogue entry."""
    joined = "".join(line[1:-1] for line in lines.splitlines())
    return joined.replace('\\"', '"').replace("\\n", "\n")


def entries() -> list[tuple[str, str, str]]:
    """Return (context, msgid, msgstr) of the catalogue, without its header."""
    text = (TURKISH / "django.po").read_text(encoding="utf-8")
    found = [
        (unquote(m["context"] or ""), unquote(m["id"]), unquote(m["text"]))
        for m in ENTRY.finditer(text)
    ]
    return [entry for entry in found if entry[1]]


def test_nothing_is_untranslated_or_unsure() -> None:
    assert [msgid for _, msgid, text in entries() if not text] == []
    assert "fuzzy" not in (TURKISH / "django.po").read_text(encoding="utf-8")


def test_placeholders_survive_translation() -> None:
    changed = [
        msgid
        for _, msgid, text in entries()
        if sorted(PLACEHOLDER.findall(msgid)) != sorted(PLACEHOLDER.findall(text))
    ]

    assert changed == []


def test_the_compiled_catalogue_is_up_to_date() -> None:
    with (TURKISH / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    stale = [
        msgid
        for context, msgid, text in entries()
        if (compiled.pgettext(context, msgid) if context else compiled.gettext(msgid)) != text
    ]

    assert stale == []


@pytest.mark.parametrize("folder", ["templates"])
def test_every_string_of_the_pages_is_in_the_catalogue(folder: str) -> None:
    known = {msgid for _, msgid, _ in entries()}
    used = re.compile(r"""{% translate (["'])(.+?)\1""")
    missing = [
        (path.name, text)
        for path in (settings.BASE_DIR / folder).rglob("*.html")
        for _, text in used.findall(path.read_text(encoding="utf-8"))
        if text not in known
    ]

    assert missing == []
