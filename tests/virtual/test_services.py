"""Making, changing and removing virtual channels."""

import pytest

from accounts.models import AuditEvent
from devices.models import Channel
from telemetry.models import VirtualChannel, VirtualInput
from telemetry.services.virtual import (
    VirtualRefused,
    Wanted,
    change_virtual_channel,
    create_virtual_channel,
    remove_virtual_channel,
)
from tests.conftest import Team
from tests.factories import NOW, ChannelFactory, DeviceFactory


@pytest.fixture
def site(red: Team):
    """Return a function that gives the channel of a name; a, b in kW, e in kWh, x abroad."""
    device = DeviceFactory(tenant=red.tenant)
    channels = {
        name: ChannelFactory(device=device, name=name, source=name, unit=unit, source_unit=unit)
        for name, unit in (("a", "kW"), ("b", "kW"), ("e", "kWh"))
    }
    return device, channels


def make(red, site, formula="a + b", names=("a", "b"), **fields):
    device, channels = site
    how = {key: fields.pop(key) for key in ("alignment", "tolerance_seconds") if key in fields}
    inputs = {name: channels[name].id for name in names}
    with red.scope():
        made = create_virtual_channel(
            device_id=device.id, name=fields.pop("name", "total"), unit=fields.pop("unit", "kW"),
            wanted=Wanted(formula, inputs, **how), now=NOW, **fields,
        )  # fmt: skip
    channels[made.channel.name] = made.channel
    return made


def change(red, made, formula, inputs):
    wanted = Wanted(formula, {name: channel.id for name, channel in inputs.items()})
    with red.scope():
        return change_virtual_channel(virtual_id=made.id, wanted=wanted, now=NOW)


def test_it_is_made_with_its_channel_and_audited(red, site):
    made = make(red, site)
    assert (made.channel.source, made.channel.unit) == ("virtual:total", "kW")
    assert made.needs_build
    with red.scope():
        assert set(made.inputs.values_list("name", flat=True)) == {"a", "b"}
    event = AuditEvent.objects.get(action="virtual_channel.created")
    assert event.detail["formula"] == "a + b"


@pytest.mark.parametrize(
    ("formula", "names", "fields", "code"),
    [
        ("a + e", ("a", "e"), {}, "units_do_not_fit"),
        ("a +", ("a",), {}, "bad_formula"),
        ("a", ("a", "b"), {}, "unused_input"),
        ("a + c", ("a",), {}, "unknown_name"),
        ("a", ("a",), {"name": "a"}, "name_taken"),
        ("a", ("a",), {"name": "Not good"}, "invalid"),
        ("a", ("a",), {"alignment": "hourly"}, "invalid_choice"),
        ("a", ("a",), {"tolerance_seconds": 0}, "out_of_range"),
        ("a", ("a",), {"kind": "odd"}, "invalid"),
    ],
)
def test_what_is_refused(red, site, formula, names, fields, code):
    with pytest.raises(VirtualRefused) as refused:
        make(red, site, formula, names, **fields)
    assert refused.value.code == code
    with red.scope():
        assert not VirtualChannel.objects.exists()


def test_names_and_channels_must_be_good(red, site, blue):
    device, channels = site
    foreign = ChannelFactory(device=DeviceFactory(tenant=blue.tenant))
    for inputs, code in (
        ({"if": channels["a"].id}, "bad_name"),
        ({"A": channels["a"].id}, "bad_name"),
        ({"a": foreign.id}, "unknown_channel"),
    ):
        with red.scope(), pytest.raises(VirtualRefused) as refused:
            create_virtual_channel(
                device_id=device.id, name="total", unit="kW", wanted=Wanted("a", inputs), now=NOW
            )
        assert refused.value.code == code


def test_circles_are_refused(red, site):
    _device, channels = site
    first = make(red, site, "a * 1", ("a",), name="first")
    make(red, site, "first * 1", ("first",), name="second")
    third = make(red, site, "second * 1", ("second",), name="third")
    for inputs in ({"x": channels["third"]}, {"x": channels["first"]}, {"x": channels["second"]}):
        with pytest.raises(VirtualRefused) as refused:
            change(red, first, "x * 1", inputs)
        assert refused.value.code == "circle"
    assert change(red, third, "x * 1", {"x": channels["a"]}).revision == 2


def test_a_long_chain_is_refused(red, site):
    below = "a"
    for number in range(8):
        make(red, site, f"{below} * 1", (below,), name=f"v{number}")
        below = f"v{number}"
    with pytest.raises(VirtualRefused) as refused:
        make(red, site, f"{below} * 1", (below,), name="v9")
    assert refused.value.code == "too_deep"


def test_a_change_asks_for_all_history_again(red, site):
    made = make(red, site)
    with red.scope():
        VirtualChannel.objects.update(needs_build=False)
    _device, channels = site
    change(red, made, "b * 2", {"b": channels["b"]})
    with red.scope():
        found = VirtualChannel.objects.get()
        assert (found.needs_build, found.revision, found.formula) == (True, 2, "b * 2")
        assert list(VirtualInput.objects.values_list("name", flat=True)) == ["b"]


def test_removal(red, site):
    made = make(red, site)
    make(red, site, "total * 1", ("total",), name="second")
    with red.scope():
        with pytest.raises(VirtualRefused):
            remove_virtual_channel(virtual_id=made.id, now=NOW)
        second = VirtualChannel.objects.get(channel__name="second")
        remove_virtual_channel(virtual_id=second.id, now=NOW)
        remove_virtual_channel(virtual_id=made.id, now=NOW)
        assert not Channel.objects.filter(name__in=["total", "second"]).exists()
