"""`/firmware/images/…`: where devices load what they were offered. Nobody signs in here.

The address is signed, holds for ten minutes, and is one device's for one try. Whatever is
wrong with it, the answer is the same 404.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.api.problems import problem_response
from accounts.limits.middleware import refuse, take
from accounts.limits.window import Limit
from devices.firmware.ranges import Unsatisfiable, read_range
from devices.services.firmware import image_storage
from devices.services.firmware_keys import active_signer
from devices.services.firmware_offers import (
    AskedTooOften,
    Download,
    NoDownload,
    NotNow,
    note_asked,
    open_download,
)

CHUNK_BYTES = 65_536
COME_AGAIN_SECONDS = 60


@require_safe
def firmware_image(
    request: HttpRequest, device_id: uuid.UUID, release_id: uuid.UUID
) -> HttpResponseBase:
    """Send an image, or the part of it that the device lacks."""
    now, token = timezone.now(), request.GET.get("token", "")
    try:
        download = open_download(device_id=device_id, release_id=release_id, token=token, now=now)
    except NoDownload as error:
        raise Http404 from error
    except NotNow:
        return _come_again(request, HTTPStatus.SERVICE_UNAVAILABLE, "campaign_stopped")
    except AskedTooOften:
        return _come_again(request, HTTPStatus.TOO_MANY_REQUESTS, "asked_too_often")
    decision = take(_limits(download))
    if decision and not decision.is_allowed:
        return refuse(request, decision)
    try:
        wanted = _wanted(request, download)
    except Unsatisfiable:
        return HttpResponse(
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers={"Content-Range": f"bytes */{download.size}"},
        )
    return _answer(request, download, wanted)


@require_safe
def signing_key(request: HttpRequest) -> HttpResponse:
    """Return the public key with which devices check what they are offered: base64."""
    row = active_signer()
    if row is None:
        raise Http404
    headers = {"Cache-Control": "public, max-age=300"}
    return HttpResponse(f"{row.public_key}\n", content_type="text/plain", headers=headers)


def _answer(
    request: HttpRequest, download: Download, wanted: tuple[int, int] | None
) -> HttpResponseBase:
    first, last = wanted or (0, download.size - 1)
    length = last - first + 1
    headers = {
        "Content-Length": str(length),
        "Accept-Ranges": "bytes",
        "ETag": f'"{download.sha256}"',
        "Cache-Control": "private, no-store",
    }
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last}/{download.size}"
    status = HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK
    kind = "application/octet-stream"
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=kind)
    try:
        image = image_storage().open(download.stored_as, "rb")
    except FileNotFoundError as error:
        raise Http404 from error
    image.seek(first)
    note_asked(download=download, number=length, now=timezone.now())
    pieces: Any = _pieces_async if isinstance(request, ASGIRequest) else _pieces
    response = StreamingHttpResponse(
        pieces(image, length), status=status, headers=headers, content_type=kind
    )
    closers: list[Any] = response._resource_closers  # type: ignore[attr-defined]
    closers.append(image.close)  # as FileResponse does
    return response


def _wanted(request: HttpRequest, download: Download) -> tuple[int, int] | None:
    """A device that began with another image gets all of this one."""
    known = request.headers.get("If-Range", "").strip()
    if known and known != f'"{download.sha256}"':
        return None
    return read_range(request.headers.get("Range", ""), size=download.size)


async def _pieces_async(image: Any, length: int) -> AsyncIterator[bytes]:
    while length > 0 and (chunk := await asyncio.to_thread(_read, image, length)):
        length -= len(chunk)
        yield chunk


def _pieces(image: Any, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := _read(image, length)):
        length -= len(chunk)
        yield chunk


def _read(image: Any, length: int) -> bytes:
    chunk: bytes = image.read(min(CHUNK_BYTES, length))
    return chunk


def _limits(download: Download) -> list[Limit]:
    calls = settings.FIRMWARE_REQUESTS_PER_MINUTE
    return [Limit("firmware", str(download.target_id), calls)] if calls else []


def _come_again(request: HttpRequest, status: HTTPStatus, code: str) -> HttpResponse:
    response = problem_response(
        request, status=status, code=code, detail="Come again later; keep what you have."
    )
    response["Retry-After"] = str(COME_AGAIN_SECONDS)
    return response
