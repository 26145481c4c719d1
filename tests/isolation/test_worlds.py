"""The worlds are complete: no table is empty, nobody is missing."""

from __future__ import annotations

import pytest

from tests.isolation import state
from tests.isolation.fill import tenant_models
from tests.isolation.outlets import found_in
from tests.isolation.people import NAMES

pytestmark = pytest.mark.django_db


def test_each_table_of_a_tenant_has_a_row_with_canaries(worlds):
    for world in worlds:
        with world.scope():
            empty = [m._meta.label for m in tenant_models() if not m.objects.exists()]
        assert empty == []


def test_the_words_of_a_tenant_are_in_all_its_tables_of_words(worlds):
    a, _b = worlds
    marked = state.tables_with(a.word)

    assert {"devices_site", "devices_gateway", "devices_device", "accounts_role"} <= set(marked)
    assert len(marked) > 15


def test_the_numbers_of_a_tenant_are_in_its_tables_of_numbers(worlds):
    a, _b = worlds
    marked = state.tables_with(str(a.number))

    assert {"accounts_plan", "telemetry_sample", "telemetry_latestvalue"} <= set(marked)


def test_all_principals_of_the_catalogue_are_there(everybody):
    assert tuple(everybody) == NAMES
    assert len(NAMES) >= 16


@pytest.mark.parametrize(
    "number", ["7713371", "7,713,371", "7.713.371", "7’713’371", "7\u202f713\u202f371"]
)
def test_canaries_are_recognised_however_they_are_written(number):
    data = f"<b>Canary-A</b> {number} kWh".encode()

    assert found_in(data, ["canary-a", "7713371", "harbour-a"]) == ["canary-a", "7713371"]
    assert found_in(b"4f7713371-0a 77 13 37", ["canary-a", "7713371"]) == []
