"""How long a line is left silent, and what an order writes: facts that maps and staff state."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from devices.modbus.maps import read_map
from devices.models import DeviceProfile
from devices.queries_modbus import load_buses
from devices.services.profiles import check_profile
from devices.services.wires import BAUD_RATES
from devices.wires.modbus.orders import value_of
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.modbus.makers import make_bus, make_device, make_unit
from tests.modbus.polling import MAP, a_unit
from tests.modbus.test_writes import an_order


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "own", "gaps"),
    [
        ("rtu_tcp", {}, (0.05, 0.2)),
        ("rtu_tcp", {"request_gap_ms": 80, "unit_gap_ms": 5}, (0.08, 0.01)),
        ("tcp", {}, (0.0, 0.0)),
    ],
)
def test_the_longest_pause_that_somebody_wants_is_kept(
    red: Team, kind: str, own: dict[str, Any], gaps: tuple[float, float]
) -> None:
    with red.scope():
        device = make_device(SiteFactory(tenant=red.tenant))
        bus = make_bus(device, kind=kind, **own)
        wanted = {"request_gap_ms": 50, "unit_gap_ms": 10}
        make_unit(device, bus=bus, register_map=MAP | wanted)
    line = load_buses(poller=bus.poller)[bus.id].line
    assert (line.request_gap_seconds, line.unit_gap_seconds) == gaps


def test_a_number_beside_an_order_to_switch_is_not_what_is_written() -> None:
    rows = {"writes": [{"command": "pump_on", "address": 7, "type": "uint16", "min": 0, "max": 10}]}
    row = read_map({"registers": MAP["registers"], **rows}).write_of("pump_on")
    assert row is not None
    for effect, wanted in (("on", 1.0), ("off", 0.0)):
        given = an_order(a_unit(), "pump_on", effect=effect, params={"duration_s": 30}, value=30.0)
        assert value_of(given, row) == wanted


def test_a_register_map_of_a_profile_is_checked_before_it_is_saved() -> None:
    bad = {"registers": [{"metric": "a", "address": 70_000, "type": "uint16"}]}
    with pytest.raises(ValidationError) as error:
        check_profile(DeviceProfile(register_map=bad))
    assert error.value.message_dict.keys() == {"register_map"}
    check_profile(DeviceProfile(register_map=MAP))


def test_only_speeds_that_the_system_can_set_are_offered() -> None:
    assert 9600 in BAUD_RATES
    assert not {14_400, 28_800, 76_800, 250_000} & set(BAUD_RATES)
