"""Who bears costs, and by which keys, in the API."""

from __future__ import annotations

import uuid
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from metering.api_tariffs import TAGS, CostView
from metering.models import AllocationKey, CostCentre
from metering.queries.allocation import find_centre, find_key, list_centres, list_keys
from metering.services.allocation import (
    Bearer,
    Part,
    Sharing,
    change_centre,
    change_key,
    create_centre,
    create_key,
    remove_centre,
    remove_key,
)

_LISTS = {"GET": "read:tariff", "HEAD": "read:tariff", "POST": "write:tariff"}
_ONE = {
    "GET": "read:tariff", "HEAD": "read:tariff", "PUT": "write:tariff", "DELETE": "delete:tariff",
}  # fmt: skip


class AllocationParams(Params):
    """Whose."""

    site = serializers.UUIDField(required=False)


class CentreBody(Params):
    """A cost centre or occupant; what it needs depends on the keys that it takes part in."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(
        choices=CostCentre.Kind.choices, default=CostCentre.Kind.COST_CENTRE
    )
    area_m2 = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=Decimal("0.01"), allow_null=True, default=None
    )
    meter = serializers.UUIDField(
        allow_null=True, default=None, help_text="Counts what it uses, for keys by consumption."
    )


class NewCentreBody(CentreBody):
    """One of a site."""

    site = serializers.UUIDField()


class CentreSerializer(serializers.Serializer):
    """Who bears a share of the costs of a site."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=CostCentre.Kind.choices)
    area_m2 = serializers.CharField(allow_null=True)
    meter = serializers.UUIDField(allow_null=True)


class CentresSerializer(serializers.Serializer):
    """All of them."""

    results = CentreSerializer(many=True)


class SharePartBody(serializers.Serializer):
    """A cost centre that takes part."""

    cost_centre = serializers.UUIDField()
    percent = serializers.DecimalField(
        max_digits=8, decimal_places=4, allow_null=True, default=None,
        help_text="Of fixed shares; together 100.",
    )  # fmt: skip


class AllocationKeyBody(Params):
    """How costs are shared."""

    name = serializers.CharField(max_length=100)
    method = serializers.ChoiceField(choices=AllocationKey.Method.choices)
    meter = serializers.UUIDField(
        allow_null=True, default=None,
        help_text="null: whatever of the site has no key of its own.",
    )  # fmt: skip
    shares = SharePartBody(many=True, allow_empty=False)


class NewAllocationKeyBody(AllocationKeyBody):
    """One of a site."""

    site = serializers.UUIDField()


class SharePartSerializer(serializers.Serializer):
    """A cost centre that takes part."""

    cost_centre = serializers.UUIDField()
    percent = serializers.CharField(allow_null=True)


