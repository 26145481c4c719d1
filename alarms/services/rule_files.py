"""Rules from a file: each on its own, so that one that is wrong keeps no other from coming."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.models import AlarmRule
from alarms.queries.scopes import Scope
from alarms.rules.definition import BadRule
from alarms.rules.document import (
    ChannelName,
    DeviceName,
    Formula,
    InputName,
    RuleDocument,
    ScopeNames,
    read_file,
)
from alarms.services.expressions import Expression, channel_of
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content, change_rule, create_rule
from devices.models import Channel, Device, DeviceProfile, Site


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
    may_enable: bool = False,
    may_make_channels: bool = False,
    made_by: User | None = None,
    now: dt.datetime,
) -> list[RowResult]:
    """Take rules of a file in; one of the same name becomes what the file says.

    Args:
        may_enable: enable and disable as the file says; else new rules are disabled, to be tried
            first, and known ones stay as they are.
        may_make_channels: whether formulas may become channels of devices.
    Raises: RuleRefused: it is no such file.
    """
    try:
        rows = read_file(data)
    except BadRule as error:
        raise RuleRefused(error.code, error.message, "") from None
    taking = _Taking(may_enable, may_make_channels, made_by, now)
    return [taking.take(number, row) for number, row in enumerate(rows, 1)]


@dataclass(frozen=True, slots=True)
class _Taking:
    may_enable: bool
    may_make_channels: bool
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

    def _save(self, row: RuleDocument) -> tuple[Outcome, AlarmRule]:
        scope = self._scope(row.scope)
        content = Content(row.definition, row.text, row.advice, _("Imported"))
        known = AlarmRule.objects.filter(name=row.name.strip()).first()
        if known is None:
            return Outcome.CREATED, create_rule(
                name=row.name, scope=scope, content=content, made_by=self.made_by,
                is_enabled=row.is_enabled and self.may_enable, now=self.now,
            )  # fmt: skip
        rule = change_rule(
            rule_id=known.id, scope=scope, content=content, made_by=self.made_by,
            is_enabled=row.is_enabled if self.may_enable else None, now=self.now,
        )  # fmt: skip
        is_same = rule.updated_at == known.updated_at
        return Outcome.UNCHANGED if is_same else Outcome.CHANGED, rule

    def _scope(self, names: ScopeNames) -> Scope:
        if names.expression is not None:
            expression = _expression(names.expression)
            return Scope(
                channel=channel_of(expression, may_make=self.may_make_channels, now=self.now)
            )
        if names.channel is not None:
            return Scope(channel=_channel(names.channel, "scope.channel"))
        return Scope(
            metric=names.metric,
            device=_device(names.device, "scope.device") if names.device else None,
            profile=_one(DeviceProfile.objects.filter(key=names.profile), "scope.profile")
            if names.profile else None,
            site=_one(Site.objects.filter(name=names.site), "scope.site") if names.site else None,
            tag=names.tag,
        )  # fmt: skip


def _expression(formula: Formula) -> Expression:
    inputs = {
        row.name: _channel(row, f"scope.expression.inputs[{place}]")
        for place, row in enumerate(formula.inputs)
    }
    return Expression(
        formula.formula, inputs, formula.unit, formula.alignment, formula.tolerance_seconds,
        formula.label,
    )  # fmt: skip


def _channel(name: ChannelName | InputName, field: str) -> int:
    device = _device(name.device, f"{field}.device")
    key: int = _one(Channel.objects.filter(device=device, name=name.metric), f"{field}.metric")
    return key


def _device(name: DeviceName, field: str) -> uuid.UUID:
    devices = Device.objects.filter(uid=name.uid)
    if name.gateway is None:
        devices = devices.filter(gateway__isnull=True)
    else:
        devices = devices.filter(gateway__uid=name.gateway)
    key: uuid.UUID = _one(devices, field)
    return key


def _one(rows: QuerySet, field: str) -> Any:
    """Return the key of the row. Raises: RuleRefused: there is none."""
    key = rows.values_list("pk", flat=True).first()
    if key is None:
        raise RuleRefused("not_found", _("There is nothing of this name here."), field)
    return key
