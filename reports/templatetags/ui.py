"""Small parts of every page; the larger ones are templates in templates/ui/."""

from __future__ import annotations

import datetime as dt
import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from devices.labels import name_channel
from devices.models import Channel
from devices.shipped_words import shipped_word
from energy.lib.units import symbol
from reports.ages import describe_age, seconds_between
from reports.browser_strings import browser_strings
from reports.icons import ICONS

register = template.Library()

_EXACT = Context(prec=400)  # the longest float has 309 digits before the point


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon beside a text that says the same."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>',
        ICONS[name],
    )


@register.filter
def number(value: float | None, decimals: int = 0) -> str:
    """Write a number with the digits of its device, in the reader's format."""
    if value is None or not math.isfinite(value):
        return "–"
    # number_format cuts digits off, and the browser rounds a half up: so do we
    step = Decimal(1).scaleb(-decimals)
    rounded = Decimal(repr(float(value))).quantize(step, ROUND_HALF_UP, context=_EXACT)
    return number_format(rounded or abs(rounded), decimals, use_l10n=True, force_grouping=True)


@register.filter
def shipped(text: str) -> str:
    """Translate a name or label of a shipped type of device."""
    return shipped_word(text)


@register.filter
def channel_label(channel: Channel) -> str:
    """Name a channel in the reader's language."""
    return name_channel(channel.name, channel.label).label


@register.filter
def unit_symbol(unit: str) -> str:
    """Turn a stored unit into what people write."""
    return symbol(unit)


@register.simple_tag
def age(at: dt.datetime | None, now: dt.datetime, stale_after: int | None = None) -> SafeString:
    """Say how long ago something was; the browser goes on counting.

    stale_after: seconds from which the age is marked as too old.
    """
    if at is None:
        return format_html('<span class="age">{}</span>', pgettext("age", "never"))
    seconds = seconds_between(at, now)
    stale = stale_after is not None and seconds > stale_after
    return format_html(
        '<time class="age{}" datetime="{}" data-age="{}"{}>{}</time>',
        " is-stale" if stale else "",
        at.isoformat(),
        int(at.timestamp() * 1000),
        format_html(' data-stale-after="{}"', stale_after) if stale_after is not None else "",
        describe_age(seconds),
    )


@register.inclusion_tag("ui/badge.html")
def status_badge(status: str) -> dict[str, str]:
    """Show whether a device is heard: online, late, offline or silent."""
    return {"kind": status, "text": browser_strings()[f"status.{status}"]}


@register.simple_tag
def status_name(status: str) -> str:
    """Say the state of a device without a badge."""
    return browser_strings()[f"status.{status}"]


@register.inclusion_tag("ui/badge.html")
def quality_badge(quality: str) -> dict[str, str]:
    """Show what a value is worth: good, uncertain, bad, estimated, manual or missing."""
    return {"kind": quality, "text": browser_strings()[f"quality.{quality}"], "slot": "quality"}


@register.simple_tag
def browser_strings_element() -> SafeString:
    """Hand the scripts their words as data, which a strict CSP allows."""
    return json_script(browser_strings(), "ui-strings")


@register.inclusion_tag("ui/field.html")
def form_field(field: Any) -> dict[str, Any]:
    """Lay out one form field with its label, help and errors."""
    return {"field": field}


@register.simple_tag(takes_context=True)
def page_query(context: template.Context, number: int, parameter: str = "") -> str:
    """Return the query string of a page; `parameter` tells the lists of one address apart."""
    return query_with(context, **{parameter or "page": number})


@register.simple_tag(takes_context=True)
def query_with(context: template.Context, **changes: Any) -> str:
    """Return the page's query string with some parameters changed; an empty value drops one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = value
    encoded = query.urlencode()
    return f"?{encoded}" if encoded else "?"
