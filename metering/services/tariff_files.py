"""A tariff with its versions from one JSON document."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from django.db import transaction

from metering.models import Commodity, Tariff
from metering.services.tariffs import TariffRefused, add_version, create_tariff
from metering.tariffs.checks import BadDefinition
from metering.tariffs.definition import MAX_BYTES, read_definition, write_definition


class VersionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices from a day on."""

    valid_from: dt.date
    definition: dict[str, Any]
    valid_to: dt.date | None = None
    note: str = ""


class TariffFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tariff as it stands in a file."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    currency: str
    versions: Annotated[tuple[VersionFile, ...], msgspec.Meta(max_length=200)]
    commodity: str = Commodity.ELECTRICITY.value


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many versions were added, and how many were there already."""

    tariff: Tariff
    added: int
    known: int


@transaction.atomic
def load_tariff(document: bytes, *, now: dt.datetime, is_trial: bool = False) -> Loaded:
    """Make a tariff, or add those versions to it that it does not have.

    Raises: TariffRefused.
    """
    if len(document) > 20 * MAX_BYTES:
        raise TariffRefused("too_large", "The file is too large.")
    try:
        read = msgspec.json.decode(document, type=TariffFile)
    except msgspec.MsgspecError as error:
        raise TariffRefused("bad_shape", str(error)) from None
    sid = transaction.savepoint()
    tariff = Tariff.objects.filter(name=read.name.strip()).first() or create_tariff(
        name=read.name, commodity=read.commodity, currency=read.currency, now=now
    )
    if (tariff.currency, tariff.commodity) != (read.currency, read.commodity):
        raise TariffRefused("other_tariff", "There is another tariff of this name.", "name")
    added = sum(_add(tariff, version, place, now) for place, version in enumerate(read.versions))
    if is_trial:
        transaction.savepoint_rollback(sid)
    return Loaded(tariff, added, len(read.versions) - added)


def _add(tariff: Tariff, version: VersionFile, place: int, now: dt.datetime) -> bool:
    """Add a version unless the same prices hold from the same day already."""
    try:
        definition = write_definition(read_definition(version.definition))
    except BadDefinition as error:
        raise TariffRefused(error.code, error.message, f"versions[{place}]") from None
    if tariff.versions.filter(valid_from=version.valid_from, definition=definition).exists():
        return False
    add_version(
        tariff_id=tariff.id, definition=definition, valid_from=version.valid_from,
        valid_to=version.valid_to, note=version.note,
        now=now + dt.timedelta(microseconds=place),
    )  # fmt: skip
    return True
