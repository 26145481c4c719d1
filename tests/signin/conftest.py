"""Apps that sign in as somebody."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD


@pytest.fixture(autouse=True)
def no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without failed tries of other tests."""
    monkeypatch.setattr(caches["default"], "key_prefix", f"test:{uuid.uuid4()}")


@dataclass
class App:
    """What an app does with HTTP, without cookies."""

    access: str = ""
    refresh: str = ""

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Send JSON."""
        return Client().post(path, body or {}, content_type="application/json", headers=headers)

    def sign_in(self, user: User, password: str = PASSWORD) -> Any:
        """Sign in and keep the tokens."""
        answer = self.post("/api/v1/auth/login", {"email": user.email, "password": password})
        self.keep(answer)
        return answer

    def keep(self, answer: Any) -> None:
        """Remember the tokens of an answer that has some."""
        if answer.status_code == 200:
            self.access = answer.json()["access_token"]
            self.refresh = answer.json()["refresh_token"]

    def renew(self, token: str = "") -> Any:
        """Send a refresh token."""
        return self.post("/api/v1/auth/refresh", {"refresh_token": token or self.refresh})

    def me(self, token: str = "", **headers: str) -> Any:
        """Ask who one is."""
        bearer = f"Bearer {token or self.access}"
        return Client().get("/api/v1/me", headers={"Authorization": bearer, **headers})


@pytest.fixture
def app() -> App:
    """An app that nobody has signed in to."""
    return App()


@pytest.fixture
def signed_in(app: App, red: Any) -> App:
    """An app of the operator of red."""
    assert app.sign_in(red.operator).status_code == 200
    return app


BACKEND = "django.contrib.auth.backends.ModelBackend"
