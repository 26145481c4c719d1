"""What the simulator remembers over a stop."""

import pytest

from devices.simulation.build import build_clients
from devices.simulation.state import (
    Fleet,
    Gap,
    SimulationState,
    open_fleet,
    read_state,
    write_state,
)

NOW = 1_795_000_020.0
HOUR = 3600.0
DEMO = {
    "gateways": [
        {
            "tenant": "t",
            "tenant_slug": "red",
            "site": "Plant",
            "timezone": "Europe/Berlin",
            "latitude": 53.5,
            "longitude": 10.0,
            "uid": "gw-1",
            "username": "gw-1",
            "password": "x",
            "topic_prefix": "tenant/t/gw/gw-1",
            "dialect": "device",
            "devices": [
                {
                    "id": "a",
                    "uid": "line",
                    "profile": "three-phase-meter",
                    "model": {"rated_kw": 50},
                },
                {"id": "b", "uid": "main", "profile": "grid-meter", "model": {"base_kw": 5}},
                {"id": "c", "uid": "gw-1", "profile": "gateway-health", "model": {}},
            ],
        }
    ]
}


@pytest.fixture
def clients():
    return build_clients(DEMO, seed=1)


def test_a_first_start_lacks_the_whole_history(clients):
    fleet, gaps = open_fleet(clients, None, now=NOW, history_seconds=24 * HOUR)

    assert fleet.at == NOW
    assert [(gap.at, gap.until) for gap in gaps] == [(NOW // 60 * 60 - 24 * HOUR, NOW)]
    assert gaps[0].counters["a"] != fleet.counters()["a"]


def test_a_second_start_lacks_what_came_after_the_stop(clients):
    first, _ = open_fleet(clients, None, now=NOW, history_seconds=HOUR)
    saved = SimulationState(first.at, first.counters())

    fleet, gaps = open_fleet(clients, saved, now=NOW + 600, history_seconds=HOUR)

    assert [(gap.at, gap.until) for gap in gaps] == [(NOW, NOW + 600)]
    assert gaps[0].counters == saved.counters
    grown = (
        fleet.counters()["b"]["active_energy_import"] - saved.counters["b"]["active_energy_import"]
    )
    assert grown > 0


def test_filling_a_gap_ends_at_the_live_counters(clients):
    fleet, [gap] = open_fleet(clients, None, now=NOW + 17.3, history_seconds=HOUR)
    filled = Fleet(clients, at=gap.at, counters=gap.counters)

    while filled.at < gap.until:
        filled.advance(min((filled.at // 60 + 1) * 60, gap.until))

    assert filled.counters() == fleet.counters()


def test_a_short_stop_leaves_no_gap(clients):
    first, _ = open_fleet(clients, None, now=NOW, history_seconds=HOUR)
    saved = SimulationState(first.at, first.counters())

    _, gaps = open_fleet(clients, saved, now=NOW + 30, history_seconds=HOUR)

    assert gaps == []


def test_history_that_was_not_finished_is_still_lacking(clients):
    first, open_gaps = open_fleet(clients, None, now=NOW, history_seconds=HOUR)
    saved = SimulationState(first.at, first.counters(), open_gaps)

    _, gaps = open_fleet(clients, saved, now=NOW + 600, history_seconds=2 * HOUR)

    assert [gap.until for gap in gaps] == [NOW, NOW + 600]


def test_counters_go_on_over_a_stop_longer_than_the_history(clients):
    first, _ = open_fleet(clients, None, now=NOW, history_seconds=HOUR)
    saved = SimulationState(first.at, first.counters())

    _, gaps = open_fleet(clients, saved, now=NOW + 48 * HOUR, history_seconds=HOUR)

    [gap] = gaps
    assert gap.until - gap.at < HOUR + 60
    assert gap.counters["b"]["active_energy_import"] > saved.counters["b"]["active_energy_import"]


def test_without_history_nothing_is_filled(clients):
    _, gaps = open_fleet(clients, None, now=NOW, history_seconds=0)

    assert gaps == []


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "state.json"
    state = SimulationState(NOW, {"a": {"x": 1 / 3}}, [Gap(1.0, 2.0, {"a": {"x": 0.1}})])

    write_state(path, state, seed=1)

    assert read_state(path, seed=1) == state
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_another_seed_starts_anew(tmp_path):
    path = tmp_path / "state.json"
    write_state(path, SimulationState(NOW, {}), seed=1)

    assert read_state(path, seed=2) is None
    assert read_state(tmp_path / "absent.json", seed=1) is None
