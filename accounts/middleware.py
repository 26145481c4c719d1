"""The web's way into a tenant's scope."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.identity import find_acting
from accounts.tenancy import all_tenants


class TenantMiddleware:
    """Run the view, and the rendering of its answer, in the scope of the acting tenant.

    Platform staff see all tenants in the admin; nobody else ever runs unlimited. Requests
    with a token or an API key carry `acting` already: their credential names the tenant.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Find the acting tenant once, then hand the request on."""
        if not hasattr(request, "acting"):
            request.acting = find_acting(request)  # type: ignore[attr-defined]
        with self._scope(request):
            # template answers are rendered in here too: the handler does it around the view
            return self.get_response(request)

    def _scope(self, request: HttpRequest) -> contextlib.AbstractContextManager[None]:
        if request.path.startswith("/admin/") and _is_platform_staff(request):
            return all_tenants()
        if request.acting is not None:  # type: ignore[attr-defined]
            scope: contextlib.AbstractContextManager[None] = request.acting.scope()  # type: ignore[attr-defined]
            return scope
        return contextlib.nullcontext()


def _is_platform_staff(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_staff
