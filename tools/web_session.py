"""A browser's session, without a browser."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any

LOGIN_PATH = "/accounts/login/"
TIMEOUT_SECONDS = 10


class LoginFailed(RuntimeError):
    """The login page did not accept the password, or has no form."""


class WebSession:
    """Cookies of one person at one server."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._cookies = CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self._cookies)
        self._opener = urllib.request.build_opener(handler)

    def log_in(self, email: str, password: str) -> None:
        """Log in through the form, CSRF token included. Raises: LoginFailed, OSError."""
        _, page = self._open(LOGIN_PATH)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if token is None:
            raise LoginFailed(f"{LOGIN_PATH} has no form with a CSRF token")
        form = {"login": email, "password": password, "csrfmiddlewaretoken": token[1]}
        url, _ = self._open(LOGIN_PATH, urllib.parse.urlencode(form).encode())
        if urllib.parse.urlsplit(url).path == LOGIN_PATH:
            raise LoginFailed(f"{email} was not let in")

    def get_json(self, path: str) -> Any:
        """Return a JSON answer. Raises: OSError: no answer, or not 200."""
        return json.loads(self._open(path)[1])

    def post_json(
        self, path: str, content: Mapping[str, Any], more: Mapping[str, str] | None = None
    ) -> Any:
        """Post an object; return the JSON answer, None without.

        Args: more: headers. Raises: OSError: refused.
        """
        token = next(c.value for c in self._cookies if c.name.endswith("csrftoken"))
        headers = {
            "Content-Type": "application/json", "X-CSRFToken": str(token), **(more or {}),
        }  # fmt: skip
        answer = self._open(path, json.dumps(content).encode(), headers)[1]
        return json.loads(answer) if answer else None

    def cookie_header(self) -> str:
        """Return the cookies as a WebSocket client must send them."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)

    def _open(
        self, path: str, body: bytes | None = None, more: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """Return the address after redirects and the text."""
        headers = {"Referer": self._base + LOGIN_PATH, "Origin": self._base, **(more or {})}
        request = urllib.request.Request(self._base + path, body, headers)
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.url, answer.read().decode(errors="replace")
