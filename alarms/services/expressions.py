"""Rules over several channels: the formula becomes a computed channel, which the rule watches."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from django.db import transaction
from django.utils.translation import gettext as _

from alarms.services.rule_refusals import RuleRefused
from devices.models import Channel
from telemetry.models import Alignment, VirtualChannel, VirtualInput
from telemetry.services.virtual import VirtualRefused, Wanted, create_virtual_channel

_STEM = "alarm_value"


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula, its channels by their names in it, and the unit of the result."""

    formula: str
    inputs: Mapping[str, int]
    unit: str = ""
    alignment: str = Alignment.LATEST
    tolerance_seconds: int = 300
    label: str = ""


@transaction.atomic
def channel_of(expression: Expression, *, may_make: bool, now: dt.datetime) -> int:
    """Return the key of the channel that is computed so; make it if there is none.

    It is a channel of the device of the first name, and stays when the rule goes.

    Args: may_make: whether the person may make channels of devices.
    Raises: RuleRefused.
    """
    found = _find(expression)
    if found is not None:
        return found
    if not may_make:
        detail = _("No calculated value has this formula, and you may not make one.")
        raise RuleRefused("may_not_make_channel", detail, "expression.formula")
    device = _device_of(expression)
    try:
        made = create_virtual_channel(
            device_id=device, name=_free_name(device), unit=expression.unit,
            label=(expression.label or expression.formula)[:100], now=now,
            wanted=Wanted(
                expression.formula, expression.inputs, expression.alignment,
                expression.tolerance_seconds,
            ),
        )  # fmt: skip
    except VirtualRefused as error:
        field = f"expression.{error.field}" if error.field else "expression"
        raise RuleRefused(error.code, error.detail, field) from None
    return made.channel_id


def _find(expression: Expression) -> int | None:
    same = VirtualChannel.objects.filter(
        formula=expression.formula.strip(), alignment=expression.alignment,
        tolerance_seconds=expression.tolerance_seconds, channel__unit=expression.unit,
    ).order_by("created_at", "id")  # fmt: skip
    for virtual in same:
        rows = VirtualInput.objects.filter(virtual=virtual).values_list("name", "channel_id")
        if dict(rows) == dict(expression.inputs):
            return virtual.channel_id
    return None


def _device_of(expression: Expression) -> uuid.UUID:
    for _name, channel in sorted(expression.inputs.items()):
        found = Channel.objects.filter(id=channel).values_list("device_id", flat=True).first()
        if found is not None:
            return found
    detail = _("Name at least one channel of the formula.")
    raise RuleRefused("no_inputs", detail, "expression.inputs")


def _free_name(device: uuid.UUID) -> str:
    taken = set(
        Channel.objects.filter(device_id=device, name__startswith=_STEM).values_list(
            "name", flat=True
        )
    )
    return next(name for n in count(1) if (name := f"{_STEM}_{n}") not in taken)
