"""What every page knows."""

from typing import Any, cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.identity import Acting, organisations
from accounts.models import User


def acting_tenant(request: HttpRequest) -> dict[str, Any]:
    """Offer the tenant the user acts for; `organisations` is read when a page lists them."""
    acting = getattr(request, "acting", None)
    return {
        "acting": acting,
        "acting_tenant": acting.tenant if acting else None,
        "organisations": SimpleLazyObject(lambda: _organisations(request)),
        "may": acting.codes if acting else frozenset(),
    }


def _organisations(request: HttpRequest) -> list[Acting]:
    user = getattr(request, "user", None)
    return organisations(cast(User, user)) if user and user.is_authenticated else []
