"""From which address a request really comes.

Proxies add the address they were called from to X-Forwarded-For; everything left of the
first entry that a trusted proxy wrote is the caller's invention.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: HttpRequest | Mapping[str, Any]) -> str:
    """Return the address of a Django request or an ASGI scope; "" when there is none.

    It is the peer's, unless the peer is one of TRUSTED_PROXIES: then the right-most entry
    of X-Forwarded-For that is no trusted proxy.
    """
    peer, forwarded = _read_request(request)
    return find_client(peer, forwarded, trusted_networks())


def is_trusted_proxy(peer: str) -> bool:
    """Tell whether an address is one of TRUSTED_PROXIES."""
    address = parse_address(peer)
    return address is not None and _is_in(address, trusted_networks())


def find_client(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """Return the right-most address of the chain that no trusted proxy has.

    Args: forwarded: X-Forwarded-For, all its lines joined with commas. An entry that is no
    address ends the search: what stands left of it was not written by a proxy of ours.
    """
    address = parse_address(peer)
    if address is None:
        return ""
    networks = tuple(trusted)
    for entry in reversed(forwarded.split(",")):
        if not _is_in(address, networks):
            break
        before = parse_address(entry)
        if before is None:
            break
        address = before
    return str(address)


def parse_address(text: str) -> Address | None:
    """Read an address, also with a port, in brackets, with a zone, or IPv4 inside IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def trusted_networks() -> tuple[Network, ...]:
    """Return TRUSTED_PROXIES as networks."""
    return _parse_networks(tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=8)
def _parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def _read_request(request: HttpRequest | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(request, HttpRequest):
        meta = request.META
        return meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR", "")
    client = request.get("client") or ("", 0)
    lines = [value for name, value in request["headers"] if name == b"x-forwarded-for"]
    return str(client[0]), b",".join(lines).decode("latin-1")
