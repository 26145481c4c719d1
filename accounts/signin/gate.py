"""Tenants that require a second factor let nobody in who has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.api.problems import problem_response
from accounts.identity import Acting
from accounts.models import User
from accounts.rbac.access import access_of

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# signing out, setting up, switching to another tenant, and what the pages for it need
_OPEN_PATHS = ("/accounts/", "/_allauth/", "/i18n/", "/static/", "/api/v1/auth/", "/invitations/")
_OPEN_NAMES = frozenset({"tenant-switch"})


def has_second_factor(user: User) -> bool:
    """Tell whether a person has a TOTP app or a passkey; recovery codes are none."""
    return Authenticator.objects.filter(user_id=user.pk, type__in=SECOND_FACTORS).exists()


def is_second_factor_required(user: User) -> bool:
    """Tell whether one of the tenants that a person works in requires it."""
    return any(grant.tenant.requires_mfa for grant in access_of(user).grants.values())


def lacks_second_factor(user: Any, acting: Acting | None) -> bool:
    """Tell whether the tenant acted for requires what the person has not set up.

    Programs with a key have no second factor. Sockets ask this too.
    """
    if acting is None or not acting.tenant.requires_mfa or not isinstance(user, User):
        return False
    return not has_second_factor(user)


class SecondFactorMiddleware:
    """Sends people to the set-up, and refuses their calls of the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse what is not open; staff who act as a person passed their own sign-in."""
        match = request.resolver_match
        if request.path.startswith(_OPEN_PATHS) or (match and match.view_name in _OPEN_NAMES):
            return None
        user = getattr(request.user, "_wrapped", request.user)
        is_staffs = hasattr(request, "impersonated_until")
        if is_staffs or not lacks_second_factor(user, getattr(request, "acting", None)):
            return None
        return _refuse(request)


def _refuse(request: HttpRequest) -> HttpResponse:
    text = _("Your organisation requires a second factor. Set one up to go on.")
    if request.path.startswith("/api/"):
        return problem_response(request, status=403, code="mfa_required", detail=text)
    messages.warning(request, text)
    return redirect("mfa_index")
