"""Which limits a request is under."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.limits.window import Limit
from energy.lib.client_address import client_address

# programs call here: our API, and the doors in the forms of other products
API_PREFIX = ("/api/", "/compat/", "/write")
# URL names whose POST sends an e-mail; other views of ours say so with `sends_mail`
MAIL_PAGES = frozenset({
    # allauth, its pages and its headless API
    "account_reset_password", "account_email", "account_signup", "account_confirm_email",
    "account_email_verification_sent", "account_request_login_code",
    "request_password", "resend_verification", "manage_email", "request_login_code", "signup",
    "settings-invite", "settings-invitation-resend", "settings-share-new",
    "api-invitation-list", "api-invitation-resend", "api-share-list",
})  # fmt: skip


def limits_of_api(request: HttpRequest) -> list[Limit]:
    """Return the limits of a request under /api/: tenant and key or person, else address.

    A guest does not use up what the plan of the owner allows.
    """
    user: Any = request.user
    if not user.is_authenticated:
        return limits_of_address(request)
    acting: Any = getattr(request, "acting", None)
    scope = "key" if acting and acting.kind == "key" else "person"
    subject = getattr(user, "key_id", user.pk)
    found = [_limit(scope, subject, settings.RATE_LIMITS[scope])]
    if acting and acting.kind != "guest":
        found.append(_limit("tenant", acting.tenant_id, _plan_calls(acting.tenant)))
    return [limit for limit in found if limit]


def limits_of_address(request: HttpRequest) -> list[Limit]:
    """Return the limit of somebody unknown."""
    subject = network_of(client_address(request))
    limit = _limit("address", subject, settings.RATE_LIMITS["address"])
    return [limit] if limit else []


def limits_of_mail(request: HttpRequest) -> list[Limit]:
    """Return the limits of a post to a page that sends an e-mail."""
    calls = settings.RATE_LIMITS["mail"]
    found = [_limit("mail-address", network_of(client_address(request)), calls)]
    user: Any = request.user
    if user.is_authenticated:
        found.append(_limit("mail-person", getattr(user, "key_id", user.pk), calls))
    return [limit for limit in found if limit]


def hourly_limits_of_mail(request: HttpRequest) -> list[Limit]:
    """Return how many mails a person may cause within an hour: shares, invitations and all."""
    user: Any = request.user
    calls = settings.RATE_LIMITS["mail_hour"]
    if not user.is_authenticated or calls is None:
        return []
    return [Limit("mail-hour", str(getattr(user, "key_id", user.pk)), calls, seconds=3600)]


def sends_mail(request: HttpRequest, view: Any) -> bool:
    """Tell whether a request is about to send an e-mail."""
    match = request.resolver_match
    name = match.url_name if match else None
    return request.method == "POST" and (name in MAIL_PAGES or getattr(view, "sends_mail", False))


def network_of(address: str) -> str:
    """Return what one caller has for sure: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _plan_calls(tenant: Any) -> int | None:
    return tenant.plan.api_calls_per_minute if tenant.plan_id else None


def _limit(scope: str, subject: Any, calls: int | None) -> Limit | None:
    return None if calls is None else Limit(scope, str(subject), calls)
