"""The first page of automation."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from automation.queries.overview import automation_overview


@require_safe
@requires("read:automation")
def overview(request: HttpRequest) -> HttpResponse:
    """Show what acts, what was done lately, and what waits for somebody."""
    found = automation_overview(now=timezone.now())
    return render(request, "automation/overview.html", {"section": "automation", "found": found})
