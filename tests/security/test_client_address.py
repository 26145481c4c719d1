"""S15: headers about the caller count only when a trusted proxy wrote them."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.limits.policy import network_of
from energy.lib.client_address import client_address, find_client, trusted_networks
from energy.lib.env import InsecureSettings, require_networks
from energy.middleware import ForwardedMiddleware

PROXIES = ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"]


@pytest.fixture
def proxies(settings):
    settings.TRUSTED_PROXIES = PROXIES
    return trusted_networks()


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9, 10.0.0.2", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "127.0.0.1' OR 1=1", "10.0.0.1"),
        ("10.0.0.1", "5.6.7.8, unknown", "10.0.0.1"),
        ("10.0.0.1", "5.6.7.8, ", "10.0.0.1"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", "198.51.100.1", ""),
        ("/run/web.sock", "198.51.100.1", ""),
    ],
)
def test_the_chain_is_followed_as_far_as_it_is_trusted(proxies, peer, forwarded, expected):
    assert find_client(peer, forwarded, proxies) == expected


def test_without_proxies_nobody_is_believed(settings):
    settings.TRUSTED_PROXIES = []
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="1.2.3.4", REMOTE_ADDR="127.0.0.1")

    assert client_address(request) == "127.0.0.1"


def test_a_socket_is_judged_like_a_request(proxies):
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"198.51.100.1"),
               (b"x_forwarded_for", b"7.7.7.7")]  # fmt: skip

    assert client_address({"client": ("10.0.0.1", 1), "headers": headers}) == "198.51.100.1"
    assert client_address({"client": ("9.9.9.9", 1), "headers": headers}) == "9.9.9.9"
    assert client_address({"client": None, "headers": []}) == ""


def forwarded(peer: str, **headers: str):
    """Return the request as views see it."""
    seen = []
    middleware = ForwardedMiddleware(lambda request: seen.append(request) or HttpResponse())
    middleware(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))
    return seen[0]


SPOOFED = {
    "HTTP_X_FORWARDED_FOR": "1.1.1.1", "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_PORT": "443",
    "HTTP_FORWARDED": "for=1.1.1.1;host=evil.example;proto=https",
    "HTTP_X_REAL_IP": "1.1.1.1", "HTTP_X_CLIENT_IP": "1.1.1.1",
    "HTTP_X_ORIGINAL_URL": "/admin/", "HTTP_X_REWRITE_URL": "/admin/",
    "HTTP_TRUE_CLIENT_IP": "1.1.1.1", "HTTP_CF_CONNECTING_IP": "1.1.1.1",
}  # fmt: skip


def test_a_strangers_headers_are_gone_before_anybody_reads_them(proxies, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    request = forwarded("203.0.113.9", **SPOOFED)

    assert request.META["REMOTE_ADDR"] == "203.0.113.9"
    assert not set(SPOOFED) & set(request.META)
    assert not request.is_secure()
    assert request.get_host() == "testserver"


def test_a_trusted_proxys_address_and_scheme_count_and_nothing_else(proxies, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    request = forwarded("10.0.0.1", HTTP_HOST="testserver", **SPOOFED)

    assert request.META["REMOTE_ADDR"] == "1.1.1.1"
    assert request.is_secure()
    assert request.get_host() == "testserver"
    assert "HTTP_X_FORWARDED_HOST" not in request.META


def test_of_several_schemes_the_proxys_own_counts(proxies, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert not forwarded("10.0.0.1", HTTP_X_FORWARDED_PROTO="https, http").is_secure()


def test_the_answer_is_the_same_when_asked_again(proxies):
    request = forwarded("10.0.0.1", HTTP_X_FORWARDED_FOR="1.1.1.1, 10.0.0.3")

    assert client_address(request) == "1.1.1.1"


def test_underscores_do_not_make_a_header():
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"",
        "client": ("10.0.0.1", 1), "server": ("localhost", 80),
        "headers": [(b"host", b"localhost"), (b"x_forwarded_for", b"1.1.1.1"),
                    (b"x_forwarded_proto", b"https"), (b"x_api_key", b"stolen")],
    }  # fmt: skip

    request = ASGIRequest(scope, BytesIO())

    assert not [name for name in request.META if name.startswith("HTTP_X")]


@pytest.mark.parametrize("host", ["evil.example", "*", "localhost.evil.example", "a@b", "a b"])
def test_an_unknown_host_is_refused(client: Client, settings, host):
    settings.ALLOWED_HOSTS = ["localhost"]

    assert client.get("/accounts/login/", headers={"Host": host}).status_code == 400


@pytest.mark.django_db
def test_libraries_see_the_same_address(proxies):
    from allauth.account.adapter import get_adapter
    from axes.helpers import get_client_ip_address
    from ipware import get_client_ip

    request = forwarded("10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 198.51.100.1")
    request.user = AnonymousUser()

    found = {
        get_adapter().get_client_ip(request),
        get_client_ip_address(request),
        get_client_ip(request)[0],
    }
    assert found == {"198.51.100.1"}


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example", "*"])
def test_a_wrong_network_of_proxies_does_not_start(value):
    with pytest.raises(InsecureSettings):
        require_networks("TRUSTED_PROXIES", [value])


def test_a_caller_is_his_ipv4_address_or_his_ipv6_network():
    assert network_of("198.51.100.1") == "198.51.100.1"
    assert network_of("2001:db8:1:2:3::9") == network_of("2001:db8:1:2::1")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("") == "unknown"
