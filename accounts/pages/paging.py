"""Pages of a list by cursor, as those of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from accounts.api.pagination import CursorPagination
from accounts.api.problems import Problem

PAGE = 50


@dataclass(frozen=True, slots=True)
class CutPage:
    """Some rows of a list, and the addresses of its neighbours; "" where there are none."""

    rows: list[Any]
    next: str
    previous: str


class _List:
    """What the pagination of the API asks of a view."""

    def __init__(self, orderings: Mapping[str, Any], order: str, cursor: str | None) -> None:
        self.orderings = orderings
        self.params = {"ordering": order, "limit": PAGE, "cursor": cursor, "count": False}


def cut_page(
    rows: Any, request: HttpRequest, *, orderings: Mapping[str, Any], order: str
) -> CutPage:
    """Return a page of a list; with a cursor that is none, the first one."""
    pagination: Any = CursorPagination()
    cursor = request.GET.get("cursor") or None
    try:
        found = pagination.paginate_queryset(rows, request, _List(orderings, order, cursor))
    except Problem:
        found = pagination.paginate_queryset(rows, request, _List(orderings, order, None))
    links = pagination.get_paginated_response([]).data
    return CutPage(found, links["next"] or "", links["previous"] or "")
