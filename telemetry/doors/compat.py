"""Doors in the forms of ThingsBoard, Emoncms and InfluxDB; their clients need no change.

Each answers in the words of the original, but never that all is well when it is not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.api.problems import problem_response
from telemetry.doors import emoncms, influx, thingsboard
from telemetry.doors.accept import Receipt, accept_readings
from telemetry.doors.api import (
    RETRY_AFTER_SECONDS,
    BodyRefused,
    NotAccepted,
    check_buffer,
    describe,
)
from telemetry.doors.attributes import keep_attributes
from telemetry.doors.body import plain_bytes, read_document
from telemetry.doors.given import BadBody, Given
from telemetry.doors.line_protocol import PRECISIONS
from telemetry.doors.quota import BeyondQuota, count_readings
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.buffer import BufferFull, BufferUnavailable

PERMISSION = "write:telemetry"
MAX_ERRORS_SHOWN = 20
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def door(*methods: str) -> Callable[[Callable[..., HttpResponse]], Any]:
    """Let keys with the permission in; answer what cannot be done as a problem."""

    def guard(view: Callable[..., HttpResponse]) -> Any:
        @csrf_exempt
        @functools.wraps(view)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            acting: Any = getattr(request, "acting", None)
            if acting is None or acting.kind != "key" or PERMISSION not in acting.codes:
                detail = "The key may not send measurements."
                return _problem(request, HTTPStatus.FORBIDDEN, "permission_denied", detail)
            return _answer(request, view, kwargs)

        return guarded

    return guard


def _answer(
    request: HttpRequest, view: Callable[..., HttpResponse], kwargs: Mapping[str, Any]
) -> HttpResponse:
    try:
        check_buffer()
        return view(request, **kwargs)
    except BadBody as error:
        return _problem(request, BodyRefused(error).status_code, error.code, str(error))
    except BeyondQuota as error:
        status, code, wait = HTTPStatus.TOO_MANY_REQUESTS, "quota_exceeded", error.wait_seconds
        detail = str(error)
    except (BufferFull, BufferUnavailable, NotAccepted):
        status, code, wait = HTTPStatus.SERVICE_UNAVAILABLE, "buffer_full", RETRY_AFTER_SECONDS
        detail = "Nothing was accepted: the buffer is full or away. Send the same again later."
    response = _problem(request, status, code, detail)
    response["Retry-After"] = str(wait)
    return response


@door("POST")
def thingsboard_telemetry(request: HttpRequest, token: str) -> HttpResponse:
    """Take telemetry of the device of the key; 200 without a body when all of it was taken."""
    refused = _needs_device(request)
    if refused is not None:
        return refused
    receipt = _accept(request, thingsboard.read_telemetry(_document(request)))
    if receipt.refused:
        return JsonResponse(describe(receipt), status=HTTPStatus.BAD_REQUEST)
    return HttpResponse(status=HTTPStatus.OK)


@door("POST", "GET")
def thingsboard_attributes(request: HttpRequest, token: str) -> HttpResponse:
    """Keep what the device says of itself; there are no shared attributes to be read."""
    refused = _needs_device(request)
    if refused is not None:
        return refused
    if request.method == "GET":
        return JsonResponse({})
    acting: Any = request.acting  # type: ignore[attr-defined]
    device_id: Any = request.user.device_id  # type: ignore[union-attr]
    keep_attributes(
        tenant_id=acting.tenant_id,
        device_id=device_id,
        document=_document(request),
        now=timezone.now(),
    )
    return HttpResponse(status=HTTPStatus.OK)


@door("POST", "GET")
def emoncms_post(request: HttpRequest, node: str = "") -> HttpResponse:
    """Take the inputs of a node; `ok`, or what is wrong."""
    parameters = _parameters(request)
    given = emoncms.read_post(
        parameters, node=node or parameters.get("node", ""), has_device=_has_device(request)
    )
    return _emoncms_answer(_accept(request, given), is_json="fulljson" in parameters)


@door("POST", "GET")
def emoncms_bulk(request: HttpRequest) -> HttpResponse:
    """Take packets of many nodes; `ok`, or what is wrong."""
    now = to_microseconds(timezone.now())
    given = emoncms.read_bulk(_parameters(request), has_device=_has_device(request), now=now)
    return _emoncms_answer(_accept(request, given), is_json=False)


@door("POST")
def influx_write_v2(request: HttpRequest) -> HttpResponse:
    """Take line protocol; 204, or 400 with the numbers of the lines that were not taken."""
    return _influx_write(request, lambda message: {"code": "invalid", "message": message})


@door("POST")
def influx_write_v1(request: HttpRequest) -> HttpResponse:
    """Take line protocol as InfluxDB 1 does."""
    return _influx_write(request, lambda message: {"error": message})


def _influx_write(request: HttpRequest, describe_error: Callable[[str], Any]) -> HttpResponse:
    precision = request.GET.get("precision") or "ns"
    if precision not in PRECISIONS:
        message = f"precision {precision[:20]!r}: use {', '.join(PRECISIONS)}"
        return JsonResponse(describe_error(message), status=HTTPStatus.BAD_REQUEST)
    text = _text(_body(request))
    given = influx.read_points(text, precision, has_device=_has_device(request))
    receipt = _accept(request, given)
    if not receipt.refused:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    shown = [
        f"line {found.index}: {f'{found.metric}: ' if found.metric else ''}{found.detail}"
        for found in receipt.refused[:MAX_ERRORS_SHOWN]
    ]
    message = f"partial write: {'; '.join(shown)} dropped={len(receipt.refused)}"
    return JsonResponse(describe_error(message), status=HTTPStatus.BAD_REQUEST)


def _accept(request: HttpRequest, given: Given) -> Receipt:
    received_at = to_microseconds(timezone.now())
    acting: Any = request.acting  # type: ignore[attr-defined]
    own_device: Any = request.user.device_id  # type: ignore[union-attr]
    count_readings(acting.tenant, len(given.readings), received_at=received_at)
    return accept_readings(given, own_device=own_device, received_at=received_at)


def _emoncms_answer(receipt: Receipt, *, is_json: bool) -> HttpResponse:
    if receipt.refused:
        first = receipt.refused[0]
        message = f"{len(receipt.refused)} not stored, the first: {first.detail}"
        body = {"success": False, "message": message, **describe(receipt)}
        return JsonResponse(body, status=HTTPStatus.BAD_REQUEST)
    if is_json:
        return JsonResponse({"success": True})
    return HttpResponse("ok", content_type="text/plain")


def _needs_device(request: HttpRequest) -> HttpResponse | None:
    if _has_device(request):
        return None
    detail = "This needs the key of a device: its requests name none."
    return _problem(request, HTTPStatus.FORBIDDEN, "device_key_needed", detail)


def _has_device(request: HttpRequest) -> bool:
    return getattr(request.user, "device_id", None) is not None


def _body(request: HttpRequest) -> bytes:
    return plain_bytes(request.body, request.headers.get("Content-Encoding", ""))


def _document(request: HttpRequest) -> Any:
    return read_document(_body(request), "application/json")


def _parameters(request: HttpRequest) -> dict[str, str]:
    """Return what stands in the address and in the form; the address wins, as there."""
    form = request.POST if request.content_type in _FORMS else {}
    return {**{name: form[name] for name in form}, **{n: request.GET[n] for n in request.GET}}


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadBody("bad_body", "The body is not UTF-8.") from None


def _problem(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    return problem_response(request, status=status, code=code, detail=detail)
