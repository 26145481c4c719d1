"""Types of device: from files, copied, checked."""

import pytest
from django.core.exceptions import ValidationError

from devices.builtin_profiles import BadProfileFile, builtin_profiles, read_profile
from devices.canonical import lookup
from devices.command_schema import read_commands
from devices.models import DeviceProfile
from devices.parameters import check_parameters
from devices.services.profiles import (
    check_profile,
    copy_profile,
    ensure_profile,
    sync_profiles,
)


@pytest.mark.parametrize("key", sorted(builtin_profiles()))
def test_every_file_can_be_understood(key):
    profile = builtin_profiles()[key]

    check_parameters(profile.parameters)
    assert set(read_commands(profile.commands)) == {c["name"] for c in profile.commands}
    assert all(lookup(metric) or metric for metric in profile.metrics)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("key: x\nname: 1\n", "name"),
        ("key: x\nname: X\ncolour: red\n", "colour"),
        ("key: other\nname: X\n", "key"),
        ("key: [", "x.yaml"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, named):
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(BadProfileFile) as error:
        read_profile(path)

    assert "x.yaml" in str(error.value)
    assert named in str(error.value)


@pytest.mark.django_db
def test_all_are_saved_once():
    first, again = sync_profiles(), sync_profiles()

    assert [p.id for p in first] == [p.id for p in again]
    assert all(profile.is_builtin for profile in again)


@pytest.mark.django_db
def test_a_newer_file_renews_the_profile():
    profile = ensure_profile(key="relay-board")
    DeviceProfile.objects.filter(id=profile.id).update(version=0, commands=[], name="Old")

    again = ensure_profile(key="relay-board")

    assert (again.name, again.version, len(again.commands)) == ("Relay board, four channels", 1, 4)


@pytest.mark.django_db
def test_a_copy_is_ones_own():
    original = ensure_profile(key="relay-board")

    first, second = copy_profile(profile=original), copy_profile(profile=original)

    assert (first.key, second.key) == ("relay-board-copy", "relay-board-copy-2")
    assert first.commands == original.commands
    assert first.channels.count() == original.channels.count() == 3
    assert not first.is_builtin


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("commands", [{"label": "no name"}]),
        ("commands", {"name": "no list"}),
        ("parameters", [{"label": "no name"}]),
        ("parameters", [{"name": "a"}, {"name": "a"}]),
        ("parameters", [{"name": "a", "type": "colour"}]),
        ("parameters", [{"name": "a", "type": "choice"}]),
        ("parameters", [{"name": "a", "smallest": 1}]),
        ("parameters", [{"name": "a", "type": "list", "fields": 1}]),
    ],
)
def test_nonsense_is_refused_by_field(field, value):
    with pytest.raises(ValidationError) as error:
        check_profile(DeviceProfile(**{field: value}))

    assert list(error.value.message_dict) == [field]
