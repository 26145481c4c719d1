"""Every byte that leaves: answers, mails, logs; and whether a canary is in it."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.core import mail

_SEPARATORS = ".,'’ \u00a0\u202f".encode()  # what may stand between thousands, in UTF-8
_BETWEEN = b"[" + _SEPARATORS + b"]{0,3}"


class Ear(logging.Handler):
    """Hears every log line, as the product writes it, and every mail."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        formatters = [h.formatter for h in logging.getLogger().handlers if h.formatter]
        self.setFormatter(next(iter(formatters), None))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._lines.append(self.format(record))

    def take(self) -> bytes:
        """Return what was said since the last time."""
        mails = [str(m.message()) + m.body for m in getattr(mail, "outbox", [])]
        heard = "\n".join([*self._lines, *mails])
        self._lines.clear()
        if mails:
            mail.outbox.clear()
        return heard.encode()


def body_of(answer: Any) -> bytes:
    """Return the body; an Excel file unpacked."""
    body = b"".join(answer) if answer.streaming else answer.content
    if body[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(body)) as parts:
            return b"\n".join(parts.read(name) for name in parts.namelist())
    return bytes(body)


def bytes_of(answer: Any) -> bytes:
    """Return an answer as it goes over the wire: reason, headers, cookies, body."""
    head = f"{answer.status_code} {answer.reason_phrase}\n" + "\n".join(
        f"{name}: {value}" for name, value in answer.headers.items()
    )
    return b"\n".join([head.encode(), str(answer.cookies).encode(), body_of(answer)])


def found_in(data: bytes, canaries: Iterable[str]) -> list[str]:
    """Return the canaries in some bytes; numbers also with separators between thousands."""
    lower, bare = data.lower(), data.translate(None, _SEPARATORS)
    return [
        canary
        for canary in canaries
        # a search for an expression takes ten times as long as one for plain bytes
        if (
            canary.encode() in bare and _pattern(canary).search(data)
            if canary.isdecimal()
            else canary.lower().encode() in lower
        )
    ]


@cache
def _pattern(number: str) -> re.Pattern[bytes]:
    # not inside of identifiers, where chance would find any digits
    return re.compile(b"(?<![0-9a-fA-F-])" + _BETWEEN.join(d.encode() for d in number))
