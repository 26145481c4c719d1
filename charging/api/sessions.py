"""Sessions, receipts, tags and prices in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.models import User
from charging.api.base import TAGS, ChargingView
from charging.api.session_rows import (
    PriceBody,
    PriceListParams,
    PricePatch,
    PriceRow,
    ReceiptRow,
    SessionDetailRow,
    SessionListParams,
    SessionRow,
    TagBody,
    TagListParams,
    TagPatch,
    TagRow,
)
from charging.models import ChargingPrice, ChargingSession, IdTag
from charging.queries.pages_receipt import read_receipt
from charging.queries.pages_sessions import (
    ORDERINGS,
    SessionFilter,
    events_of_session,
    find_session,
    find_sessions,
)
from charging.queries.pages_tags import (
    PRICE_ORDERINGS,
    TAG_ORDERINGS,
    find_price,
    find_prices,
    find_tag,
    find_tags,
)
from charging.services import edits
from devices.api_fleet import IF_MATCH, find_row
from devices.models import Site

_READ, _WRITE, _DELETE = "read:charger", "write:charger", "delete:charger"
_LIST = {"GET": _READ, "HEAD": _READ, "POST": _WRITE}
_ONE = {"GET": _READ, "HEAD": _READ, "PATCH": _WRITE, "DELETE": _DELETE}
_HEADERS = {"Cache-Control": "private, no-store"}


class SessionView(ChargingView):
    """Base of endpoints about sessions."""

    permission: Any = _READ
    serializer_class: Any = SessionRow
    queryset: Any = ChargingSession.objects.none()  # tells the schema what is listed
    orderings = dict(ORDERINGS)

    def find(self, charging_session_id: uuid.UUID) -> ChargingSession:
        """Return a session. Raises: Http404."""
        return _found(find_session(charging_session_id))


class ChargingSessionList(SessionView):
    """The sessions of the organisation."""

    params_class = SessionListParams

    @extend_schema(
        operation_id="list_charging_sessions", summary="List charging sessions", tags=TAGS,
        parameters=[SessionListParams], responses=SessionRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them, the newest first."""
        given = self.params
        wanted = SessionFilter(
            site_id=given.get("site"), charge_point_id=given.get("charge_point"),
            id_tag_id=given.get("tag"), state=given.get("state", ""), is_open=given["open"],
            start=given.get("start"), end=given.get("end"), text=given["q"].replace("\0", ""),
        )  # fmt: skip
        return self.page(find_sessions(wanted), SessionRow)


class ChargingSessionDetail(SessionView):
    """One session."""

    @extend_schema(
        operation_id="get_charging_session", summary="Read a charging session", tags=TAGS,
        responses=SessionDetailRow,
    )  # fmt: skip
    def get(self, request: Request, charging_session_id: uuid.UUID) -> Response:
        """Return it with its price and what happened."""
        row = self.find(charging_session_id)
        context = {"events": events_of_session(row)}
        return Response(SessionDetailRow(row, context=context).data, headers=_HEADERS)


class ChargingSessionReceipt(SessionView):
    """The receipt of a session."""

    @extend_schema(
        operation_id="get_charging_receipt", summary="Read the receipt of a session", tags=TAGS,
        responses=ReceiptRow,
    )  # fmt: skip
    def get(self, request: Request, charging_session_id: uuid.UUID) -> Response:
        """Return it; 404 while the session is open, and without a price."""
        receipt = _found(read_receipt(self.find(charging_session_id), now=self.now))
        return Response(ReceiptRow(receipt).data, headers=_HEADERS)


class TagView(ChargingView):
    """Base of endpoints about tags."""

    serializer_class: Any = TagRow
    queryset: Any = IdTag.objects.none()
    orderings = dict(TAG_ORDERINGS)


