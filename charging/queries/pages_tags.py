"""Tags and prices as pages show them; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from charging.models import ChargePoint, ChargingPrice, ChargingSession, IdTag

TAG_ORDERINGS = {"uid": "uid", "created_at": "created_at"}
PRICE_ORDERINGS = {"name": "name", "created_at": "created_at"}


@dataclass(frozen=True, slots=True)
class TagUse:
    """A tag with what it took since the month began, and how often it charges now."""

    tag: IdTag
    month_kwh: Decimal
    active: int

    @property
    def percent(self) -> int | None:
        """Return how much of the quota is used; None without one."""
        quota = self.tag.kwh_quota
        if quota is None:
            return None
        return round(self.month_kwh / quota * 100) if quota else 100


def find_tags(*, text: str = "", is_blocked: bool | None = None) -> QuerySet[IdTag]:
    """Return the tags that match; the caller orders."""
    rows = IdTag.objects.select_related("site", "user")
    if text:
        rows = rows.filter(
            Q(uid__icontains=text) | Q(label__icontains=text) | Q(group__icontains=text)
        )
    return rows if is_blocked is None else rows.filter(is_blocked=is_blocked)


def find_tag(id_tag_id: uuid.UUID) -> IdTag | None:
    """Return a tag with its site and person."""
    return find_tags().filter(id=id_tag_id).first()


def read_uses(tags: Sequence[IdTag], *, month_start: dt.datetime) -> list[TagUse]:
    """Return tags with their use, in their order; two queries. Args: month_start: UTC."""
    rows = ChargingSession.objects.filter(id_tag__in=tags)
    taken = (
        rows.filter(started_at__gte=month_start)
        .order_by()
        .values_list("id_tag_id")
        .annotate(kwh=Sum("energy_kwh"))
    )
    kwh = {id_: amount or Decimal(0) for id_, amount in taken}
    active: defaultdict[uuid.UUID | None, int] = defaultdict(int)
    for id_, number in (
        rows.filter(ended_at=None).order_by().values_list("id_tag_id").annotate(n=Count("id"))
    ):
        active[id_] = number
    return [TagUse(tag, kwh.get(tag.id, Decimal(0)), active[tag.id]) for tag in tags]


def find_prices(*, text: str = "") -> QuerySet[ChargingPrice]:
    """Return the prices that match; the caller orders."""
    rows = ChargingPrice.objects.all()
    return rows.filter(name__icontains=text) if text else rows


def find_price(charging_price_id: uuid.UUID) -> ChargingPrice | None:
    """Return a price."""
    return ChargingPrice.objects.filter(id=charging_price_id).first()


def points_of_prices(prices: Sequence[ChargingPrice]) -> dict[uuid.UUID, list[str]]:
    """Return the names of the charge points that have each price; one query."""
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    rows = ChargePoint.objects.filter(price__in=prices).order_by("name", "id")
    for price_id, name in rows.values_list("price_id", "name"):
        if price_id is not None:
            found[price_id].append(name)
    return dict(found)
