"""Who may open a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def requires(code: str) -> Callable[[View], View]:
    """Let only people in whose acting tenant they have the permission `code` open a page.

    Nobody's request goes to sign-in, somebody without a tenant gets 404, without the
    permission 403. The view runs in the tenant's scope.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            acting = getattr(request, "acting", None)
            if acting is None:
                raise Http404
            if code not in acting.codes:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.permission = code  # type: ignore[attr-defined]
        return guarded

    return decorate
