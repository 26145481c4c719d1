"""The one way to call addresses that customers choose, such as webhooks.

A URL may name this machine, a neighbour or a cloud's metadata, in a dozen notations and
by names that resolve differently each time. So a name is resolved once, every address it
has must be public, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_URL_LENGTH = 2000
# Python calls these global: IPv4 inside IPv6 in three ways, relays, clouds' own servers
NEVER_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96",
                 "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "fec0::/10",
                 "5f00::/16", "3fff::/20")
)  # fmt: skip
_FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding",
                   "te", "upgrade", "expect", "proxy-authorization"})  # fmt: skip
_resolvers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="outbound-dns")


class OutboundRefused(Exception):
    """The URL or what it leads to is not allowed; nothing was sent there."""


class OutboundFailed(Exception):
    """The other side did not answer as it should, in time and within bounds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; `address` is where the connection went."""

    url: str
    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """What a call may do. `allowed_networks` are reachable although they are not public."""

    allowed_schemes: Collection[str] = ("https",)
    timeout_seconds: float = 10.0
    max_bytes: int = 1024 * 1024
    max_redirects: int = 0
    allowed_networks: tuple[Network, ...] = ()
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request on its way; redirects replace it."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL that may be called if its addresses are public."""

    scheme: str
    host: str
    port: int
    path: str


def fetch(url: str, request: Request | None = None, rules: Rules | None = None) -> Answer:
    """Call a URL; a redirect is an answer unless the rules allow to follow it.

    Raises:
        OutboundRefused: the URL, a header, an address it resolves to, or a redirect.
        OutboundFailed: no name, no connection, bad TLS, too slow or too large an answer.
    """
    rules = rules or Rules()
    request = request or Request()
    deadline = time.monotonic() + rules.timeout_seconds
    for _hop in range(rules.max_redirects + 1):
        answer = _fetch_once(url, request, rules, deadline)
        location = answer.headers.get("location")
        if answer.status not in REDIRECTS or not location or not rules.max_redirects:
            return answer
        request = _redirected(request, answer.status, url, urljoin(url, location))
        url = urljoin(url, location)
    raise OutboundFailed(f"More than {rules.max_redirects} redirects.")


def check_url(url: str, rules: Rules | None = None) -> None:
    """Refuse a URL that could never be called, without resolving its name.

    Raises:
        OutboundRefused: says what is wrong with it.
    """
    rules = rules or Rules()
    target = _parse(url, rules)
    address = _literal(target.host)
    if address is not None:
        _refuse_unless_public(address, rules)


