"""What endpoints of meters share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.api.write import AccessView
from devices.models import Channel, Site
from devices.queries import channels_named
from metering.models import LedgerDecision, Meter, Register
from metering.services.meters import Hardware, MeterRefused, Source, Wanted

TAGS = ["meters"]


class MeterView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, MeterRefused):
            exc = _problem_of(exc)
        elif isinstance(
            exc, (Meter.DoesNotExist, Register.DoesNotExist, LedgerDecision.DoesNotExist)
        ):
            exc = NotFound()
        return super().handle_exception(exc)


def _problem_of(refusal: MeterRefused) -> Problem:
    if refusal.code in {"in_use", "has_ledger"}:
        problem = Problem(str(refusal))
        problem.status_code = HTTPStatus.CONFLICT
    else:
        pointer = f"#/{refusal.field}" if refusal.field else ""
        problem = InvalidRequest(
            str(refusal), violations=[Violation(refusal.code, str(refusal), pointer)]
        )
    problem.default_code = refusal.code
    return problem


def read_wanted(body: Mapping[str, Any]) -> Wanted:
    """Return what a body says about a meter. Raises: MeterRefused."""
    names = (
        "name", "commodity", "role", "parent", "accuracy_percent", "most_per_hour",
        "contracted_kw", "is_active",
    )  # fmt: skip
    terms = {term["meter"]: term["factor"] for term in body["terms"]}
    named = {*terms, body["parent"]} - {None}
    if Meter.objects.filter(id__in=named).count() < len(named):
        field = "terms" if terms else "parent"
        raise MeterRefused("unknown_meter", _("There is no such meter."), field)
    return Wanted(**{name: body[name] for name in names}, terms=terms)


def read_sources(given: Sequence[Mapping[str, Any]]) -> dict[str, Source]:
    """Find the channels that a body names. Raises: MeterRefused."""
    found = channels_named({one["device"] for one in given}, {one["metric"] for one in given})
    sources: dict[str, Source] = {}
    for place, one in enumerate(given):
        channel: Channel | None = found.get((one["device"], one["metric"]))
        if channel is None:
            detail = _("The device has no such metric.")
            raise MeterRefused("unknown_metric", detail, f"sources/{place}/metric")
        if one["quantity"] in sources:
            detail = _("A register is fed by one channel.")
            raise MeterRefused("repeated", detail, f"sources/{place}/quantity")
        sources[one["quantity"]] = Source(
            channel.uuid, one["initial"], one["part"], one["integration"]
        )
    return sources


def read_hardware(given: Mapping[str, Any]) -> Hardware:
    """Return what a body says about the hardware."""
    return Hardware(**given)


def check_site(site_id: uuid.UUID) -> None:
    """Refuse a site that is not the tenant's. Raises: MeterRefused."""
    if not Site.objects.filter(id=site_id).exists():
        raise MeterRefused("unknown_site", _("There is no such site."), "site")
