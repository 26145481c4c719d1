"""Accepting an invitation.

The link's secret moves from the address into the session at once, so that it stands in no
history and no Referer.
"""

from __future__ import annotations

from typing import cast

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import user_logged_in
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.identity import SESSION_TENANT
from accounts.models import Invitation, User
from accounts.pages.forms import NewPersonForm
from accounts.queries.roles import choice_of
from accounts.services.invitations import accept, accept_as_new, find_invitation, is_unclaimed
from accounts.services.refusals import InvitationGone, Refusal

SESSION_INVITATION = "invitation"
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@never_cache
@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take the secret of a link, and show the invitation at an address without it."""
    request.session[SESSION_INVITATION] = token
    return redirect("invitation-accept")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest) -> HttpResponse:
    """Accept as the person who is signed in, or as somebody new; others sign in first."""
    token = request.session.get(SESSION_INVITATION, "")
    try:
        found = find_invitation(token=token, now=timezone.now())
        if request.user.is_authenticated:
            return _accept_signed_in(request, found, token)
        user = User.objects.filter(email__iexact=found.email).first()
        if user is not None and not is_unclaimed(user):
            return _show(request, found, "sign_in")
        return _accept_new(request, found, token)
    except InvitationGone:
        request.session.pop(SESSION_INVITATION, None)
        return render(request, "accounts/invitation.html", {"state": "gone"}, status=404)


def _accept_signed_in(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    user = cast(User, request.user)
    if user.email.lower() != found.email.lower():
        return _show(request, found, "other")
    if request.method != "POST":
        return _show(request, found, "accept")
    try:
        accept(token=token, user=user, now=timezone.now())
    except InvitationGone:
        raise
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("invitation-accept")
    return _enter(request, found)


def _accept_new(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    form = NewPersonForm(request.POST or None, email=found.email)
    if request.method != "POST" or not form.is_valid():
        return _show(request, found, "new", form)
    try:
        user, _membership = accept_as_new(token=token, now=timezone.now(), **form.cleaned_data)
    except InvitationGone:
        raise
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("invitation-accept")
    _sign_in(request, user)
    return _enter(request, found)


def _sign_in(request: HttpRequest, user: User) -> None:
    """Sign in with the password that was just chosen: it is not asked for again at once."""
    login(request, user, backend=_BACKEND)
    # the mark with which allauth lets them go on to the set-up of a second factor
    record_authentication(request, user, method="password", reauthenticated=True)
    user_logged_in.send(sender=User, request=request, response=None, user=user)


def _enter(request: HttpRequest, found: Invitation) -> HttpResponse:
    request.session.pop(SESSION_INVITATION, None)
    request.session[SESSION_TENANT] = str(found.tenant_id)
    messages.success(
        request, _("Welcome to %(organisation)s.") % {"organisation": found.tenant.name}
    )
    return redirect("home")


def _show(
    request: HttpRequest, found: Invitation, state: str, form: NewPersonForm | None = None
) -> HttpResponse:
    context = {
        "state": state,
        "invitation": found,
        "tenant": found.tenant,
        "role": choice_of(found).name,
        "form": form,
    }
    status = 400 if form is not None and form.is_bound else 200
    return render(request, "accounts/invitation.html", context, status=status)
