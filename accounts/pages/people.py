"""Members and invitations."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.identity import SESSION_TENANT, Acting
from accounts.models import Membership, User
from accounts.pages.access import requires
from accounts.pages.forms import InviteForm, givable
from accounts.queries.people import list_members, open_invitations
from accounts.queries.roles import RoleChoice, choice_of, find_role, role_choices
from accounts.services.invitations import invite, resend, revoke_invitation
from accounts.services.members import change_role, leave, remove_member
from accounts.services.refusals import MailNotSent, Refusal
from accounts.sudo import ask_for_sudo, ask_keeping, kept_values

PER_PAGE = 50
SEARCH_LENGTH = 100


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A member, the role, and what the reader may do about it."""

    membership: Membership
    choice: RoleChoice
    choices: list[RoleChoice]
    may_change: bool
    is_self: bool


@require_safe
@requires("read:member")
def people(request: HttpRequest) -> HttpResponse:
    """Show the members and the open invitations."""
    acting = acting_of(request)
    may_write = "write:member" in acting.codes
    choices = givable(role_choices(), acting.codes)
    search = request.GET.get("q", "").replace("\0", "").strip()[:SEARCH_LENGTH]
    found = Paginator(list_members(acting.tenant_id, search=search), PER_PAGE)
    page = found.get_page(request.GET.get("page"))
    context = {
        "section": "settings-people",
        "now": timezone.now(),
        "search": search,
        "page": page,
        "members": [_line(member, request, choices) for member in page],
        "may_write": may_write,
        "may_remove": "delete:member" in acting.codes,
    }
    if may_write:
        offers = Paginator(open_invitations(search=search), PER_PAGE)
        invited = offers.get_page(request.GET.get("invited"))
        context["invited"] = invited
        context["invitations"] = [(offer, choice_of(offer).name) for offer in invited]
    return render(request, "accounts/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:member")
def invite_person(request: HttpRequest) -> HttpResponse:
    """Invite somebody by e-mail."""
    acting = acting_of(request)
    initial = {"role": "viewer"} | kept_values(request)
    form = InviteForm(request.POST or None, codes=acting.codes, initial=initial)
    if request.method == "POST" and form.is_valid():
        answer = _invite(request, form)
        if answer is not None:
            return answer
    status = 400 if form.is_bound else 200
    context = {"section": "settings-people", "form": form}
    return render(request, "accounts/invite.html", context, status=status)


def _invite(request: HttpRequest, form: InviteForm) -> HttpResponse | None:
    """Invite, or ask for the password first; None when the form shows why not."""
    acting, email = acting_of(request), form.cleaned_data["email"]
    try:
        choice = find_role(form.cleaned_data["role"])
        answer = ask_keeping(request, form.cleaned_data) if choice.is_administering else None
        if answer is not None:
            return answer
        invite(
            tenant=acting.tenant,
            email=email,
            choice=choice,
            invited_by=person_of(request),
            editor_codes=acting.codes,
            now=timezone.now(),
        )
    except MailNotSent as error:
        messages.warning(request, str(error))
    except Refusal as error:
        form.add_error(None, str(error))
        return None
    else:
        messages.success(request, _("The invitation to %(email)s is sent.") % {"email": email})
    return redirect("settings-people")


@require_POST
@requires("write:member")
def invitation_resend(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Mail a new link."""
    codes = acting_of(request).codes
    return _do(
        request,
        lambda: resend(invitation_id=invitation_id, editor_codes=codes, now=timezone.now()),
        _("A new link is sent; the old one no longer works."),
    )


@require_POST
@requires("write:member")
def invitation_revoke(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Withdraw an invitation."""
    return _do(
        request,
        lambda: revoke_invitation(invitation_id=invitation_id, now=timezone.now()),
        _("The invitation is withdrawn."),
    )


@require_POST
@requires("write:member")
def member_role(request: HttpRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Give a member another role; one that administers needs sudo mode."""
    acting = acting_of(request)
    try:
        choice = find_role(request.POST.get("role", ""))
    except Refusal as error:
        messages.error(request, str(error))
        return redirect(_list_url(request))
    get_object_or_404(list_members(acting.tenant_id), id=membership_id)
    answer = ask_for_sudo(request, then=_list_url(request)) if choice.is_administering else None
    return answer or _do(
        request,
        lambda: change_role(
            membership_id=membership_id,
            tenant_id=acting.tenant_id,
            choice=choice,
            editor_codes=acting.codes,
            now=timezone.now(),
        ),
        _("The role is changed. The person must sign in again."),
    )


@require_POST
@requires("delete:member")
def member_remove(request: HttpRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Take a person out of the organisation."""
    acting = acting_of(request)
    return _do(
        request,
        lambda: remove_member(
            membership_id=membership_id,
            tenant_id=acting.tenant_id,
            editor_codes=acting.codes,
            now=timezone.now(),
        ),
        _("The person is no longer a member."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def leave_organisation(request: HttpRequest) -> HttpResponse:
    """Leave the organisation that one acts for."""
    acting = getattr(request, "acting", None)
    if acting is None or acting.kind != "member":
        raise Http404
    if request.method == "POST":
        try:
            leave(user=person_of(request), tenant_id=acting.tenant_id, now=timezone.now())
        except Refusal as error:
            messages.error(request, str(error))
            return redirect("settings-leave")
        request.session.pop(SESSION_TENANT, None)
        messages.success(
            request, _("You have left %(organisation)s.") % {"organisation": acting.tenant.name}
        )
        return redirect("home")
    return render(request, "accounts/leave.html", {"section": "settings-leave"})


def acting_of(request: HttpRequest) -> Acting:
    """Return the identity that `requires` has checked."""
    return cast(Acting, request.acting)  # type: ignore[attr-defined]


def person_of(request: HttpRequest) -> User:
    """Return the person who is signed in."""
    return cast(User, request.user)


def _line(membership: Membership, request: HttpRequest, choices: list[RoleChoice]) -> MemberLine:
    choice = choice_of(membership)
    codes = acting_of(request).codes
    return MemberLine(
        membership=membership,
        choice=choice,
        choices=choices,
        may_change=choice.codes <= codes,
        is_self=membership.user_id == request.user.pk,
    )


def _do(request: HttpRequest, call: Any, done: str) -> HttpResponse:
    """Run a service, tell how it went, and show the list again.

    What is not there (any more) is a 404.
    """
    try:
        call()
    except Refusal as error:
        if error.code in {"no_member", "invitation_gone"}:
            raise Http404 from error
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect(_list_url(request))


def _list_url(request: HttpRequest) -> str:
    """Return the address of the list as it stood: forms carry page and search."""
    kept = {name: request.GET[name] for name in ("q", "page", "invited") if name in request.GET}
    return f"{reverse('settings-people')}?{urlencode(kept)}" if kept else reverse("settings-people")