class TagList(TagView):
    """The tags of the organisation."""

    permission = _LIST
    params_class = TagListParams

    @extend_schema(
        operation_id="list_charging_tags", summary="List tags", tags=TAGS,
        parameters=[TagListParams], responses=TagRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by identifier."""
        text = self.params["q"].replace("\0", "")
        return self.page(find_tags(text=text, is_blocked=self.params["blocked"]), TagRow)

    @extend_schema(
        operation_id="create_charging_tag", summary="Add a tag", tags=TAGS, request=TagBody,
        responses={201: TagRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a tag; identifiers are kept in upper case."""
        made = edits.create_tag(fields=_named(read_body(request, TagBody)), now=self.now)
        return self.created(made, TagRow(made), "api-charging-tag")


class TagDetail(TagView):
    """One tag."""

    permission = _ONE

    @extend_schema(
        operation_id="get_charging_tag", summary="Read a tag", tags=TAGS, responses=TagRow
    )
    def get(self, request: Request, id_tag_id: uuid.UUID) -> Response:
        """Return it."""
        row = _found(find_tag(id_tag_id))
        return self.answer(row, TagRow(row))

    @extend_schema(
        operation_id="change_charging_tag", summary="Change or block a tag", tags=TAGS,
        request=TagPatch, responses=TagRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, id_tag_id: uuid.UUID) -> Response:
        """Change it; a session that runs goes on."""
        body = read_body(request, TagPatch)
        _found(find_tag(id_tag_id))
        row = edits.change_tag(
            id_tag_id=id_tag_id, changes=_named(body), now=self.now, seen=self.seen
        )
        return self.answer(row, TagRow(row))

    @extend_schema(
        operation_id="remove_charging_tag", summary="Remove a tag", tags=TAGS,
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, id_tag_id: uuid.UUID) -> Response:
        """Remove it; its sessions stay."""
        edits.remove_tag(id_tag_id=id_tag_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)


class PriceView(ChargingView):
    """Base of endpoints about prices of charging."""

    serializer_class: Any = PriceRow
    queryset: Any = ChargingPrice.objects.none()
    orderings = dict(PRICE_ORDERINGS)


class PriceList(PriceView):
    """The prices of the organisation."""

    permission = _LIST
    params_class = PriceListParams

    @extend_schema(
        operation_id="list_charging_prices", summary="List prices of charging", tags=TAGS,
        parameters=[PriceListParams], responses=PriceRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name."""
        return self.page(find_prices(text=self.params["q"].replace("\0", "")), PriceRow)

    @extend_schema(
        operation_id="create_charging_price", summary="Add a price of charging", tags=TAGS,
        request=PriceBody, responses={201: PriceRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a price; charge points name it."""
        made = edits.create_price(fields=read_body(request, PriceBody), now=self.now)
        return self.created(made, PriceRow(made), "api-charging-price")


class PriceDetail(PriceView):
    """One price."""

    permission = _ONE

    @extend_schema(
        operation_id="get_charging_price", summary="Read a price of charging", tags=TAGS,
        responses=PriceRow,
    )  # fmt: skip
    def get(self, request: Request, charging_price_id: uuid.UUID) -> Response:
        """Return it."""
        row = _found(find_price(charging_price_id))
        return self.answer(row, PriceRow(row))

    @extend_schema(
        operation_id="change_charging_price", summary="Change a price of charging", tags=TAGS,
        request=PricePatch, responses=PriceRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, charging_price_id: uuid.UUID) -> Response:
        """Change it for sessions that begin from now on."""
        body = read_body(request, PricePatch)
        row = edits.change_price(
            charging_price_id=charging_price_id, changes=body, now=self.now, seen=self.seen
        )
        return self.answer(row, PriceRow(row))

    @extend_schema(
        operation_id="remove_charging_price", summary="Remove a price of charging", tags=TAGS,
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, charging_price_id: uuid.UUID) -> Response:
        """Remove a price that no charge point has; `in_use` otherwise."""
        edits.remove_price(charging_price_id=charging_price_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)


def _named(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with rows in place of ids. Raises: InvalidRequest."""
    if body.get("site") is not None:
        body["site"] = find_row(Site, body["site"], "site")
    if body.get("user") is not None:
        body["user"] = find_row(User, body["user"], "user")
    return body


def _found(row: Any) -> Any:
    if row is None:
        raise Http404
    return row
