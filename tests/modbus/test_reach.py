"""Wires lead into the networks of the settings only."""

from __future__ import annotations

from typing import Any

import pytest

from devices.wires.reach import AddressRefused, addresses_of, check_address

PRIVATE = ["10.0.0.0/8", "192.168.0.0/16", "fc00::/7"]


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "fd00::7", "::ffff:10.0.0.5"])
def test_an_address_inside_may_be_reached(address: str) -> None:
    check_address(address, networks=PRIVATE)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "8.8.8.8", "::ffff:127.0.0.1", "0.0.0.0",
     "none", ""],
)  # fmt: skip
def test_others_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, networks=PRIVATE)


def test_a_name_is_judged_by_where_it_leads(settings: Any) -> None:
    assert addresses_of("127.0.0.1", 502) == ["127.0.0.1"]
    settings.WIRE_NETWORKS = PRIVATE
    for name in ("localhost", "127.1", "2130706433", "0x7f000001"):
        with pytest.raises(AddressRefused):
            addresses_of(name, 502)


def test_a_name_that_does_not_exist_says_so() -> None:
    with pytest.raises(AddressRefused, match="cannot be resolved"):
        addresses_of("no-such-meter.invalid", 502)
