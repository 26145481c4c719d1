"""The server's own log of requests, without secrets.

ThingsBoard's clients put their key into the path, and Daphne writes every path.
"""

from __future__ import annotations

from typing import Any

from daphne import access

from energy.lib.masking import mask_text

_write_entry = access.AccessLogGenerator.write_entry


def _write_masked(self: Any, host: Any, date: Any, request: str, *rest: Any, **named: Any) -> None:
    _write_entry(self, host, date, mask_text(request), *rest, **named)


def mask_access_log() -> None:
    """Mask what looks like a secret in each line."""
    access.AccessLogGenerator.write_entry = _write_masked