class AllocationKeySerializer(serializers.Serializer):
    """How costs are shared."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    name = serializers.CharField()
    method = serializers.ChoiceField(choices=AllocationKey.Method.choices)
    meter = serializers.UUIDField(allow_null=True)
    shares = SharePartSerializer(many=True)


class AllocationKeysSerializer(serializers.Serializer):
    """All of them."""

    results = AllocationKeySerializer(many=True)


class CentreList(CostView):
    """Cost centres and occupants."""

    permission = _LISTS
    params_class = AllocationParams

    @extend_schema(
        operation_id="list_cost_centres", summary="List cost centres and occupants", tags=TAGS,
        responses=CentresSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name."""
        rows = list_centres(self.params.get("site"))
        return Response({"results": [describe_centre(row) for row in rows]})

    @extend_schema(
        operation_id="create_cost_centre", summary="Make a cost centre or occupant", tags=TAGS,
        request=NewCentreBody, responses={201: CentreSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make one."""
        body = read_body(request, NewCentreBody)
        site = body.pop("site")
        made = create_centre(site_id=site, wanted=Bearer(**body), now=self.now)
        return Response(describe_centre(made), status=HTTPStatus.CREATED)


class CentreDetail(CostView):
    """One of them."""

    permission = _ONE

    @extend_schema(
        operation_id="get_cost_centre", summary="Read a cost centre", tags=TAGS,
        responses=CentreSerializer,
    )  # fmt: skip
    def get(self, request: Request, centre_id: uuid.UUID) -> Response:
        """Return it."""
        return Response(describe_centre(find_centre(centre_id)))

    @extend_schema(
        operation_id="change_cost_centre", summary="Change a cost centre", tags=TAGS,
        request=CentreBody, responses=CentreSerializer,
    )  # fmt: skip
    def put(self, request: Request, centre_id: uuid.UUID) -> Response:
        """Change all of it but its site."""
        find_centre(centre_id)
        wanted = Bearer(**read_body(request, CentreBody))
        return Response(
            describe_centre(change_centre(centre_id=centre_id, wanted=wanted, now=self.now))
        )

    @extend_schema(
        operation_id="remove_cost_centre", summary="Remove a cost centre", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, centre_id: uuid.UUID) -> Response:
        """Remove one that takes part in no key."""
        remove_centre(centre_id=centre_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class AllocationKeyList(CostView):
    """How costs are shared."""

    permission = _LISTS
    params_class = AllocationParams

    @extend_schema(
        operation_id="list_allocation_keys", summary="List allocation keys", tags=TAGS,
        responses=AllocationKeysSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name, with their shares."""
        rows = list_keys(self.params.get("site"))
        return Response({"results": [describe_key(row) for row in rows]})

    @extend_schema(
        operation_id="create_allocation_key", summary="Make an allocation key", tags=TAGS,
        request=NewAllocationKeyBody, responses={201: AllocationKeySerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make one; each meter, and the rest of each site, has at most one."""
        body = read_body(request, NewAllocationKeyBody)
        made = create_key(site_id=body["site"], wanted=_sharing(body), now=self.now)
        return Response(describe_key(find_key(made.id)), status=HTTPStatus.CREATED)


class AllocationKeyDetail(CostView):
    """One of them."""

    permission = _ONE

    @extend_schema(
        operation_id="get_allocation_key", summary="Read an allocation key", tags=TAGS,
        responses=AllocationKeySerializer,
    )  # fmt: skip
    def get(self, request: Request, allocation_key_id: uuid.UUID) -> Response:
        """Return it with its shares."""
        return Response(describe_key(find_key(allocation_key_id)))

    @extend_schema(
        operation_id="change_allocation_key", summary="Change an allocation key", tags=TAGS,
        request=AllocationKeyBody, responses=AllocationKeySerializer,
    )  # fmt: skip
    def put(self, request: Request, allocation_key_id: uuid.UUID) -> Response:
        """Change it with all of its shares."""
        find_key(allocation_key_id)
        wanted = _sharing(read_body(request, AllocationKeyBody))
        change_key(key_id=allocation_key_id, wanted=wanted, now=self.now)
        return Response(describe_key(find_key(allocation_key_id)))

    @extend_schema(
        operation_id="remove_allocation_key", summary="Remove an allocation key", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, allocation_key_id: uuid.UUID) -> Response:
        """Remove it; its costs are shared by the key of the site, if there is one."""
        remove_key(key_id=allocation_key_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def _sharing(body: dict[str, Any]) -> Sharing:
    parts = [Part(one["cost_centre"], one["percent"]) for one in body["shares"]]
    return Sharing(body["name"], body["method"], parts, body["meter"])


def describe_centre(row: CostCentre) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "id": row.id, "site": row.site_id, "name": row.name, "kind": row.kind,
        "area_m2": None if row.area_m2 is None else f"{row.area_m2:f}", "meter": row.meter_id,
    }  # fmt: skip


def describe_key(row: AllocationKey) -> dict[str, Any]:
    """Return the members of an answer, of `queries.allocation.list_keys`."""
    return {
        "id": row.id, "site": row.site_id, "name": row.name, "method": row.method,
        "meter": row.meter_id,
        "shares": [
            {"cost_centre": share.centre_id,
             "percent": None if share.percent is None else f"{share.percent:f}"}
            for share in row.shares.all()
        ],
    }  # fmt: skip