def is_public(address: Address) -> bool:
    """Tell whether an address is a normal one on the internet."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return False
    if any(address.version == net.version and address in net for net in NEVER_PUBLIC):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _fetch_once(url: str, request: Request, rules: Rules, deadline: float) -> Answer:
    target = _parse(url, rules)
    _check_request(request)
    addresses = _resolve(target, rules, deadline)
    connection, address = _connect(addresses, target, deadline)
    layers = [connection]
    # a timeout of the socket would start anew with each byte of a slow answer
    watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [layers])
    watchdog.start()
    try:
        if target.scheme == "https":
            _begin_tls(layers, target, rules)
        answer = _exchange(layers[-1], target, request, rules, Answer(url, address, 0, {}, b""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() < deadline:
            raise OutboundFailed(f"{type(error).__name__}: {error}") from error
    finally:
        watchdog.cancel()
        layers[-1].close()
    if time.monotonic() >= deadline:  # an answer that was cut may look complete
        raise OutboundFailed(f"No answer in {rules.timeout_seconds:g} seconds.")
    return answer


def _begin_tls(layers: list[socket.socket], target: _Target, rules: Rules) -> None:
    context = rules.tls or ssl.create_default_context()
    name = target.host.rstrip(".")
    layers.append(
        context.wrap_socket(layers[0], server_hostname=name, do_handshake_on_connect=False)
    )
    layers[-1].do_handshake()  # type: ignore[attr-defined]


def _exchange(
    connection: socket.socket, target: _Target, request: Request, rules: Rules, blank: Answer
) -> Answer:
    client = http.client.HTTPConnection(target.host, target.port)
    client.auto_open = 0  # a second connection would resolve the name again
    client.default_port = DEFAULT_PORTS[target.scheme]  # type: ignore[misc]
    client.sock = connection
    headers = {"Accept-Encoding": "identity", "Connection": "close", **request.headers}
    client.request(request.method, target.path, body=request.body, headers=headers)
    with client.getresponse() as response:
        body = response.read(rules.max_bytes + 1)
        if len(body) > rules.max_bytes:
            raise OutboundFailed(f"The answer is larger than {rules.max_bytes} bytes.")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(blank.url, blank.address, response.status, found, body)


def _parse(url: str, rules: Rules) -> _Target:
    if len(url) > MAX_URL_LENGTH or _FORBIDDEN_IN_URL.search(url):
        raise OutboundRefused("The URL is too long or has characters that no URL has.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutboundRefused(f"The URL cannot be read: {error}.") from error
    if parts.scheme not in rules.allowed_schemes or parts.scheme not in DEFAULT_PORTS:
        raise OutboundRefused(f"Only {', '.join(rules.allowed_schemes)} is allowed.")
    if "@" in parts.netloc:
        raise OutboundRefused("A URL with a user name or a password is not allowed.")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in DEFAULT_PORTS.values() and port < 1024:
        raise OutboundRefused(f"Port {port} is not allowed.")
    return _Target(parts.scheme, _read_host(parts), port, _path(parts))


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else path


def _read_host(parts: SplitResult) -> str:
    """Return the host as it will be resolved: ASCII, lower case, one of few notations."""
    if "[" in parts.netloc:
        text = parts.netloc[1:].partition("]")[0]
        try:
            return str(ipaddress.IPv6Address(text))
        except ValueError as error:
            raise OutboundRefused(f"[{text}] is not an address.") from error
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise OutboundRefused("The host name is not valid.") from error
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise OutboundRefused("The host name is not valid.")
    last = host.rstrip(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last) and _literal(host) is None:
        # 127.1, 0x7f.1, 017700000001: resolvers read these as addresses
        raise OutboundRefused(f"{host} is an address in an unusual notation.")
    return host


def _literal(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if getattr(address, "scope_id", None):
        raise OutboundRefused("An address with a zone is not allowed.")
    return address


def _resolve(target: _Target, rules: Rules, deadline: float) -> list[Address]:
    """Return the addresses of a host, all of them allowed; the only time it is resolved."""
    literal = _literal(target.host)
    found = [literal] if literal else _look_up(target, deadline)
    for address in found:
        _refuse_unless_public(address, rules)
    return found


def _look_up(target: _Target, deadline: float) -> list[Address]:
    pending = _resolvers.submit(
        socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM
    )
    try:
        answers: Any = pending.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError as error:
        raise OutboundFailed(f"{target.host} was not resolved in time.") from error
    except (OSError, UnicodeError) as error:
        raise OutboundFailed(f"{target.host} cannot be resolved.") from error
    found = [ipaddress.ip_address(answer[4][0].partition("%")[0]) for answer in answers]
    if not found:
        raise OutboundFailed(f"{target.host} has no address.")
    return list(dict.fromkeys(found))


def _refuse_unless_public(address: Address, rules: Rules) -> None:
    for network in rules.allowed_networks:
        if address.version == network.version and address in network:
            return
    if not is_public(address):
        raise OutboundRefused(f"{address} is not a public address.")


def _connect(
    addresses: list[Address], target: _Target, deadline: float
) -> tuple[socket.socket, str]:
    failure: OSError | None = None
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            connection.connect((str(address), target.port))
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection, str(address)
    raise OutboundFailed(f"No connection to {target.host}: {failure}") from failure


def _cut(layers: list[socket.socket]) -> None:
    try:
        layers[-1].shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _check_request(request: Request) -> None:
    if request.method not in METHODS:
        raise OutboundRefused(f"The method {request.method!r} is not allowed.")
    for name, value in request.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name.lower() in _OURS:
            raise OutboundRefused(f"The header {name!r} is not allowed.")
        if not value.isascii() or not value.isprintable():
            raise OutboundRefused(f"The header {name} has characters that no header has.")


def _redirected(request: Request, status: int, old: str, new: str) -> Request:
    """Return the request to repeat elsewhere; another origin gets no headers of ours."""
    same = urlsplit(old)[:2] == urlsplit(new)[:2]
    headers = request.headers if same else {}
    if status in {307, 308}:
        if not same and request.body is not None:
            raise OutboundRefused("A redirect would send the body to another host.")
        return Request(request.method, headers, request.body)
    return Request("HEAD" if request.method == "HEAD" else "GET", headers, None)
