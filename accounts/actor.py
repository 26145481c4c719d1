"""Who acts: the person, key or machine behind what is being done right now."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pghistory
import structlog
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from energy.lib.client_address import client_address

SESSION_IMPERSONATOR = "impersonator_id"


@dataclass(frozen=True, slots=True)
class Actor:
    """One who acts.

    `kind`: user, key, staff, system or anonymous. `impersonator_*`: the member of staff who
    acts as this user.
    """

    kind: str
    id: uuid.UUID | None = None
    label: str = ""
    impersonator_id: uuid.UUID | None = None
    impersonator_label: str = ""
    ip_address: str | None = None
    request_id: str = ""


SYSTEM = Actor("system", label="system")
_current: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current_actor() -> Actor:
    """Return who acts; outside of requests the system."""
    return _current.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Say who acts in this block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def actor_of(request: HttpRequest) -> Actor:
    """Return who sends a request."""
    user: Any = getattr(request, "user", None)
    kind, id_, label = _who(user)
    impersonator_id, impersonator_label = _impersonator(request)
    context = structlog.contextvars.get_contextvars()
    return Actor(
        kind=kind,
        id=id_,
        label=label,
        impersonator_id=impersonator_id,
        impersonator_label=impersonator_label,
        ip_address=client_address(request) or None,
        request_id=str(context.get("request_id", ""))[:64],
    )


def _who(user: Any) -> tuple[str, uuid.UUID | None, str]:
    if user is None or not user.is_authenticated:
        return "anonymous", None, ""
    if getattr(user, "key_codes", None) is not None:
        return "key", user.key_id, str(user)
    return ("staff" if user.is_staff else "user"), user.pk, user.email


def _impersonator(request: HttpRequest) -> tuple[uuid.UUID | None, str]:
    session = getattr(request, "session", None)
    raw = session.get(SESSION_IMPERSONATOR) if session is not None else None
    if not raw:
        return None, ""
    found = User.objects.filter(pk=raw).values_list("pk", "email").first()
    return found or (uuid.UUID(str(raw)), "")


class ActorMiddleware:
    """Remember who sends the request, for records and the history of changes."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on; reading requests change nothing and need no context."""
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            with acting_as(actor_of(request)):
                return self.get_response(request)
        actor = actor_of(request)
        with acting_as(actor), pghistory.context(**_facts(actor, request)):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        """Add the route: paths themselves may carry secrets, such as those of invitations."""
        if request.resolver_match:
            pghistory.context(url=f"{request.method} /{request.resolver_match.route}")


def _facts(actor: Actor, request: HttpRequest) -> dict[str, str]:
    """Return what the history of changes keeps."""
    acting = getattr(request, "acting", None)
    return {
        "actor_kind": actor.kind,
        "actor": str(actor.id or ""),
        "tenant": str(acting.tenant_id) if acting else "",
        "impersonator": str(actor.impersonator_id or ""),
        "request_id": actor.request_id,
    }
