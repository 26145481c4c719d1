"""The admin site: platform staff for all tenants, tenant administrators for their own.

A tenant administrator reaches only model admins that say `is_open_to_tenants`. Their rows
are limited by `TenantMiddleware`, which runs the whole request in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib.admin import ModelAdmin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache

if apps.is_installed("unfold"):
    from unfold.sites import UnfoldAdminSite as BaseSite
else:
    from django.contrib.admin import AdminSite as BaseSite

ENTRY_CODE = "write:member"  # who may manage people may administer the tenant


def is_tenant_administrator(request: HttpRequest) -> bool:
    """Tell whether somebody is in the admin for the acting tenant only."""
    return not _is_platform_staff(request) and _may_administer_tenant(request)


def is_limited(request: HttpRequest) -> bool:
    """Tell whether the admin shows less than everything: to all who are no platform staff."""
    return not _is_platform_staff(request)


def _is_platform_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def _may_administer_tenant(request: HttpRequest) -> bool:
    acting = getattr(request, "acting", None)
    return bool(
        request.user.is_active
        and acting is not None
        and acting.kind in {"member", "reseller"}
        and ENTRY_CODE in acting.codes
    )


class ProductAdminSite(BaseSite):
    """Decides who enters, and which views tenant administrators reach."""

    # views of the site itself that show nothing of other tenants
    views_for_tenants = frozenset(
        {"index", "app_index", "autocomplete_view", "i18n_javascript", "logout", "search",
         "catch_all_view"}
    )  # fmt: skip

    def has_permission(self, request: HttpRequest) -> bool:
        """Let platform staff in, and administrators of the acting tenant."""
        return _is_platform_staff(request) or _may_administer_tenant(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Ask for the rights to all tables when a page lists them: most show the menu only."""
        ask = super().get_app_list
        return SimpleLazyObject(lambda: ask(request, app_label))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Refuse tenant administrators whatever is not declared to be open to them."""
        is_open = self._is_open(view)

        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not is_open and is_limited(request):
                raise PermissionDenied
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer

        return super().admin_view(limited, cacheable)

    def _is_open(self, view: Callable[..., Any]) -> bool:
        owner = getattr(view, "__self__", None)
        if owner is self:
            return getattr(view, "__name__", "") in self.views_for_tenants
        return isinstance(owner, ModelAdmin) and getattr(owner, "is_open_to_tenants", False)

    @method_decorator(never_cache)
    @login_not_required
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send to the product's sign-in, which knows second factors and lock-outs."""
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}):
            wanted = reverse("admin:index", current_app=self.name)
        if not request.user.is_authenticated:
            query = urlencode({REDIRECT_FIELD_NAME: wanted})
            return HttpResponseRedirect(f"{resolve_url('account_login')}?{query}")
        if not self.has_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(wanted)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send to the product's page: there is one way to change one's password."""
        return HttpResponseRedirect(_password_page())


def _password_page() -> str:
    try:
        return reverse("account_change_password")
    except NoReverseMatch:
        return reverse("home")
