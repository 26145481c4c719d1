"""Where buses and lines over TCP may be: every address of a name must lie in WIRE_NETWORKS.

The connection goes to an address that was looked at here, so that a name cannot lead
elsewhere a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(ValueError):
    """Nothing was sent: the name does not exist, or an address of it is not allowed."""


def addresses_of(host: str, port: int) -> list[str]:
    """Resolve a name or an address once; blocks while the name is looked up.

    Raises: AddressRefused: says which address, or that there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"{host} cannot be resolved.") from error
    # of IPv6 without its zone: link-local addresses are of no use here
    texts = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for text in texts:
        check_address(text)
    return texts


def check_address(text: str, *, networks: Iterable[str] | None = None) -> None:
    """Refuse an address that lies outside the networks; by default those of the settings.

    Raises: AddressRefused.
    """
    try:
        address = _plain(ipaddress.ip_address(text))
    except ValueError as error:
        raise AddressRefused(f"{text} is not an address.") from error
    for network in map(
        ipaddress.ip_network, settings.WIRE_NETWORKS if networks is None else networks
    ):
        if address.version == network.version and address in network:
            return
    raise AddressRefused(f"{text} is not in WIRE_NETWORKS.")


def _plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one: ::ffff:127.0.0.1 is 127.0.0.1."""
    return getattr(address, "ipv4_mapped", None) or address
