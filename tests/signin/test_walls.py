"""Each person's list of sign-ins holds their own only."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from accounts.queries.sessions import list_sign_ins
from tests.conftest import Team
from tests.factories import PASSWORD


def test_the_list_of_sign_ins_is_ones_own(red: Team, blue: Team) -> None:
    for person in (red.operator, red.owner, blue.owner):
        fields = {"login": person.email, "password": PASSWORD}
        assert Client().post("/accounts/login/", fields).status_code == 302

    for person in (red.operator, blue.owner):
        assert len(list_sign_ins(person, current_key="", now=timezone.now())) == 1
