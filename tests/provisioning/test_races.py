"""What may happen once happens once, however many ask at the same instant."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Device, DeviceCertificate, PendingDevice
from devices.services.claim_delivery import take_credentials
from devices.services.onboarding import create_token, use_token
from devices.services.transfer import accept_transfer, offer_transfer
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory, SiteFactory, TenantFactory
from tests.provisioning.conftest import Box
from tests.provisioning.test_claims import claim

RACERS = 20
pytestmark = pytest.mark.django_db(transaction=True)


def race(run: Callable[[int], object]) -> list[str]:
    """Run twenty at once; return what each came to, sorted."""
    results: list[str] = []
    gate = threading.Barrier(RACERS)

    def one(number: int) -> None:
        gate.wait()
        try:
            results.append(str(run(number) or "won"))
        except Refusal as refusal:
            results.append(refusal.code)
        except Exception as error:  # noqa: BLE001 (shown by the assertion)
            results.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def test_one_key_for_one_claim(red: Team, box: Box) -> None:
    box.say_hello(with_csr=False)
    claim(red, box)

    def fetch(_number: int) -> str:
        identity = take_credentials(hardware_id=box.mac, code=box.code, csr="", now=NOW)
        return "key" if identity.key_pem else "none"

    assert race(fetch) == ["credentials_taken"] * (RACERS - 1) + ["key"]
    with all_tenants():
        assert DeviceCertificate.objects.count() == 1


def test_one_identity_for_one_token(red: Team, authority: None) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    with red.scope():
        text = create_token(device_id=device.id, now=NOW).text

    def onboard(number: int) -> None:
        use_token(text=text, csr="", guesser=[f"race:{number}"], now=NOW)

    assert race(onboard) == ["token_refused"] * (RACERS - 1) + ["won"]


def test_one_receiver_for_one_offer(red: Team, authority: None) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    sites = [SiteFactory(tenant=TenantFactory()) for _number in range(RACERS)]
    with red.scope():
        code = offer_transfer(device_id=device.id, offered_by=None, now=NOW).code

    def accept(number: int) -> None:
        site = sites[number]
        with tenant_scope(site.tenant_id):
            accept_transfer(code=code, site=site, name="x", guesser=[f"race:{number}"], now=NOW)

    assert race(accept) == ["transfer_refused"] * (RACERS - 1) + ["won"]
    with all_tenants():
        assert Device.objects.exclude(lifecycle="decommissioned").count() == 1


def test_many_hellos_of_one_box_make_one_box(authority: None) -> None:
    box = Box()
    assert race(lambda _number: box.say_hello() and None) == ["won"] * RACERS
    assert PendingDevice.objects.count() == 1
