"""People add and change tags, prices and the rules of charge points.

A caller may name the version that it has read (`seen`, see `version_of`); a row that has changed
since stays as it is.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from accounts.tenancy import current_tenant_id
from charging.models import ChargePoint, ChargingPrice, IdTag
from devices.services.fleet_edits import RowGone, VersionMoved, version_of

MAX_TAGS, MAX_PRICES = 20_000, 500
TAG_FIELDS = (
    "uid", "label", "user", "site", "group", "is_blocked", "valid_from", "valid_until",
    "max_active", "kwh_quota",
)  # fmt: skip
PRICE_FIELDS = (
    "name", "currency", "energy_price", "session_fee", "idle_fee", "idle_grace_minutes",
    "vat_percent",
)  # fmt: skip
POINT_FIELDS = ("name", "max_current_a", "access", "price", "connection_timeout_s")
Row = TypeVar("Row", ChargePoint, ChargingPrice, IdTag)


class EditRefused(DetailedRefusal):
    """What was asked cannot be kept; `code` says why and `field` where."""


def create_tag(*, fields: Mapping[str, Any], now: dt.datetime) -> IdTag:
    """Add a tag. Args: fields: of TAG_FIELDS. Raises: EditRefused."""
    if IdTag.objects.count() >= MAX_TAGS:
        raise EditRefused("too_many", _("There are too many tags already."))
    return _create(IdTag(**_tag_fields(fields)), "id_tag.created", now)


@transaction.atomic
def change_tag(
    *, id_tag_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> IdTag:
    """Change or block a tag; a session that runs goes on. Raises: RowGone, VersionMoved,
    EditRefused.
    """
    return _change(IdTag, id_tag_id, _tag_fields(changes), "id_tag.changed", now, seen)


@transaction.atomic
def remove_tag(*, id_tag_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Remove a tag; its sessions stay with its identifier. Raises: RowGone, VersionMoved."""
    _remove(_lock(IdTag, id_tag_id, seen), "id_tag.deleted", now)


def create_price(*, fields: Mapping[str, Any], now: dt.datetime) -> ChargingPrice:
    """Add a price. Args: fields: of PRICE_FIELDS. Raises: EditRefused."""
    if ChargingPrice.objects.count() >= MAX_PRICES:
        raise EditRefused("too_many", _("There are too many prices already."))
    return _create(ChargingPrice(**_price_fields(fields)), "charging_price.created", now)


@transaction.atomic
def change_price(
    *, charging_price_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> ChargingPrice:
    """Change a price for sessions that begin from now on. Raises: RowGone, VersionMoved,
    EditRefused.
    """
    fields = _price_fields(changes)
    return _change(ChargingPrice, charging_price_id, fields, "charging_price.changed", now, seen)


@transaction.atomic
def remove_price(*, charging_price_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Remove a price that no charge point has. Raises: RowGone, VersionMoved, EditRefused."""
    _remove(_lock(ChargingPrice, charging_price_id, seen), "charging_price.deleted", now)


@transaction.atomic
def change_point(
    *, charge_point_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> ChargePoint:
    """Change the rules of a charge point. Args: changes: of POINT_FIELDS.

    Raises: RowGone, VersionMoved, EditRefused.
    """
    fields = {name: changes[name] for name in POINT_FIELDS if name in changes}
    return _change(ChargePoint, charge_point_id, fields, "charge_point.changed", now, seen)


def _tag_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: given[name] for name in TAG_FIELDS if name in given}
    if "uid" in found:
        found["uid"] = str(found["uid"]).strip().upper()
    return found


def _price_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: given[name] for name in PRICE_FIELDS if name in given}
    if "currency" in found:
        found["currency"] = str(found["currency"]).strip().upper()
    return found


def _create(row: Row, action: str, now: dt.datetime) -> Row:
    with transaction.atomic():
        _save(row)
        record_event(action=action, now=now, tenant_id=row.tenant_id, obj=row)
    return row


def _change(
    model: type[Row], row_id: uuid.UUID, changes: Mapping[str, Any], action: str,
    now: dt.datetime, seen: str,
) -> Row:  # fmt: skip
    row = _lock(model, row_id, seen)
    changed = sorted(name for name, value in changes.items() if getattr(row, name) != value)
    if changed:
        for name in changed:
            setattr(row, name, changes[name])
        _save(row)
        record_event(
            action=action, now=now, tenant_id=row.tenant_id, obj=row, detail={"fields": changed}
        )
    return row


def _remove(row: Row, action: str, now: dt.datetime) -> None:
    record_event(action=action, now=now, tenant_id=row.tenant_id, obj=row)
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError as error:
        raise EditRefused(
            "in_use", _("Charge points have this price. Give them another one first.")
        ) from error


def _lock(model: type[Row], row_id: uuid.UUID, seen: str) -> Row:
    row = model._default_manager.select_for_update(no_key=True).filter(pk=row_id).first()
    if row is None:
        raise RowGone
    if seen and seen != version_of(row):
        raise VersionMoved
    return row


def _save(row: ChargePoint | ChargingPrice | IdTag) -> None:
    try:
        row.clean_fields(exclude=["tenant", "device", "site"])
        _check(row)
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        field, problems = next(iter(error.message_dict.items()))
        name = "" if field == NON_FIELD_ERRORS else field
        raise EditRefused("invalid", problems[0], name) from error
    except IntegrityError as error:
        if "unique" not in str(error):
            raise
        field = "uid" if isinstance(row, IdTag) else "name"
        raise EditRefused("name_taken", _("There is one of this name already."), field) from error


def _check(row: ChargePoint | ChargingPrice | IdTag) -> None:
    if not isinstance(row, IdTag):
        return
    if row.valid_from and row.valid_until and row.valid_from >= row.valid_until:
        raise EditRefused("invalid", _("It must end after it begins."), "valid_until")
    if row.user is None:
        return
    tenant_id = row.tenant_id or current_tenant_id()  # a new row gets it when it is saved
    if tenant_id is None or not row.user.memberships.filter(tenant_id=tenant_id).exists():
        raise EditRefused("not_found", _("This person is not a member."), "user")
