"""Errors that arise outside API views: problems under /api/, pages elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from accounts.api.problems import problem_response

PREFIX = ("/api/", "/compat/", "/write")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return _answer(
        request, HTTPStatus.BAD_REQUEST, "bad_request", _("The request cannot be understood."),
        lambda: defaults.bad_request(request, exception),
    )  # fmt: skip


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return _answer(
        request, HTTPStatus.FORBIDDEN, "permission_denied", _("You may not do this."),
        lambda: defaults.permission_denied(request, exception),
    )  # fmt: skip


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return _answer(
        request, HTTPStatus.NOT_FOUND, "not_found", _("There is nothing at this address."),
        lambda: defaults.page_not_found(request, exception),
    )  # fmt: skip


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500."""
    return _answer(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, "error",
        _("Something failed on our side; it has been logged."),
        lambda: defaults.server_error(request),
    )  # fmt: skip


@csrf_exempt
def unknown_endpoint(request: HttpRequest) -> HttpResponse:
    """Answer an address under /api/ that no endpoint has, also while DEBUG shows its own page."""
    return problem_response(
        request,
        status=HTTPStatus.NOT_FOUND,
        code="not_found",
        detail=_("There is nothing at this address; /api/docs lists what there is."),
    )


def _answer(
    request: HttpRequest,
    status: HTTPStatus,
    code: str,
    detail: str,
    page: Callable[[], HttpResponse],
) -> HttpResponse:
    if not request.path.startswith(PREFIX):
        return page()
    return problem_response(request, status=status, code=code, detail=detail)
