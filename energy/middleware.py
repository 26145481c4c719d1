"""What concerns every request: who forwarded it, and which headers its answer has."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

from csp.constants import NONCE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from energy.lib.client_address import client_address, is_trusted_proxy
from energy.lib.load import note_request

GetResponse = Callable[[HttpRequest], HttpResponse]


class ForwardedMiddleware:
    """Believe X-Forwarded-* of trusted proxies only, and settle the address once.

    Behind this, REMOTE_ADDR is the caller's address and no header says otherwise, so
    whatever a library reads, it cannot be fooled.
    """

    SCHEME = "HTTP_X_FORWARDED_PROTO"
    HEADERS = (
        "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_SERVER", "HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_PREFIX",
        "HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP", "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL", "HTTP_X_HTTP_METHOD_OVERRIDE",
        "HTTP_FORWARDED", "HTTP_FORWARDED_FOR", "HTTP_TRUE_CLIENT_IP", "HTTP_CF_CONNECTING_IP",
        "HTTP_VIA", "HTTP_CLIENT_IP", SCHEME,
    )  # fmt: skip

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Drop what cannot be believed, then hand the request on."""
        meta = request.META
        address = client_address(request)
        trusted = is_trusted_proxy(meta.get("REMOTE_ADDR") or "")
        # the right-most is the one that our proxy wrote
        scheme = meta.get(self.SCHEME, "").rpartition(",")[2].strip()
        for name in self.HEADERS:
            meta.pop(name, None)
        if trusted and scheme:
            meta[self.SCHEME] = scheme
        meta["REMOTE_ADDR"] = address
        return self.get_response(request)


class LoadMiddleware:
    """Measure how long answers take, for the alarms of the platform; files do not count."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on, and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        if not request.path.startswith(settings.STATIC_URL):
            is_error = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            note_request(time.perf_counter() - began, is_error=is_error, now=time.time())
        return response


class AdminCSPMiddleware:
    """Give the admin and the OpenAPI page the looser policy that they need.

    The admin theme's Alpine evaluates expressions (unfold#2129) and sets styles, as htmx
    and Swagger do; no page needs a script without nonce. Customer pages keep the strict policy.
    """

    MARKUP_BY_SCRIPTS = {"require-trusted-types-for": None, "trusted-types": None}
    ADMIN_POLICY = {
        "script-src": [SELF, NONCE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        **MARKUP_BY_SCRIPTS,
    }
    DOCS_POLICY = {"style-src": [SELF, UNSAFE_INLINE], **MARKUP_BY_SCRIPTS}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark the answer; django-csp, the next middleware outwards, writes the header."""
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_replace = self.ADMIN_POLICY  # type: ignore[attr-defined]
        elif request.path.startswith("/api/docs"):
            response._csp_replace = self.DOCS_POLICY  # type: ignore[attr-defined]
        return response


class PrivacyMiddleware:
    """Keep answers out of caches unless the view said otherwise, and devices off pages.

    Stands outside the middleware that serves static files, which say how long they may be kept.
    """

    CREDENTIALS = ("Cookie", "Authorization", "X-API-Key")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Complete the headers of the answer."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path.startswith(settings.STATIC_URL):
            return response
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        patch_vary_headers(response, self.CREDENTIALS)
        return response
