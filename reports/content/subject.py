"""What a report is about, read once: site, meters, steps."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from devices.models import Site
from metering.models import Meter, Quantity
from reports.content.figures import Buckets, cut_buckets
from reports.content.question import ReportQuestion
from reports.models.template import MAX_METERS
from telemetry.timespec import find_zone

MAX_CELLS = 500_000  # steps × meters
MAX_QUARTERS = 20_000_000  # that a report of quarter hours reads


class ReportImpossible(Exception):
    """The report cannot be made; `code` says why: site_gone, no_meters or too_large."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subject:
    """Site, meters and steps of a report. `gone`: chosen meters that exist no longer."""

    question: ReportQuestion
    site: Site
    meters: Sequence[Meter]
    gone: int
    zone: ZoneInfo
    buckets: Buckets
    now: dt.datetime

    @property
    def is_table_only(self) -> bool:
        """Tell whether the file is for programs: one table, no summary."""
        return self.question.format.startswith("csv")

    def tops(self, meters: Iterable[Meter]) -> list[Meter]:
        """Return the meters that lie behind no other one of them and are no computed sums."""
        own = [meter for meter in meters if not meter.is_virtual]
        ids = {meter.id for meter in own}
        parents = {meter.id: meter.parent_id for meter in self.meters}
        return [meter for meter in own if not _lies_behind(meter.parent_id, parents, ids)]


def find_subject(question: ReportQuestion, *, now: dt.datetime) -> Subject:
    """Read what a report is about, in the scope of its tenant.

    Raises: ReportImpossible
    """
    site = Site.objects.filter(id=question.site_id).first()
    if site is None:
        raise ReportImpossible("site_gone")
    wanted = set(question.meter_ids)
    rows = Meter.objects.filter(site=site).order_by("commodity", "name", "id")
    meters = list(rows.filter(id__in=wanted) if wanted else rows.filter(is_active=True))
    if not meters:
        raise ReportImpossible("no_meters")
    zone = find_zone(site.timezone)
    subject = Subject(
        question=question, site=site, meters=meters, gone=max(len(wanted) - len(meters), 0),
        zone=zone, buckets=cut_buckets(question.period, question.width, zone), now=now,
    )  # fmt: skip
    _check_size(subject)
    return subject


def name_register(meter: Meter, quantity: str) -> str:
    """Return the name of a meter; export is said, as import goes without saying."""
    if quantity == Quantity.IMPORT:
        return meter.name
    return f"{meter.name}, {Quantity.EXPORT.label}"


def _check_size(subject: Subject) -> None:
    cells = len(subject.meters) * len(subject.buckets)
    quarters = len(subject.meters) * subject.question.period.days * 96
    if len(subject.meters) > MAX_METERS or cells > MAX_CELLS or quarters > MAX_QUARTERS:
        raise ReportImpossible("too_large")


def _lies_behind(
    parent: uuid.UUID | None, parents: dict[uuid.UUID, uuid.UUID | None], ids: set[uuid.UUID]
) -> bool:
    seen: set[uuid.UUID] = set()
    while parent is not None and parent not in seen:
        if parent in ids:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False
