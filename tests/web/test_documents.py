"""The commands of the documents are run as they stand there, so that these cannot go stale."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher

from accounts.models import Tenant, User
from tests.browser import conftest as browser
from tests.browser.test_newcomer import code_of
from tests.conftest import Team
from tests.factories import PASSWORD

server, mails = browser.server, browser.mails  # fixtures
DOCUMENT, README = "docs/how-to/sign-in-from-an-app.md", "README.md"
FENCE = re.compile(r"^## (.+?)$|^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def commands(document: str) -> dict[str, list[str]]:
    """Return the curl commands of each section."""
    text = (Path(settings.BASE_DIR) / document).read_text()
    found: dict[str, list[str]] = {}
    section = ""
    for heading, block in FENCE.findall(text):
        section = heading or section
        joined = block.replace("\\\n", " ")
        found.setdefault(section, []).extend(
            line for line in joined.splitlines() if line.startswith("curl")
        )
    return found


COMMANDS = commands(DOCUMENT)
START = "From an app"


class Shell:
    """Runs commands of the document with bash, with the reader's own values put in."""

    def __init__(self, address: str, user: User) -> None:
        self.values = {"HOST": address}
        self.user = user

    def run(self, section: str, number: int = 0, *, code: str = "123456") -> tuple[int, Any]:
        """Return status and JSON of the answer to a command of a section."""
        found = commands(README) if section == START else COMMANDS
        typed = re.sub(r"\w+@anatolia\.example", self.user.email, found[section][number])
        typed = typed.replace("…", PASSWORD).replace("123456", code)
        typed = typed.replace("curl -s", "curl -s -w '\\n%{http_code}'", 1)
        done = subprocess.run(
            ["bash", "-euc", typed], env={"PATH": "/usr/bin:/bin", **self.values},
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        body, _line, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None

    def keep(self, body: dict[str, str]) -> None:
        """Keep the tokens, as the reader does."""
        self.values["ACCESS"], self.values["REFRESH"] = body["access_token"], body["refresh_token"]


@pytest.fixture
def shell(server: str, red: Team, transactional_db: None) -> Iterator[Shell]:
    """A shell of somebody without a second factor."""
    hasher = ScryptPasswordHasher()
    User.objects.filter(pk=red.operator.pk).update(password=hasher.encode(PASSWORD, hasher.salt()))
    red.operator.refresh_from_db()
    return Shell(server, red.operator)


def test_every_command_is_known() -> None:
    """Whoever adds a command adds it to one of the walks below."""
    assert {section: len(found) for section, found in COMMANDS.items() if found} == {
        "First step": 1,
        "Second step": 1,
        "Calls": 1,
        "Refresh": 1,
        "Sign out": 1,
        "Set up a second factor": 3,
        "When the password is asked for again": 2,
        "Where one is signed in": 3,
    }


def test_sign_in_call_refresh_sign_out(shell: Shell) -> None:
    status, body = shell.run("First step")
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 1800)
    shell.keep(body)
    status, me = shell.run("Calls")
    assert (status, me["user"]["email"]) == (200, shell.user.email)

    status, body = shell.run("Refresh")
    assert status == 200
    assert body["refresh_token"] != shell.values["REFRESH"]
    shell.keep(body)
    assert shell.run("Sign out") == (204, None)
    assert shell.run("Calls")[0] == 401


def test_the_first_commands_of_the_readme(shell: Shell) -> None:
    status, body = shell.run(START)
    assert status == 200
    shell.keep(body)
    assert shell.run(START, 1) == (200, {"results": [], "next": None, "previous": None})
    assert len(commands(README)[START]) == 2


def test_second_step_and_password_again(shell: Shell) -> None:
    TOTP.activate(shell.user, SECRET)
    status, body = shell.run("First step")
    assert (status, body["code"]) == (401, "mfa_authenticate")
    shell.values["STEP"] = body["session_token"]
    status, body = shell.run("Second step", code=code_of(SECRET))
    assert status == 200
    shell.keep(body)

    again = "When the password is asked for again"
    assert shell.run(again)[0] == 200
    assert shell.run(again, 1, code=code_of(SECRET, steps=1))[0] == 200


def test_sessions(shell: Shell) -> None:
    others = [shell.run("First step")[1] for _ in range(2)]
    shell.keep(shell.run("First step")[1])
    section = "Where one is signed in"
    status, body = shell.run(section)
    assert (status, len(body["results"])) == (200, 3)
    assert body["results"][0]["is_current"]
    assert body["results"][0]["program"] == "curl"

    shell.values["SESSION"] = str(body["results"][1]["id"])
    assert shell.run(section, 1) == (204, None)
    assert shell.run(section, 2) == (200, {"ended": 1})
    assert shell.run("Calls")[0] == 200
    for other in others:
        shell.keep(other)
        assert shell.run("Calls")[0] == 401


def test_setting_up_a_second_factor(shell: Shell) -> None:
    shell.keep(shell.run("First step")[1])
    Tenant.objects.update(requires_mfa=True)
    assert shell.run("Calls")[1]["code"] == "mfa_required"

    section = "Set up a second factor"
    assert shell.run(section)[0] == 200
    status, body = shell.run(section, 1)
    assert status == 404, "there is none yet"
    secret = body["meta"]["secret"]
    assert shell.run(section, 2, code=code_of(secret))[0] == 200
    assert shell.run("Calls")[0] == 200
