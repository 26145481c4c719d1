"""Each test begins and ends in English: a request in Turkish would leave the thread Turkish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

from tests.conftest import Team
from tests.reports.ledger_rows import ReportSite


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture(autouse=True)
def folder(settings, tmp_path: Path) -> Path:
    """Keep files of tests out of the installation."""
    exports = {**settings.STORAGES["exports"]}
    exports["OPTIONS"] = {**exports["OPTIONS"], "location": str(tmp_path)}
    settings.STORAGES = {**settings.STORAGES, "exports": exports}
    return tmp_path


@pytest.fixture
def berlin(red: Team) -> ReportSite:
    """Two weeks of a site around the end of summer time: grid and two circuits."""
    site = ReportSite(red, dt.date(2026, 10, 19), dt.date(2026, 11, 2))
    site.add("Grid", {"import": lambda at: 250_001 + at.hour * 10_000, "export": lambda at: 10_003},
             role="grid", contracted_kw=1)  # fmt: skip
    site.add("Hall", {"import": lambda at: 125_000}, parent="Grid")
    site.add("Office", {"import": lambda at: 62_507}, parent="Grid")
    return site
