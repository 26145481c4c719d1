"""Pages for people without an account: they agree to get reports, or end them.

Mail programs open links by themselves, so looking changes nothing.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from reports.services import consent
from reports.services.refusals import RecipientGone

_PAGE = "reports/consent.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def report_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether reports shall come, and note that they shall."""
    now = timezone.now()
    try:
        if request.method == "POST":
            found, state = consent.confirm(token, now=now), "confirmed"
        else:
            found, state = consent.find_asked(token, now=now), "asked"
    except RecipientGone:
        return render(request, _PAGE, {"state": "gone"}, status=404)
    return render(request, _PAGE, {"state": state, "recipient": found, "tenant": found.tenant})


# mail programs end reports by a POST of their own (RFC 8058); the link is what proves it
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def report_unsubscribe(request: HttpRequest, signed: str) -> HttpResponse:
    """Ask whether reports shall end, and end them."""
    try:
        if request.method == "POST" and "again" in request.POST:
            found, state = consent.resume_reports(signed, now=timezone.now()), "confirmed"
        elif request.method == "POST":
            found, state = consent.end_reports(signed, now=timezone.now()), "ended"
        else:
            found = consent.find_named(signed)
            state = "ended" if found.unsubscribed_at else "ending"
    except RecipientGone:
        return render(request, _PAGE, {"state": "gone"}, status=404)
    return render(request, _PAGE, {"state": state, "recipient": found, "tenant": found.tenant})
