"""The authority's certificate and the list of revoked ones, for everybody who trusts it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import quote_etag
from django.views.decorators.http import condition, require_safe

from devices.models import CertificateAuthority
from devices.pki.crl import to_der
from devices.queries_certificates import trusted_authorities

_CACHED = "public, max-age=300"


def _etag(request: HttpRequest) -> str | None:
    rows = trusted_authorities()
    return quote_etag("-".join(f"{row.id}.{row.crl_number}" for row in rows)) if rows else None


@require_safe
@condition(etag_func=_etag)
def revocation_list(request: HttpRequest) -> HttpResponse:
    """Return the list of the active authority (DER, as RFC 5280 wants it)."""
    content = to_der(_authorities()[0].crl_pem)
    return _answer(content, "application/pkix-crl")


@require_safe
@condition(etag_func=_etag)
def revocation_lists_pem(request: HttpRequest) -> HttpResponse:
    """Return the lists of all authorities that are trusted, as mosquitto's `crlfile`."""
    return _answer("".join(row.crl_pem for row in _authorities()), "application/x-pem-file")


@require_safe
@condition(etag_func=_etag)
def authority_certificate(request: HttpRequest) -> HttpResponse:
    """Return the certificates of all authorities that are trusted, as `cafile`."""
    content = "".join(row.certificate_pem for row in _authorities())
    return _answer(content, "application/x-pem-file")


def _authorities() -> list[CertificateAuthority]:
    rows = trusted_authorities()
    if not rows:
        raise Http404
    return rows


def _answer(content: bytes | str, content_type: str) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": _CACHED})
