"""What every way of signing a request has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from accounts.identity import Acting


@dataclass(frozen=True, slots=True)
class Credential:
    """Who a request is from: a User or another principal, and the tenant it acts for."""

    user: Any
    acting: Acting | None


class CredentialRefused(Exception):
    """A credential was sent and is not valid; `code` is for the client, answered with 401."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


# Answers None when the request carries no credential of this kind.
ReadCredential = Callable[[HttpRequest], Credential | None]
