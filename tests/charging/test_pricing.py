"""What sessions cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from charging.pricing import Price, cost_of, price_from

PRICE = Price(
    "TRY", energy_price=Decimal("7.5"), session_fee=Decimal(1), idle_fee=Decimal("0.5"),
    idle_grace_minutes=10, vat_percent=Decimal(20),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kwh", "idle_seconds", "total"),
    [
        ("0", 0, "1.00"),
        ("10", 0, "76.00"),
        ("10.123456", 0, "76.93"),
        ("10", 659, "76.00"),
        ("10", 660, "76.50"),
        ("10", 3600, "101.00"),
        ("10", -5, "76.00"),
    ],
)
def test_the_total(kwh: str, idle_seconds: float, total: str) -> None:
    assert cost_of(PRICE, energy_kwh=Decimal(kwh), idle_seconds=idle_seconds).total == Decimal(
        total
    )


def test_it_is_rounded_once() -> None:
    price = Price("EUR", energy_price=Decimal("0.333"), session_fee=Decimal("0.004"))

    cost = cost_of(price, energy_kwh=Decimal("0.003"), idle_seconds=0)

    assert (cost.energy, cost.total) == (Decimal("0.000999"), Decimal("0.00"))
    cost = cost_of(price, energy_kwh=Decimal("0.0033"), idle_seconds=0)
    assert cost.energy + cost.session == Decimal("0.0050989")
    assert cost.total == Decimal("0.01")


@pytest.mark.parametrize("kwh", ["0.01", "3.3333", "17.42", "99.999999"])
def test_vat_is_included_and_adds_up(kwh: str) -> None:
    cost = cost_of(PRICE, energy_kwh=Decimal(kwh), idle_seconds=900)

    assert cost.net + cost.vat == cost.total
    assert abs(cost.net * Decimal("1.2") - cost.total) <= Decimal("0.006")


def test_a_kept_price_is_the_same_price() -> None:
    assert price_from(PRICE.as_json()) == PRICE
    assert price_from({}) is None
