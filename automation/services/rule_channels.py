"""Definitions as people and programs read and write them: channels by device and metric.

The short keys of channels are our own affair; a definition with them is taken as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from automation.services.rule_names import Kind, Named, swap_names
from automation.services.rule_refusals import RuleRefused
from automation.words import Words
from devices.models import Channel

_MEMBERS = {"device", "metric"}


def with_metrics(definition: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Return a stored definition with `{"device", "metric"}` for each channel; null: it is gone."""

    def swap(named: Named) -> Any:
        if named.kind != Kind.CHANNEL:
            return named.key
        found = words.channels.get(named.key)
        return found and {"device": found.device, "metric": found.metric}

    return swap_names(definition, swap)


def with_keys(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with the keys of its channels. Raises: RuleRefused."""
    try:
        return swap_names(definition, _key)
    except RecursionError:
        raise RuleRefused("too_deep", _("It is nested too deep."), "definition") from None


def _key(named: Named) -> Any:
    given = named.key
    if named.kind != Kind.CHANNEL or not isinstance(given, Mapping):
        return given
    if set(given) != _MEMBERS or not all(isinstance(one, str) for one in given.values()):
        detail = _("Write a device and a metric.")
        raise RuleRefused("bad_shape", detail, named.place)
    try:
        device = uuid.UUID(given["device"])
    except ValueError:
        device = uuid.UUID(int=0)
    name = given["metric"].replace("\0", "")
    key = Channel.objects.filter(device=device, name=name).values_list("pk", flat=True).first()
    if key is None:
        raise RuleRefused("unknown_metric", _("The device has no such metric."), named.place)
    return key
