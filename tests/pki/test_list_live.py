"""S23 and F39: certificates that overlap, and a list that ends."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command

from devices import tasks_pki
from devices.models import DeviceCertificate
from devices.pki.authority import key_pem_of
from devices.pki.crl import sign_list
from devices.services.authorities import active_authority, create_authority, open_authority
from devices.services.broker_changes import carry_out_due
from devices.services.certificates import note_certificate_seen, renew_certificate
from devices.services.revocation import revoke_replaced
from devices.services.revocation_list import list_state, publish_if_due, publish_list
from devices.wires.crl_file import ListNotPlaced, place_list, reload_broker
from tests.pki.clients import Refused, request_for
from tests.pki.forge import Files

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def renew(box, folder, now):
    key = ec.generate_private_key(ec.SECP256R1())
    issued = renew_certificate(serial=box.serial, now=now, csr_pem=request_for(key))
    stem = folder / issued.certificate.serial
    stem.with_suffix(".crt").write_text(issued.certificate.pem)
    stem.with_suffix(".key").write_text(key_pem_of(key))
    return issued.certificate, Files(stem.with_suffix(".crt"), stem.with_suffix(".key"))


def test_old_and_new_overlap_until_the_new_one_is_seen(
    red, make_box, connect, soon, tmp_path, django_capture_on_commit_callbacks
):
    box = make_box(red)
    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        new, files = renew(box, tmp_path, soon)
    connect(box).close()  # still good
    client = connect(files)

    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        note_certificate_seen(device=box.device, serial=new.serial, now=soon)
        assert revoke_replaced(now=soon) == 1

    with pytest.raises(Refused):
        connect(box)
    assert not client.disconnected.is_set()  # the box never noticed
    connect(files)


def test_after_the_grace_the_old_one_is_cut_off(
    red, make_box, connect, soon, tmp_path, django_capture_on_commit_callbacks
):
    box = make_box(red)
    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        new, files = renew(box, tmp_path, soon)
    client = connect(box)
    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        DeviceCertificate.objects.filter(id=new.id).update(created_at=soon - 31 * DAY)
        revoke_replaced(now=soon)

    assert client.disconnected.wait(2)
    with pytest.raises(Refused):
        connect(box)
    connect(files)


def test_past_its_end_the_list_refuses_everybody_and_a_fresh_one_heals(
    red, make_box, connect, soon, broker, settings
):
    box = make_box(red)
    client = connect(box)
    old = sign_list(
        open_authority(active_authority()), [], number=1, now=soon - 40 * DAY,
        lifetime=39 * DAY,
    )  # fmt: skip
    place_list(broker.crl_file, old)
    reload_broker(settings.BROKER_RELOAD)

    with pytest.raises(Refused):
        connect(box)
    assert not client.disconnected.is_set()  # sessions live on
    assert list_state().left(soon) < dt.timedelta(0)
    with pytest.raises(CommandError, match="pki_crl"):
        call_command("pki_crl", check=True)

    publish_list(now=soon)

    connect(box)
    call_command("pki_crl", check=True)


def test_the_sweep_signs_a_list_that_is_a_day_old(broker, soon):
    assert not publish_if_due(now=soon + dt.timedelta(hours=22))
    number = active_authority().crl_number

    carry_out_due(now=soon + dt.timedelta(hours=24))

    assert active_authority().crl_number > number
    assert list_state().good_until >= soon + 30 * DAY


def test_readers_never_see_half_a_list(broker, soon):
    before = broker.crl_file.stat()

    publish_list(now=soon)

    after = broker.crl_file.stat()
    assert before.st_ino != after.st_ino  # another file under the same name
    assert after.st_mode & 0o777 == 0o644
    assert [p.name for p in broker.crl_file.parent.glob(".ca.crl.*") if "lock" not in p.name] == []


@pytest.mark.parametrize("how", ["pid:/nowhere.pid", "command:/bin/false", "telephone", "pid:"])
def test_says_when_the_broker_was_not_told(how):
    with pytest.raises(ListNotPlaced):
        reload_broker(how)


def test_a_command_may_tell_the_broker(tmp_path):
    reload_broker(f"command:/usr/bin/touch '{tmp_path}/told me'")

    assert (tmp_path / "told me").exists()


def test_a_folder_that_cannot_be_written_is_an_error_and_nothing_is_noted(broker, soon, settings):
    settings.BROKER_CRL_FILE = "/nowhere/ca.crl"
    number = active_authority().crl_number

    with pytest.raises(ListNotPlaced, match="BROKER_CRL_FILE"):
        publish_list(now=soon)

    assert active_authority().crl_number == number


def test_an_authority_that_takes_over_leaves_the_older_one_its_list(broker, soon, settings):
    before = active_authority()
    create_authority(now=soon, name="Next authority", replace=True)

    publish_list(now=soon)

    blocks = broker.crl_file.read_text().count("BEGIN X509 CRL")
    assert blocks >= 2
    before.refresh_from_db()
    found = x509.load_pem_x509_crl(before.crl_pem.encode())
    assert found.next_update_utc > soon + 29 * DAY


def test_the_periodic_jobs_run(red, make_box, soon):
    make_box(red)

    assert tasks_pki.finish_broker_changes() == 0
    assert tasks_pki.look_after_certificates() == {"replaced": 0, "warned": 0, "list_ends": 0}
    assert tasks_pki.sync_broker_accounts()["added"] == 0
