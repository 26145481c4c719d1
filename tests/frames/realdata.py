"""Real frames of meters and what they hold, when the data are there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[3] / "shared/realdata"))
PAYLOADS = REALDATA / "payloads"
needs_realdata = pytest.mark.skipif(
    not PAYLOADS.exists(), reason=f"no real payloads at {PAYLOADS}: set REALDATA_DIR"
)


def payload(family: str, file: str) -> bytes:
    """Return the bytes of one file."""
    return (PAYLOADS / family / file).read_bytes()


def expectations(*families: str) -> Iterator[Any]:
    """Yield (family, file, expected) of every file of the families."""
    for family in families:
        folder = PAYLOADS / family
        if not folder.exists():
            continue
        expected = json.loads((folder / "expected.json").read_text())
        for line in (folder / "index.jsonl").read_text().splitlines():
            entry = json.loads(line)
            yield pytest.param(family, entry["file"], expected[entry["id"]], id=entry["id"])
