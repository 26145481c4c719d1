"""The page about people in a large organisation."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Invitation, Membership, User
from tests.factories import MembershipFactory

PAGE = "/settings/people"
WEEK = dt.timedelta(days=7)


def hire(team, count: int, start: int = 0) -> None:
    """Add members with names from Person 0000 on."""
    numbers = range(start, start + count)
    people = User.objects.bulk_create(
        User(email=f"p{n:04}@many.example", name=f"Person {n:04}") for n in numbers
    )
    Membership.objects.bulk_create(
        Membership(user=person, tenant=team.tenant, role="viewer") for person in people
    )


def offer(team, count: int) -> None:
    """Invite many."""
    with team.scope():
        Invitation.objects.bulk_create(
            Invitation(
                tenant=team.tenant, email=f"guest{n:04}@many.example", role="viewer",
                token_hash=f"{n:064}", expires_at=timezone.now() + WEEK, invited_by=team.owner,
            )
            for n in range(count)
        )  # fmt: skip


def test_fifty_a_page(red, client_for):
    hire(red, 60)
    browser = client_for(red.owner)
    first, second = (browser.get(f"{PAGE}?page={n}") for n in (1, 2))

    assert len(first.context["members"]) == 50
    assert len(second.context["members"]) == 13
    assert "1 to 50 of 63" in first.content.decode()
    assert 'rel="next" href="?page=2"' in first.content.decode()
    shown = {line.membership.user_id for p in (first, second) for line in p.context["members"]}
    assert len(shown) == 63


def test_invitations_have_pages_of_their_own(red, client_for):
    hire(red, 60)
    offer(red, 70)
    page = client_for(red.owner).get(f"{PAGE}?page=2&invited=2")

    assert len(page.context["members"]) == 13
    assert len(page.context["invitations"]) == 20
    assert 'href="?page=2&amp;invited=1"' in page.content.decode()


@pytest.mark.parametrize("words", ["person 0007", "P0007@MANY", " 0007 "])
def test_search_by_name_or_address(red, blue, client_for, words):
    hire(red, 60)
    MembershipFactory(tenant=blue.tenant, user__name="Person 0007 of blue")
    page = client_for(red.owner).get(PAGE, {"q": words})

    assert [line.membership.user.name for line in page.context["members"]] == ["Person 0007"]


def test_search_in_invitations(red, client_for):
    offer(red, 60)
    page = client_for(red.owner).get(PAGE, {"q": "GUEST0042"})

    assert [offer.email for offer, _role in page.context["invitations"]] == [
        "guest0042@many.example"
    ]
    assert "Nobody of this name is a member." in page.content.decode()


@pytest.mark.parametrize("query", ["page=999", "page=x", "page=-1", "invited=0", "q=%00", "q=%25"])
def test_odd_addresses_show_a_page(red, client_for, query):
    assert client_for(red.owner).get(f"{PAGE}?{query}").status_code == 200


def test_a_small_team_needs_no_search(red, client_for):
    assert 'role="search"' not in client_for(red.owner).get(PAGE).content.decode()


def test_a_change_returns_to_the_same_page(red, client_for):
    hire(red, 60)
    browser = client_for(red.owner)
    line = browser.get(f"{PAGE}?page=2").context["members"][0]
    answer = browser.post(
        f"/settings/people/{line.membership.id}/role?page=2&evil=x", {"role": "operator"}
    )

    assert answer.url == f"{PAGE}?page=2"


def test_questions_do_not_grow_with_a_thousand_members(red, client_for):
    browser = client_for(red.owner)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"{PAGE}?q=example").status_code == 200
        return len(queries)

    hire(red, 5)
    offer(red, 3)
    few = count()
    hire(red, 1000, start=5)
    with red.scope():
        Invitation.objects.all().delete()
    offer(red, 200)
    assert count() == few
