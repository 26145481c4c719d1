"""Whole fleets from a table: tried first, then all or nothing."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.services.audit import record_event
from accounts.services.refusals import QuotaDevices, Refusal
from devices.claim_codes import compact_hardware, normalize_hardware
from devices.fleet_csv import REQUIRED
from devices.models import Device, DeviceProfile, Gateway, Lifecycle, Site, Zone
from devices.services.channels import create_channels_of_many, create_profile_channels
from devices.services.devices import room_for_devices
from devices.services.gateways import (
    NOT_AVAILABLE,
    GatewayExists,
    ReservedIdentifier,
    UnusableIdentifier,
    register_gateway,
)

CREATE, UPDATE, SAME, REFUSED = "create", "update", "same", "refused"
_KINDS = ("", "device", "gateway")
_CONTROL = {chr(number) for number in [*range(32), 127]}


# what a person reads about a file that is no table of ours, by the code of UnreadableTable
TABLE_FAULTS: dict[str, Promise] = {
    "too_large": gettext_lazy("The file is too large."),
    "not_utf8": gettext_lazy("The file is not UTF-8. Save it as CSV UTF-8."),
    "not_text": gettext_lazy("The file is no text."),
    "bad_table": gettext_lazy("The file is no table: a quotation mark is missing somewhere."),
    "bad_header": gettext_lazy("The first row must name the columns as in the export."),
    "too_many_rows": gettext_lazy("There are too many rows: split the file."),
    "bad_row": gettext_lazy("A row has more or fewer cells than the first row."),
}


class RowRefused(Exception):
    """One row cannot be used; `column` is where the fault is."""

    def __init__(self, column: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.code = column, code


@dataclass(frozen=True, slots=True)
class RowResult:
    """What happens with a row; `number` counts the header as 1."""

    number: int
    hardware_id: str
    name: str
    action: str
    column: str = ""
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a table does, or did."""

    rows: list[RowResult]
    is_done: bool

    @property
    def refused(self) -> list[RowResult]:
        """Return the rows that cannot be used."""
        return [row for row in self.rows if row.action == REFUSED]

    def count(self, action: str) -> int:
        """Return how many rows have an action."""
        return sum(row.action == action for row in self.rows)


def import_fleet(
    *, rows: Sequence[Mapping[str, str]], tenant_id: uuid.UUID, dry_run: bool, now: dt.datetime
) -> ImportReport:
    """Register the devices of a table in the tenant in scope, or only tell what would happen.

    Nothing is done unless every row can be. A device that is there keeps its place and its
    type; its name, zone and serial number follow the table. Gateways may stand below their
    devices.
    """
    with transaction.atomic():
        results = _apply(rows, tenant_id, dry_run=dry_run)
        is_done = not dry_run and all(result.action != REFUSED for result in results)
        if is_done:
            _record(results, tenant_id, now)
        else:
            transaction.set_rollback(True)
    return ImportReport(results, is_done)


def export_rows() -> Iterator[dict[str, str]]:
    """Yield the devices in use of the tenant in scope as rows of the table, gateways first."""
    devices = (
        Device.objects.exclude(lifecycle=Lifecycle.DECOMMISSIONED)
        .select_related("site", "zone", "profile", "gateway")
        .order_by("site__name", "gateway__uid", "uid", "id")
    )
    rows = [_row_of(device) for device in devices]
    yield from sorted(rows, key=lambda row: row["kind"] != "gateway")


def _row_of(device: Device) -> dict[str, str]:
    is_gateway = device.gateway is not None and device.is_box
    return {
        "hardware_id": device.uid,
        "serial": device.serial_number,
        "kind": "gateway" if is_gateway else "device",
        "profile": device.profile.key,
        "site": device.site.name,
        "zone": device.zone.name if device.zone else "",
        "name": device.name,
        "gateway": device.gateway.uid if device.gateway and not is_gateway else "",
    }


@dataclass(slots=True)
class _Fleet:
    """What is there, read once, and what the table adds."""

    sites: dict[str, Site]
    profiles: dict[str, DeviceProfile]
    zones: dict[tuple[uuid.UUID, str], Zone]
    gateways: dict[str, Gateway]
    devices: dict[tuple[str, str], Device]
    room: int | None
    seen: set[tuple[str, str]] = field(default_factory=set)
    new: list[Device] = field(default_factory=list)


def _read_fleet(tenant_id: uuid.UUID) -> _Fleet:
    devices = Device.objects.select_related("gateway", "zone")
    return _Fleet(
        sites={site.name: site for site in Site.objects.select_related("tenant")},
        profiles={profile.key: profile for profile in DeviceProfile.objects.all()},
        zones={(zone.site_id, zone.name): zone for zone in Zone.objects.all()},
        gateways={gateway.uid: gateway for gateway in Gateway.objects.select_related("site")},
        devices={(_gateway_of(device), device.uid): device for device in devices},
        room=room_for_devices(tenant_id=tenant_id),
    )


def _apply(
    rows: Sequence[Mapping[str, str]], tenant_id: uuid.UUID, *, dry_run: bool
) -> list[RowResult]:
    """Judge every row, then save the new devices at once: thousands of rows take seconds."""
    fleet = _read_fleet(tenant_id)
    numbered = list(enumerate(rows, start=2))
    # gateways first, whatever the order of the table
    numbered.sort(key=lambda pair: bool(pair[1].get("gateway")))
    results = [_result(number, row, fleet) for number, row in numbered]
    if not dry_run and all(result.action != REFUSED for result in results):
        Device.objects.bulk_create(fleet.new, batch_size=500)
        create_channels_of_many(devices=fleet.new)
    return sorted(results, key=lambda result: result.number)


