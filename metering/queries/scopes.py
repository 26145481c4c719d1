"""Whose energy is asked for: a site or a meter, and which meters make it up."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from devices.models import Site
from metering.models import Commodity, Meter, Quantity, Role
from metering.models.meter import UNITS
from metering.queries.counts import Counts, Key

Terms = list[tuple[Key, int]]


@dataclass(frozen=True)
class Scope:
    """A site, or one meter of it, with its meters of one commodity.

    `offered`: the commodities that the site has. `root`: the meter that is asked for; None for
    the site. `meters`: all of the site, or the root and what is below it.
    """

    site: Site
    commodity: Commodity
    offered: tuple[Commodity, ...]
    meters: tuple[Meter, ...]
    root: Meter | None = None

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.root.name if self.root else self.site.name

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone of its days."""
        return ZoneInfo(self.site.timezone)

    @property
    def unit(self) -> str:
        """Return the unit of its amounts."""
        return UNITS[self.commodity]

    @cached_property
    def below(self) -> dict[uuid.UUID | None, list[Meter]]:
        """Return the submeters of each meter; those of the site itself by None."""
        known = {meter.id for meter in self.meters}
        found: dict[uuid.UUID | None, list[Meter]] = defaultdict(list)
        for meter in self.meters:
            found[meter.parent_id if meter.parent_id in known else None].append(meter)
        return found

    @cached_property
    def supply(self) -> list[Meter]:
        """Return the connections to the grid."""
        return self._tops(Role.GRID)

    @cached_property
    def production(self) -> list[Meter]:
        """Return the meters of production, without parts of each other."""
        return self._tops(Role.PRODUCTION)

    @cached_property
    def batteries(self) -> list[Meter]:
        """Return the meters of batteries."""
        return self._tops(Role.BATTERY)

    @cached_property
    def cars(self) -> list[Meter]:
        """Return the meters of charging points."""
        return self._tops(Role.CHARGING)

    @cached_property
    def circuits(self) -> list[Meter]:
        """Return the meters by which the use is shown: those below the connections."""
        if self.root is not None:
            return [meter for meter in self.below[self.root.id] if _uses(meter)]
        found: list[Meter] = []
        for top in self.below[None]:
            inner = [meter for meter in self.below[top.id] if _uses(meter)]
            found += inner or ([top] if _uses(top) else [])
        return found

    @property
    def measured(self) -> list[Meter]:
        """Return the meters whose registers add up to the use."""
        if self.root is not None:
            return [self.root]
        if not self.supply:
            return [meter for meter in self.below[None] if _uses(meter)]
        return [*self.supply, *self.production, *self.batteries]

    def use_terms(self, counts: dict[Key, Counts]) -> Terms:
        """Return the registers that add up to the use, and how each counts."""
        if self.root is not None:
            return made_terms([self.root], counts)
        if not self.supply:
            return terms_of(self.measured, Quantity.IMPORT, 1, counts)
        return [
            *terms_of(self.supply, Quantity.IMPORT, 1, counts),
            *terms_of(self.supply, Quantity.EXPORT, -1, counts),
            *made_terms(self.production, counts),
            *terms_of(self.batteries, Quantity.EXPORT, 1, counts),
            *terms_of(self.batteries, Quantity.IMPORT, -1, counts),
        ]

    def _tops(self, role: Role) -> list[Meter]:
        if self.root is not None:
            return []
        roles: dict[uuid.UUID | None, str] = {meter.id: meter.role for meter in self.meters}
        return [
            meter for meter in self.meters
            if meter.role == role and roles.get(meter.parent_id) != role
        ]  # fmt: skip


def find_site_scope(site_id: uuid.UUID, commodity: str = "") -> Scope:
    """Return a site with its meters; of the first commodity it has unless one is named.

    Raises: Site.DoesNotExist.
    """
    site = Site.objects.get(id=site_id)
    meters = list(Meter.objects.filter(site=site).order_by("name", "id"))
    offered = tuple(c for c in Commodity if any(meter.commodity == c for meter in meters))
    chosen = Commodity(commodity) if commodity else next(iter(offered), Commodity.ELECTRICITY)
    return Scope(
        site, chosen, offered, tuple(meter for meter in meters if meter.commodity == chosen)
    )


def find_meter_scope(meter_id: uuid.UUID) -> Scope:
    """Return a meter with the meters below it.

    Raises: Meter.DoesNotExist.
    """
    root = Meter.objects.select_related("site").get(id=meter_id)
    all_of = Meter.objects.filter(site_id=root.site_id, commodity=root.commodity)
    by_parent: dict[uuid.UUID | None, list[Meter]] = defaultdict(list)
    for meter in all_of.order_by("name", "id"):
        by_parent[meter.parent_id].append(meter)
    found, seen = [root], {root.id}
    for meter in found:  # grows while it is read
        inner = [child for child in by_parent[meter.id] if child.id not in seen]
        seen |= {child.id for child in inner}
        found += inner
    commodity = Commodity(root.commodity)
    return Scope(root.site, commodity, (commodity,), tuple(found), root)


def terms_of(meters: Sequence[Meter], quantity: str, sign: int, counts: dict[Key, Counts]) -> Terms:
    """Return the registers of a quantity that meters have."""
    return [((meter.id, quantity), sign) for meter in meters if (meter.id, quantity) in counts]


def made_terms(meters: Sequence[Meter], counts: dict[Key, Counts]) -> Terms:
    """Return the register that tells what meters are for: what production gives, what all
    others take.
    """
    found: Terms = []
    for meter in meters:
        gives = meter.role == Role.PRODUCTION and (meter.id, Quantity.EXPORT.value) in counts
        quantity = Quantity.EXPORT if gives else Quantity.IMPORT
        found += terms_of([meter], quantity.value, 1, counts)
    return found


def _uses(meter: Meter) -> bool:
    return meter.role in (Role.LOAD, Role.CHARGING)
