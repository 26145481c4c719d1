"""The few HTTP requests of a box."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, and the JSON object; empty for other content."""

    status: int
    content: dict[str, Any]


def open_request(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None,
    authority: str = "",
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:  # fmt: skip
    """Send a request; the caller reads the answer and closes the connection.

    Args: authority: PEM to trust besides what the machine trusts.

    Raises: OSError, http.client.HTTPException.
    """
    parts = urllib.parse.urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if authority:
            context.load_verify_locations(cadata=authority)
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body, dict(headers))
    return connection, connection.getresponse()


def post_json(
    url: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None,
    authority: str = "",
) -> Answer:  # fmt: skip
    """Post an object and return the answer.

    Raises: OSError, http.client.HTTPException.
    """
    sent = {"Content-Type": "application/json", **(headers or {})}
    connection, response = open_request(
        "POST", url, headers=sent, body=json.dumps(body).encode(), authority=authority
    )
    try:
        text = response.read(1_000_000)
    finally:
        connection.close()
    try:
        content = json.loads(text)
    except ValueError:
        content = {}
    return Answer(response.status, content if isinstance(content, dict) else {})
