"""Where one is signed in, and ending that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages.people import person_of
from accounts.queries.sessions import list_sign_ins
from accounts.services.refusals import SignInGone
from accounts.services.sessions import end_other_sign_ins, end_sign_in
from accounts.signin.receivers import home_of


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Show the browsers and apps in which one is signed in; a POST ends all others."""
    person, now = person_of(request), timezone.now()
    if request.method == "POST":
        count = end_other_sign_ins(
            user=person, keep=_key(request), tenant_id=home_of(person), now=now
        )
        done = ngettext("One sign-in is ended.", "%(count)d sign-ins are ended.", count)
        messages.success(request, done % {"count": count})
        return redirect("usersessions_list")
    context = {
        "section": "usersessions_list",
        "now": now,
        "sign_ins": list_sign_ins(person, current_key=_key(request), now=now),
    }
    return render(request, "accounts/sessions.html", context)


@require_POST
@login_required
def session_end(request: HttpRequest, sign_in_id: int) -> HttpResponse:
    """End one of them; this one by the page that signs out."""
    person, now = person_of(request), timezone.now()
    listed = list_sign_ins(person, current_key=_key(request), now=now)
    if any(one.is_current and one.id == sign_in_id for one in listed):
        return redirect("account_logout")
    try:
        end_sign_in(user=person, sign_in_id=sign_in_id, tenant_id=home_of(person), now=now)
    except SignInGone as error:
        raise Http404 from error
    messages.success(request, _("The sign-in is ended."))
    return redirect("usersessions_list")


def _key(request: HttpRequest) -> str:
    return request.session.session_key or ""