def _result(number: int, row: Mapping[str, str], fleet: _Fleet) -> RowResult:
    hardware_id, name = row.get("hardware_id", "")[:64], row.get("name", "")[:100]
    try:
        return RowResult(number, hardware_id, name, _judge(row, fleet))
    except RowRefused as error:
        column, code, detail = error.column, error.code, str(error)
    except (GatewayExists, ReservedIdentifier):
        column, code, detail = "hardware_id", "taken", str(NOT_AVAILABLE)
    except UnusableIdentifier:
        column, code = "hardware_id", "unusable"
        detail = str(_("Use letters, digits, '.', ':', '_' or '-'; some words are reserved."))
    except Refusal as error:
        column, code, detail = "", error.code, str(error)
    except ValidationError as error:
        column, code, detail = _of_validation(error)
    return RowResult(number, hardware_id, name, REFUSED, column, code, detail)


def _judge(row: Mapping[str, str], fleet: _Fleet) -> str:
    _check_texts(row)
    site = fleet.sites.get(row["site"])
    if site is None:
        raise RowRefused("site", "unknown_site", _("There is no site of this name."))
    profile = fleet.profiles.get(row["profile"])
    if profile is None:
        raise RowRefused("profile", "unknown_profile", _("There is no profile of this key."))
    zone = fleet.zones.get((site.id, row.get("zone", "")))
    if zone is None and row.get("zone"):
        raise RowRefused("zone", "unknown_zone", _("The site has no zone of this name."))
    uid = compact_hardware(normalize_hardware(row["hardware_id"]))
    key = (row.get("gateway", ""), uid)
    if key in fleet.seen:
        raise RowRefused("hardware_id", "twice", _("This device stands in the table twice."))
    fleet.seen.add(key)
    device = fleet.devices.get(key) or (None if key[0] else fleet.devices.get((uid, uid)))
    if device is not None:
        return _update(device, row, site, zone, profile)
    _create(row, uid, site, zone, profile, fleet)
    return CREATE


def _check_texts(row: Mapping[str, str]) -> None:
    for column in REQUIRED:
        if not row.get(column):
            raise RowRefused(column, "required", _("This must not be empty."))
    for column, text in row.items():
        if len(text) > 100 or (column in ("hardware_id", "serial") and len(text) > 64):
            raise RowRefused(column, "too_long", _("This is too long."))
        if _CONTROL & set(text):
            raise RowRefused(column, "control_characters", _("This holds control characters."))
    if row.get("kind", "") not in _KINDS:
        raise RowRefused("kind", "unknown_kind", _("Write device or gateway."))


def _update(
    device: Device, row: Mapping[str, str], site: Site, zone: Zone | None, profile: DeviceProfile
) -> str:
    if device.site_id != site.id:
        raise RowRefused("site", "other_site", _("The device stands at another site."))
    if device.profile_id != profile.id:
        raise RowRefused("profile", "other_profile", _("The device has another profile."))
    wanted = {"name": row["name"], "zone": zone}
    if "serial" in row:
        wanted["serial_number"] = row["serial"]
    if all(getattr(device, name) == value for name, value in wanted.items()):
        return SAME
    for name, value in wanted.items():
        setattr(device, name, value)
    device.save(update_fields=[*wanted, "updated_at"])
    return UPDATE


def _create(
    row: Mapping[str, str],
    uid: str,
    site: Site,
    zone: Zone | None,
    profile: DeviceProfile,
    fleet: _Fleet,
) -> None:
    gateway = fleet.gateways.get(row.get("gateway", ""))
    if row.get("gateway") and (gateway is None or gateway.site_id != site.id):
        raise RowRefused("gateway", "unknown_gateway", _("There is no such gateway at this site."))
    is_gateway = not gateway and (row.get("kind") == "gateway" or profile.is_gateway)
    if is_gateway:
        fleet.gateways[uid] = _create_gateway(row, uid, site, zone, profile)
        return
    if fleet.room is not None:
        fleet.room -= 1
        if fleet.room < 0:
            raise QuotaDevices
    device = Device(
        tenant_id=site.tenant_id,
        site=site,
        gateway=gateway,
        zone=zone,
        profile=profile,
        uid=uid,
        name=row["name"],
        serial_number=row.get("serial", ""),
    )
    device.clean_fields(exclude=["tenant", "site", "gateway", "zone", "profile"])
    fleet.new.append(device)


def _create_gateway(
    row: Mapping[str, str], uid: str, site: Site, zone: Zone | None, profile: DeviceProfile
) -> Gateway:
    with transaction.atomic():
        gateway = register_gateway(site=site, uid=uid, name=row["name"])
        device = Device.objects.get(gateway=gateway, uid=uid)
        device.profile, device.zone = profile, zone
        device.serial_number = row.get("serial", "")
        device.save(update_fields=["profile", "zone", "serial_number", "updated_at"])
        create_profile_channels(device=device)
    return gateway


def _gateway_of(device: Device) -> str:
    return device.gateway.uid if device.gateway is not None else ""


def _of_validation(error: ValidationError) -> tuple[str, str, str]:
    column, texts = next(iter(getattr(error, "message_dict", {"": error.messages}).items()))
    known = {"uid": "hardware_id", "serial_number": "serial"}
    return known.get(column, column), "invalid", " ".join(texts)


def _record(results: list[RowResult], tenant_id: uuid.UUID, now: dt.datetime) -> None:
    made = [result.hardware_id for result in results if result.action == CREATE]
    changed = sum(result.action == UPDATE for result in results)
    record_event(
        action="fleet.imported",
        now=now,
        tenant_id=tenant_id,
        label=f"{len(made)} + {changed}",
        detail={"registered": made[:500], "changed": changed},
    )
