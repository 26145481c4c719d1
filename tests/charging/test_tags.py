"""Which tags may charge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from charging.services import refusals
from charging.services.control import start_charging, stop_charging
from tests.charging.places import Place, at
from tests.conftest import Team
from tests.factories import ChargingSessionFactory, IdTagFactory, SiteFactory

pytestmark = pytest.mark.django_db


def start(place: Place, uid: str) -> None:
    place.go(1, 2, 3)
    with place.red.scope():
        start_charging(
            actor=place.red.operator, connector=place.fresh(), idempotency_key="a", now=at(3),
            tag_uid=uid,
        )  # fmt: skip


def test_a_known_tag_charges_whatever_its_case(place: Place) -> None:
    tag = IdTagFactory(tenant=place.red.tenant, uid="04AB")

    start(place, " 04ab ")

    assert [one.id_tag for one in place.sessions()] == [tag]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"is_blocked": True}, refusals.TagBlocked),
        ({"valid_from": at(4)}, refusals.TagNotValid),
        ({"valid_until": at(3)}, refusals.TagNotValid),
        ({"kwh_quota": Decimal(0)}, refusals.TagUsedUp),
    ],
)
def test_tags_that_may_not(
    place: Place, fields: dict[str, Any], refusal: type[refusals.BadTag]
) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB", **fields)

    with pytest.raises(refusal):
        start(place, "AB")
    assert place.sessions() == []


def test_an_unknown_tag_and_one_of_another_tenant_are_the_same(place: Place, blue: Team) -> None:
    IdTagFactory(tenant=blue.tenant, uid="AB")

    with pytest.raises(refusals.BadTag) as caught:
        start(place, "AB")

    assert caught.value.code == "tag_unknown"


def test_a_tag_of_one_site_is_for_no_other(place: Place) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB", site=SiteFactory(tenant=place.red.tenant))

    with pytest.raises(refusals.TagElsewhere):
        start(place, "AB")


def test_a_tag_charges_so_often_at_once_as_it_may(place: Place) -> None:
    tag = IdTagFactory(tenant=place.red.tenant, uid="AB")
    ChargingSessionFactory(tenant=place.red.tenant, id_tag=tag, state="charging")

    with pytest.raises(refusals.TagBusy):
        start(place, "AB")


def test_the_quota_is_that_of_the_month_of_the_site(place: Place) -> None:
    tag = IdTagFactory(tenant=place.red.tenant, uid="AB", kwh_quota=Decimal(10))
    month = at(0).replace(day=1, hour=0) - (at(0) - at(-3 * 3600))  # midnight in Istanbul
    past = {"id_tag": tag, "state": "ended", "tenant": place.red.tenant}
    ChargingSessionFactory(
        started_at=month - (at(1) - at(0)), ended_at=month, energy_kwh=99, **past
    )
    ChargingSessionFactory(started_at=month, ended_at=month, energy_kwh="9.9", **past)

    start(place, "AB")
    assert [one.state for one in place.sessions()][-1] == "authorised"
    ChargingSessionFactory(started_at=month, ended_at=month, energy_kwh="0.1", **past)

    place.go(1, 2, 3, start=100)
    with pytest.raises(refusals.TagUsedUp), place.red.scope():
        start_charging(
            actor=place.red.operator, connector=place.fresh(), idempotency_key="b", now=at(103),
            tag_uid="AB",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "may"), [(("family", "family"), True), (("a", "b"), False), (("", ""), False)]
)
def test_only_its_group_may_end_the_session_of_a_tag(
    place: Place, groups: tuple[str, str], may: bool
) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB", group=groups[0])
    IdTagFactory(tenant=place.red.tenant, uid="CD", group=groups[1])
    start(place, "AB")
    place.go(4, 5, start=4)
    order = {
        "actor": place.red.operator, "connector": place.fresh(), "now": at(6), "tag_uid": "cd",
        "idempotency_key": "s",
    }  # fmt: skip

    with place.red.scope():
        if may:
            assert stop_charging(**order).command.name == "charge_stop"  # type: ignore[arg-type]
        else:
            with pytest.raises(refusals.OtherTag):
                stop_charging(**order)  # type: ignore[arg-type]
