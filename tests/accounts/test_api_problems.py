"""Errors under /api/, also those that no view makes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from devices import api
from tests.conftest import Team

pytestmark = pytest.mark.django_db

URL = "/api/v1/devices"
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}


@pytest.fixture
def browser(red: Team, client_for: Callable[..., Client]) -> Iterator[Client]:
    client = client_for(red.viewer)
    client.raise_request_exception = False
    return client


def fail(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("secret cause")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/api/v1/nothing", {}, 404, "not_found"),
        ("POST", "/api/v1/nothing", {}, 404, "not_found"),
        ("GET", "/api/", {}, 404, "not_found"),
        ("GET", f"{URL}/{uuid.UUID(int=0)}", {}, 404, "not_found"),
        ("GET", f"{URL}?x=1", {}, 400, "unknown_parameter"),
        ("POST", URL, {}, 403, "permission_denied"),
        ("DELETE", URL, {}, 405, "method_not_allowed"),
        ("TRACE", URL, {}, 405, "method_not_allowed"),
        ("OPTIONS", "/api/v1/telemetry/query?format=csv", {}, 405, "method_not_allowed"),
        ("GET", URL, {"Accept": "text/html"}, 406, "not_acceptable"),
        ("POST", "/api/v1/telemetry/query", {}, 415, "unsupported_media_type"),
    ],
)
def test_every_error_has_the_same_form(
    browser: Client, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = browser.generic(method, path, "x", content_type="text/plain", headers=headers)

    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert set(problem) == MEMBERS
    assert problem["instance"] == path.split("?")[0]
    assert problem["request_id"]


def test_an_error_of_ours_says_nothing_about_its_cause(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "list_devices", fail)

    response = browser.get(URL)

    assert (response.status_code, response.json()["code"]) == (500, "error")
    assert b"secret" not in response.content
    assert response.json()["request_id"]


def test_an_error_before_the_view_is_a_problem_too(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.middleware.find_acting", fail)

    response = browser.get(URL)

    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")


def test_pages_keep_their_own_errors(browser: Client) -> None:
    response = browser.get("/nothing")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_texts_follow_the_language_of_the_request_and_codes_do_not(browser: Client) -> None:
    url = f"{URL}?limit=0"

    english = browser.get(url, headers={"Accept-Language": "en"}).json()
    turkish = browser.get(url, headers={"Accept-Language": "tr"}).json()

    assert english["code"] == turkish["code"] == "invalid_request"
    assert english["errors"][0]["code"] == turkish["errors"][0]["code"]
    assert english["errors"][0]["detail"] != turkish["errors"][0]["detail"]
