"""Receipts of sessions: the seller, what was taken, and what it costs line by line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from charging.models import ChargingSession
from charging.pricing import CENT, Cost, Price
from charging.queries.receipts import receipt_of

ENERGY, SESSION, IDLE, ROUNDING = "energy", "session", "idle", "rounding"


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line. `kind`: energy (kWh), session, idle (minutes) or rounding; amount with VAT."""

    kind: str
    quantity: Decimal
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Receipt:
    """What somebody gets for a session that has ended; the lines add up to `total`.

    `net` + `vat` = `total`, in `currency`. Times are UTC; `zone` is the site's. `is_final`: no
    late sample changes it any more.
    """

    session: ChargingSession
    number: int
    issued_at: dt.datetime
    is_final: bool
    seller: str
    place: str
    zone: ZoneInfo
    price_name: str
    lines: tuple[ReceiptLine, ...]
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    total: Decimal
    currency: str


def read_receipt(session: ChargingSession, *, now: dt.datetime) -> Receipt | None:
    """Return the receipt of a session; None before it has one. No query."""
    found = receipt_of(session, now=now)
    ended = session.ended_at
    if found is None or found.number is None or ended is None or session.cost is None:
        return None
    point = session.connector.charge_point
    net = _cents(session.cost * 100 / (100 + found.price.vat_percent))
    return Receipt(
        session=session, number=found.number, issued_at=session.settled_at or ended,
        is_final=found.is_final, seller=session.tenant.name,
        place=f"{point.site.name} · {session.connector}", zone=ZoneInfo(point.site.timezone),
        price_name=found.price.name, lines=price_lines(session, now=now), net=net,
        vat_percent=found.price.vat_percent, vat=session.cost - net, total=session.cost,
        currency=session.currency,
    )  # fmt: skip


def price_lines(session: ChargingSession, *, now: dt.datetime) -> tuple[ReceiptLine, ...]:
    """Return why a session costs what it costs; the amounts add up to its cost."""
    found = receipt_of(session, now=now)
    if found is None or session.cost is None:
        return ()
    lines = [
        line
        for line in _lines(found.price, found.cost, found.energy_kwh)
        if line.amount or line.kind == ENERGY
    ]
    rest = session.cost - sum((line.amount for line in lines), Decimal(0))
    if rest:
        lines.append(ReceiptLine(ROUNDING, Decimal(1), rest, rest))
    return tuple(lines)


def _lines(price: Price, cost: Cost, energy: Decimal) -> list[ReceiptLine]:
    return [
        ReceiptLine(ENERGY, energy, price.energy_price, _cents(cost.energy)),
        ReceiptLine(SESSION, Decimal(1), price.session_fee, _cents(cost.session)),
        ReceiptLine(IDLE, Decimal(cost.idle_minutes), price.idle_fee, _cents(cost.idle)),
    ]


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
