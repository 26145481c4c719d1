"""The plant that the fault tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.faults.harness import Plant, wait_until
from tests.faults.ledger import Fleet


@pytest.fixture(scope="session")
def shared_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Start the servers once for all fault tests."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    try:
        plant.start()
        yield plant
    finally:
        plant.stop()


@pytest.fixture
def plant(shared_plant: Plant) -> Iterator[Plant]:
    """Yield the plant with listener and worker at work, and nothing left of other tests."""
    shared_plant.ensure_running()
    yield shared_plant
    shared_plant.ensure_running()
    wait_until(lambda: shared_plant.backlog() == 0, 120, "the stream was not emptied")


@pytest.fixture
def fleet(plant: Plant) -> Fleet:
    """A gateway with ten devices that only this test uses."""
    return plant.take_fleet()


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that keeps figures for the report; `pytest -rP` shows them."""

    def keep(**figures: object) -> None:
        for name, value in figures.items():
            shown = round(value, 2) if isinstance(value, float) else value
            record_property(name, str(shown))  # xdist carries plain types only
            sys.stdout.write(f"{name}: {shown}\n")

    return keep
