"""The address by which other programs set a rule off; whoever knows it may."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.api.problems import problem_response
from automation.services.calling import RuleUnknown, call_rule

MAX_BYTES = 16_384
MAX_KEY = 64


@csrf_exempt
@never_cache
@require_POST
def automation_hook(request: HttpRequest, token: str) -> HttpResponse:
    """Set a rule off: 202 and what became of it. The same Idempotency-Key does so once."""
    if len(request.body) > MAX_BYTES:
        detail = f"Send at most {MAX_BYTES} bytes."
        return _problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY:
        detail = f"The Idempotency-Key has at most {MAX_KEY} characters."
        return _problem(request, HTTPStatus.BAD_REQUEST, "bad_key", detail)
    try:
        payload = _payload(request.body)
    except ValueError:
        detail = "Send a JSON object, or nothing."
        return _problem(request, HTTPStatus.BAD_REQUEST, "bad_body", detail)
    try:
        called = call_rule(token, payload=payload, key=key, now=timezone.now())
    except RuleUnknown:
        detail = "No rule has this address."
        return _problem(request, HTTPStatus.NOT_FOUND, "not_found", detail)
    return JsonResponse(
        {"state": called.state, "reason": called.reason}, status=HTTPStatus.ACCEPTED
    )


def _payload(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    found = json.loads(body, parse_constant=_refuse)
    if not isinstance(found, dict):
        raise ValueError
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and its like are no JSON


def _problem(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    return problem_response(request, status=status, code=code, detail=detail)
