"""S27: a URL chosen by a customer never reaches our own network."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from energy.lib.outbound import (
    OutboundFailed,
    OutboundRefused,
    Request,
    Rules,
    check_url,
    fetch,
    is_public,
)
from tests.pace import assert_within
from tests.security.hostile_urls import HOSTILE_URLS

ANY_SCHEME = Rules(allowed_schemes=("http", "https"), timeout_seconds=2, max_redirects=3)
LOCAL = Rules(
    allowed_schemes=("http",),
    timeout_seconds=2,
    max_bytes=10_000,
    allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),),
)

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "sub.localhost": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "rebind.example": ["10.0.0.5"],
    "two-faces.example": ["93.184.216.34", "10.0.0.5"],
    "six.example": ["fd00::5"],
    "mapped.example": ["::ffff:10.0.0.5"],
    "public.example": ["93.184.216.34"],
}


@pytest.fixture
def connects(monkeypatch) -> list[tuple]:
    """Record every attempt to connect; none succeeds."""
    made: list[tuple] = []

    def connect(self, address):
        made.append(address)
        raise ConnectionRefusedError("spy")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return made


@pytest.fixture
def lookups(monkeypatch) -> list[str]:
    """Resolve names from the table; record the questions."""
    asked: list[str] = []

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        found = NAMES.get(host.rstrip(".").lower())
        if found is None:
            raise socket.gaierror(f"{host} is unknown")
        return [(None, None, None, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_the_corpus_is_large_enough():
    assert len(set(HOSTILE_URLS)) >= 90


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_url_makes_no_connection(url, connects, lookups):
    with pytest.raises((OutboundRefused, OutboundFailed)):
        fetch(url, rules=ANY_SCHEME)

    assert connects == []


@pytest.mark.parametrize("url", [u for u in HOSTILE_URLS if "example" not in u])
def test_what_needs_no_name_server_is_refused_when_it_is_entered(url, lookups):
    if any(name in url.lower() for name in ("localhost", "metadata")):
        pytest.skip("only its address tells")
    with pytest.raises(OutboundRefused):
        check_url(url, ANY_SCHEME)

    assert lookups == []


def test_only_https_is_called_unless_said_otherwise(connects, lookups):
    with pytest.raises(OutboundRefused):
        fetch("http://public.example/")

    assert connects == []


def test_the_connection_goes_to_the_address_that_was_checked(connects, lookups, monkeypatch):
    monkeypatch.setitem(NAMES, "public.example", ["93.184.216.34"])

    with pytest.raises(OutboundFailed):
        fetch("https://public.example/hook")

    assert connects == [("93.184.216.34", 443)]
    assert lookups == ["public.example"]


def test_a_name_that_changes_its_mind_is_asked_once(connects, monkeypatch):
    """DNS rebinding: public when checked, private when used."""
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo",
        lambda host, port, **kwargs: [(None, None, None, "", (next(answers), port))],
    )  # fmt: skip

    with pytest.raises(OutboundFailed):
        fetch("https://rebind.example/", rules=ANY_SCHEME)

    assert connects == [("93.184.216.34", 443)]


def test_proxies_of_the_environment_are_not_used(connects, lookups, monkeypatch):
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")

    with pytest.raises(OutboundFailed):
        fetch("https://public.example/")

    assert connects == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("100.127.255.254", False),
     ("2001:db8::1", False), ("::ffff:8.8.8.8", False), ("3fff::1", False)],
)  # fmt: skip
def test_public_addresses_are_those_of_the_internet(text, expected):
    assert is_public(ipaddress.ip_address(text)) is expected


# --- a real server


class Recorder(BaseHTTPRequestHandler):
    """Answers as the path says and remembers what came."""

    seen: list[tuple[str, str, dict[str, str], bytes]]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        getattr(self, "do_" + self.path.split("/")[1].split("?")[0], self.do_ok)()

    do_GET = do_POST = answer  # noqa: N815

    def do_ok(self) -> None:
        self.say(200, b"fine")

    def do_large(self) -> None:
        self.say(200, b"x" * 20_000)

    def do_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.over.wait(0.01):
            self.wfile.write(b"x" * 1000)

    def do_drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.over.wait(0.2):
            self.wfile.write(b"X")
            self.wfile.flush()

    def do_to(self) -> None:
        self.send_response(int(self.path.split("/")[2]))
        self.send_header("Location", self.server.target)
        self.end_headers()

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def start() -> Iterator[Callable[[], ThreadingHTTPServer]]:
    """Return a function that starts a web server on loopback."""
    servers = []

    def run() -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        server.handle_error = lambda *args: None
        server.daemon_threads = True
        server.seen, server.over, server.target = [], threading.Event(), ""
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        return server

    yield run
    for server in servers:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(start) -> ThreadingHTTPServer:
    return start()


def test_a_server_on_the_list_of_exceptions_is_called(server):
    request = Request("POST", {"Content-Type": "application/json", "X-Signature": "abc"}, b"{}")

    answer = fetch(f"{server.url}/ok?a=ä b".replace(" ", "%20"), request, LOCAL)

    assert (answer.status, answer.body, answer.address) == (200, b"fine", "127.0.0.1")
    method, path, headers, body = server.seen[0]
    assert (method, path, body) == ("POST", "/ok?a=%C3%A4%20b", b"{}")
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"
    assert headers["X-Signature"] == "abc"


def test_without_the_exception_the_same_server_is_not_called(server):
    with pytest.raises(OutboundRefused):
        fetch(f"{server.url}/ok", rules=ANY_SCHEME)

    assert server.seen == []


@pytest.mark.parametrize("path", ["large", "endless"])
def test_a_large_answer_is_cut(server, path):
    with pytest.raises(OutboundFailed, match="larger than 10000"):
        fetch(f"{server.url}/{path}", rules=LOCAL)


def test_a_slow_answer_ends_at_the_deadline(server):
    begun = time.monotonic()

    with pytest.raises(OutboundFailed, match="in 2 seconds"):
        fetch(f"{server.url}/drip", rules=LOCAL)

    assert_within(time.monotonic() - begun, 3)


def test_a_redirect_is_an_answer(server):
    server.target = "http://169.254.169.254/latest/meta-data/"

    answer = fetch(f"{server.url}/to/302", rules=LOCAL)

    assert answer.status == 302
    assert len(server.seen) == 1


FOLLOW = Rules(**{**{name: getattr(LOCAL, name) for name in Rules.__slots__}, "max_redirects": 3})


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/", "http://[::1]/", "//10.0.0.1/", "http://127.1/",
     "file:///etc/passwd", "https://127.0.0.1/", "ftp://127.0.0.1/", "http://2130706433/"],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
def test_each_hop_is_checked(server, target, status):
    server.target = target

    with pytest.raises(OutboundRefused):
        fetch(f"{server.url}/to/{status}", rules=FOLLOW)


def test_an_endless_chain_of_redirects_ends(server):
    server.target = "/to/302"

    with pytest.raises(OutboundFailed, match="More than 3"):
        fetch(f"{server.url}/to/302", rules=FOLLOW)

    assert len(server.seen) == 4


def test_another_host_gets_neither_our_headers_nor_the_body(start):
    first, second = start(), start()
    first.target = f"{second.url}/ok"
    signed = Request("POST", {"Authorization": "Bearer secret"}, b"{}")

    fetch(f"{first.url}/to/302", signed, FOLLOW)
    with pytest.raises(OutboundRefused):
        fetch(f"{first.url}/to/307", signed, FOLLOW)

    assert [(method, body) for method, _, _, body in second.seen] == [("GET", b"")]
    assert "Authorization" not in second.seen[0][2]


@pytest.mark.parametrize(
    "request_",
    [Request(headers={"X-A": "1\r\nX-B: 2"}), Request(headers={"X-A\r\nX-B": "2"}),
     Request(headers={"Host": "evil"}), Request(headers={"Content-Length": "5"}),
     Request(headers={"Transfer-Encoding": "chunked"}), Request(headers={"X-A": "ü"}),
     Request("GET / HTTP/1.1\r\nX: 1\r\n\r\nGET"), Request("CONNECT"), Request("TRACE")],
)  # fmt: skip
def test_nothing_can_be_smuggled_into_a_request(server, request_):
    with pytest.raises(OutboundRefused):
        fetch(f"{server.url}/ok", request_, LOCAL)

    assert server.seen == []


def test_tls_is_verified(server):
    rules = Rules(timeout_seconds=2, allowed_networks=LOCAL.allowed_networks)

    with pytest.raises(OutboundFailed):
        fetch(server.url.replace("http", "https"), rules=rules)
