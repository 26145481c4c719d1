"""What a box remembers, and who may read it."""

import stat

import pytest

from devices.claim_codes import is_strong, make_code, parse_scanned
from devices.firmware.images import check_head
from devices.firmware.keys import decode_signature, is_signed_by, read_public_key
from devices.firmware.manifest import read_manifest
from devices.simulators.__main__ import faults_of, parse_arguments, setup_of
from devices.simulators.image import make_image, make_vendor_key
from devices.simulators.keys import is_of_key, make_key, signing_request
from devices.simulators.label import show_label
from devices.simulators.memory import Memory
from devices.simulators.settings import BadSettings, check_settings


def test_only_the_owner_reads_it(memory):
    memory.add_offer(code=make_code(), now=1.0)
    show_label(memory, web="https://platform.example", hardware_id="02:aa", code=make_code())

    modes = {stat.S_IMODE(path.stat().st_mode) for path in memory.folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(memory.folder.stat().st_mode) == 0o700


def test_is_the_same_box_after_a_restart(memory):
    again = Memory(memory.folder, model="other", firmware_version="9.9")

    assert again.state == memory.state


def test_finds_the_key_of_an_older_code(memory):
    first = memory.add_offer(code=make_code(), now=1.0)
    second = memory.add_offer(code=make_code(), now=2.0)

    assert first.key_pem != second.key_pem
    assert memory.key_of(self_signed(first.key_pem)) == first.key_pem
    assert memory.key_of(self_signed(make_key())) == ""


def test_codes_hold_enough_chance_and_the_label_says_them(memory):
    code = make_code()
    show_label(memory, web="https://platform.example/", hardware_id="02:aa:00:00:00:01", code=code)

    text = (memory.folder / "claim.txt").read_text()
    scanned = parse_scanned(text)
    assert is_strong(code)
    assert (scanned.hardware_id, scanned.code) == ("02:aa:00:00:00:01", code)
    assert text.startswith("https://platform.example/claim#")
    assert (memory.folder / "claim.svg").read_text().startswith("<?xml")


def test_a_factory_reset_forgets_the_owner(memory):
    memory.state.is_owned, memory.state.revision = True, 7
    hardware_id = memory.state.hardware_id

    memory.forget_owner()

    assert (memory.state.is_owned, memory.state.revision) == (False, 0)
    assert memory.state.hardware_id == hardware_id


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"report_interval_s": 0}, "VALUE_OUT_OF_RANGE"),
        ({"report_interval_s": "5"}, "INVALID_PAYLOAD_FORMAT"),
        ({"link_loss_timeout_s": True}, "INVALID_PAYLOAD_FORMAT"),
        ({"channels": {}}, "INVALID_PAYLOAD_FORMAT"),
        ({"channels": [{"gpio": 6}]}, "INVALID_GPIO_PIN"),
        ({"channels": [{"gpio": 34}]}, "INVALID_GPIO_PIN"),
        ({"channels": [{"gpio": 40}]}, "INVALID_GPIO_PIN"),
        ({"channels": [{"gpio": 5}, {"gpio": 5}]}, "GPIO_CONFLICT"),
    ],
)
def test_refuses_settings_that_the_hardware_cannot_do(settings, code):
    with pytest.raises(BadSettings) as refused:
        check_settings(settings)

    assert refused.value.code == code


def test_takes_settings_that_it_does_not_know():
    check_settings({"report_interval_s": 5, "channels": [{"gpio": 5}], "colour": "red"})


def test_reads_how_it_is_to_misbehave(tmp_path):
    options = parse_arguments(
        ["box", "--state", str(tmp_path), "--web", "http://x", "--lose-acks", "2", "--late", "1.5",
         "--wrong-hash", "--clock-skew", "-30", "--die-at", "hello"]
    )  # fmt: skip

    faults = faults_of(options)

    assert (faults.lose_answers, faults.late_seconds, faults.clock_skew) == (2, 1.5, -30.0)
    assert (faults.has_wrong_hash, faults.die_at) == (True, "hello")
    assert [faults.lose_answer() for _ in range(3)] == [True, True, False]
    assert setup_of(options).model == "relay-board"


def test_makes_a_request_that_the_platform_accepts():
    from devices.pki.csr import read_request

    assert read_request(signing_request(make_key())) is not None


def self_signed(key_pem):
    """Return some certificate for a key."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = serialization.load_pem_private_key(key_pem.encode(), None)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    assert is_of_key(pem, key_pem)
    return pem


def test_makes_images_whose_signature_and_form_hold(tmp_path):
    key = read_public_key(make_vendor_key(tmp_path))

    image = make_image(tmp_path, product="relay-board", version="1.5.0")

    text = image.with_suffix(".json").read_bytes()
    manifest = read_manifest(text)
    signature = decode_signature(image.with_suffix(".sig").read_text())
    assert is_signed_by(key, signature, text)
    assert (manifest.version, manifest.size) == ("1.5.0", image.stat().st_size)
    check_head(image.read_bytes()[:64], image_format="esp32")
    assert read_public_key(make_vendor_key(tmp_path)) == key
