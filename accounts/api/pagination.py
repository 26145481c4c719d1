"""Lists page by page with cursors: stable while rows come and go, as fast at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core import signing
from django.db.models import Expression, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from accounts.api.params import Params
from accounts.api.problems import Problem, Violation

DEFAULT_LIMIT = 100
MAX_LIMIT = 500


class InvalidCursor(Problem):
    """A cursor that this list did not hand out, or for another order."""

    default_code = "invalid_cursor"
    default_detail = _("The cursor is not valid for this list; start again without it.")


class PageParams(Params):
    """Parameters of every list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Rows of a page."
    )
    cursor = serializers.CharField(
        required=False, max_length=1000, help_text="Taken from `next` or `previous`."
    )
    count = serializers.BooleanField(
        default=False, help_text="Also count all rows of the list; costs a query."
    )


class CursorPagination(BasePagination):
    """Pages by (order key, id).

    The view has `params` of a `PageParams`, with `ordering` a key of its `orderings`,
    which maps a name to a field or a never-null expression; `-name` turns it round.
    """

    page_key = "page_key"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the parameters ask for; one or two queries."""
        params = view.params
        self.request = request
        self.ordering = params["ordering"]
        self.count = queryset.count() if params["count"] else None
        position, backwards = self._read_cursor(params.get("cursor"))
        rows = self._rows(queryset, view.orderings, position, backwards, params["limit"])
        more = len(rows) > params["limit"]
        rows = rows[: params["limit"]]
        if backwards:
            rows.reverse()
        self.has_next = bool(position) if backwards else more
        self.has_previous = more if backwards else bool(position)
        self.edges = (rows[0], rows[-1]) if rows else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Return the rows with the links to the neighbouring pages."""
        body: dict[str, Any] = {
            "results": data,
            "next": self._link(-1, "n") if self.has_next else None,
            "previous": self._link(0, "p") if self.has_previous else None,
        }
        if self.count is not None:
            body["count"] = self.count
        return Response(body)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the body for OpenAPI."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": link | {"description": "Address of the next page; null on the last."},
                "previous": link | {"description": "Address of the page before."},
                "count": {"type": "integer", "description": "Only with `count=true`."},
            },
        }

    def _rows(
        self,
        queryset: QuerySet[Any],
        orderings: Mapping[str, str | Expression],
        position: list[Any] | None,
        backwards: bool,
        limit: int,
    ) -> list[Any]:
        expression = orderings[self.ordering.removeprefix("-")]
        key = F(expression) if isinstance(expression, str) else expression
        sign = "-" if self.ordering.startswith("-") != backwards else ""
        queryset = queryset.annotate(**{self.page_key: key})
        if position:
            queryset = queryset.filter(_beyond(self.page_key, position, "lt" if sign else "gt"))
        return list(queryset.order_by(f"{sign}{self.page_key}", f"{sign}id")[: limit + 1])

    def _read_cursor(self, cursor: str | None) -> tuple[list[Any] | None, bool]:
        """Return (key, id) of the row to go on from, and whether to go backwards."""
        if cursor is None:
            return None, False
        try:
            ordering, direction, *position = signing.loads(cursor, salt=_SALT)
        except (signing.BadSignature, ValueError) as error:
            raise InvalidCursor(violations=[_violation()]) from error
        if ordering != self.ordering:
            raise InvalidCursor(violations=[_violation()])
        return position, direction == "p"

    def _link(self, edge: int, direction: str) -> str | None:
        url = remove_query_param(self.request.build_absolute_uri(), "cursor")
        if self.edges is None:
            return url if direction == "p" else None
        row = self.edges[edge]
        key = getattr(row, self.page_key)
        key = key.isoformat() if hasattr(key, "isoformat") else key
        cursor = signing.dumps([self.ordering, direction, key, str(row.pk)], salt=_SALT)
        return replace_query_param(url, "cursor", cursor)


_SALT = "page"


def _beyond(page_key: str, position: list[Any], lookup: str) -> Q:
    key, row_id = position
    return Q(**{f"{page_key}__{lookup}": key}) | Q(**{page_key: key, f"id__{lookup}": row_id})


def _violation() -> Violation:
    return Violation("invalid_cursor", str(InvalidCursor.default_detail), "?cursor")
