"""The figures of the real data sets, and where the files lie."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings

REALDATA = Path(os.environ.get("REALDATA_DIR", settings.BASE_DIR.parent / "shared" / "realdata"))
SERIES = REALDATA / "series"
needs_series = pytest.mark.skipif(
    not (SERIES / "FACTS.json").exists(), reason=f"no real data at {SERIES}; set REALDATA_DIR"
)


def facts(name: str) -> dict[str, Any]:
    """Return the figures of one file."""
    found: dict[str, Any] = json.loads((SERIES / "FACTS.json").read_text())[name]
    return found


def near(expected: float, digits: int = 3) -> Any:
    """Compare with a figure that was rounded to so many digits."""
    return pytest.approx(expected, abs=0.51 * 10**-digits)


def near_all(expected: dict[str, float], names: Iterable[str], digits: int = 3) -> dict[str, Any]:
    """Compare named figures, and that the names are the same."""
    assert set(expected) == set(names)
    return {name: near(value, digits) for name, value in expected.items()}


def gaps(series: Any, seconds: int) -> list[dict[str, Any]]:
    """Return the last time before each gap, the next one, and the number between them."""
    steps = np.diff(series.times) // (seconds * 1_000_000)
    names = [moment.isoformat(sep=" ") for moment in series.moments("UTC")]
    return [
        {"after": names[n], "next": names[n + 1], "missing": int(steps[n]) - 1}
        for n in np.flatnonzero(steps > 1)
    ]


def add_in_blocks(values: list[float]) -> float:
    """Add as data frames do, whose sums of groups are the published figures.

    They add in blocks, so the last bits are others than those of adding one by one.
    """
    return float(np.add.reduceat(np.array(values), [0])[0]) if values else 0.0
