"""Rules from a file: each on its own, so that one that is wrong keeps no other from coming."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.models import AlarmRule, NotificationTarget
from automation.models import AutomationRule, Schedule
from automation.rule_document import ChannelName, DeviceName, RuleDocument, ZoneName, read_file
from automation.rules.definition import BadRule
from automation.services.rule_names import Kind, Named, swap_names
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import Wish, change_rule, create_rule
from devices.models import Channel, Device, Site, Zone
from devices.services.commanders import Commander


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row; `row` counts from 1. A refused one says why and where."""

    row: int
    name: str
    outcome: Outcome
    rule_id: uuid.UUID | None = None
    code: str = ""
    field: str = ""
    detail: str = ""


def import_rules(
    data: bytes,
    *,
    actor: Commander,
    may_enable: bool = False,
    made_by: User | None = None,
    now: dt.datetime,
) -> list[RowResult]:
    """Take rules of a file in; one of the same name becomes what the file says.

    Args: may_enable: enable and disable as the file says; else new rules are off, to be tried
        first, and known ones stay as they are.

    Raises: RuleRefused: it is no such file.
    """
    try:
        rows = read_file(data)
    except BadRule as error:
        raise RuleRefused(error.code, error.message) from None
    taking = _Taking(actor, may_enable, made_by, now)
    return [taking.take(number, row) for number, row in enumerate(rows, 1)]


@dataclass(frozen=True, slots=True)
class _Taking:
    actor: Commander
    may_enable: bool
    made_by: User | None
    now: dt.datetime

    def take(self, number: int, row: RuleDocument | BadRule) -> RowResult:
        if isinstance(row, BadRule):
            return RowResult(
                number, "", Outcome.REFUSED, code=row.code, field=row.field, detail=row.message
            )
        try:
            with transaction.atomic():
                outcome, rule = self._save(row)
        except RuleRefused as error:
            return RowResult(
                number, row.name, Outcome.REFUSED, code=error.code, field=error.field,
                detail=error.detail,
            )  # fmt: skip
        return RowResult(number, row.name, outcome, rule.id)

    def _save(self, row: RuleDocument) -> tuple[Outcome, AutomationRule]:
        wish = Wish(
            name=row.name, site=_one(Site.objects.filter(name=row.site), "site") if row.site
            else None,
            definition=keys_of(row.definition), note=_("Imported"),
            is_enabled=row.is_enabled if self.may_enable else None,
            is_dry=row.is_dry if self.may_enable else None,
        )  # fmt: skip
        known = AutomationRule.objects.filter(name=row.name.strip()).first()
        if known is None:
            made = create_rule(wish, actor=self.actor, made_by=self.made_by, now=self.now)
            return Outcome.CREATED, made
        rule = change_rule(known.id, wish, actor=self.actor, made_by=self.made_by, now=self.now)
        is_same = rule.updated_at == known.updated_at
        return Outcome.UNCHANGED if is_same else Outcome.CHANGED, rule


def keys_of(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition of a file with the keys of what it names here. Raises: RuleRefused."""
    try:
        return swap_names(definition, _key)
    except RecursionError:
        raise RuleRefused("too_deep", _("It is nested too deep."), "definition") from None


def _key(named: Named) -> Any:
    match named.kind:
        case Kind.CHANNEL:
            return _channel(_read(named, ChannelName), named.place)
        case Kind.DEVICE:
            return str(_device(_read(named, DeviceName), named.place))
        case Kind.ZONE:
            zone = _read(named, ZoneName)
            rows: QuerySet[Any] = Zone.objects.filter(site__name=zone.site, name=zone.name)
        case Kind.SITE:
            rows = Site.objects.filter(name=_text(named))
        case Kind.TARGET:
            rows = NotificationTarget.objects.filter(name=_text(named), person=None)
        case Kind.SCHEDULE:
            rows = Schedule.objects.filter(name=_text(named))
        case Kind.RULE:
            rows = AlarmRule.objects.filter(name=_text(named))
    return str(_one(rows, named.place))


def _read(named: Named, shape: type[Any]) -> Any:
    try:
        return msgspec.convert(named.key, shape)
    except msgspec.ValidationError as error:
        raise RuleRefused("bad_shape", f"{error!s:.200}.", named.place) from None


def _text(named: Named) -> str:
    text: str = _read(named, str)
    return text


def _channel(name: ChannelName, field: str) -> int:
    device = _device(name.device, f"{field}.device")
    key: int = _one(Channel.objects.filter(device=device, name=name.channel), f"{field}.channel")
    return key


def _device(name: DeviceName, field: str) -> uuid.UUID:
    """Return the device; behind another gateway, as elsewhere, if only one has the uid."""
    same = Device.objects.filter(uid=name.uid)
    gateway = {"gateway__uid": name.gateway} if name.gateway else {"gateway": None}
    key: uuid.UUID | None = same.filter(**gateway).values_list("pk", flat=True).first()
    if key is not None:
        return key
    if len(same[:2]) > 1:
        raise RuleRefused("ambiguous", _("There are several of this name here."), field)
    alone: uuid.UUID = _one(same, field)
    return alone


def _one(rows: QuerySet[Any], field: str) -> Any:
    """Return the key of the row. Raises: RuleRefused: there is none."""
    key = rows.values_list("pk", flat=True).first()
    if key is None:
        raise RuleRefused("not_found", _("There is nothing of this name here."), field)
    return key
