"""Jobs and commands: each is classified, and one for a tenant leaves the others alone."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
from celery import shared_task
from django.core.management import CommandError, call_command

from accounts.tasks import TenantTask
from accounts.tenancy import TenantScopeMissing
from devices.models import Device
from tests.isolation import state
from tests.isolation.background import (
    SYSTEM_COMMANDS,
    SYSTEM_TASKS,
    TENANT_COMMANDS,
    TENANT_TASKS,
    own_commands,
    own_tasks,
)
from tests.isolation.outlets import found_in

pytestmark = pytest.mark.django_db
WHERE = "tests/isolation/background.py"


def test_every_task_is_classified():
    unknown = sorted(set(own_tasks()) - set(SYSTEM_TASKS) - set(TENANT_TASKS))
    gone = sorted((set(SYSTEM_TASKS) | set(TENANT_TASKS)) - set(own_tasks()))

    assert unknown == [], (
        f"Add to {WHERE}: a job for one tenant to TENANT_TASKS, "
        f'"{unknown[0]}": lambda world: {{"tenant_id": str(world.tenant.id), …}}, '
        f'one for the platform to SYSTEM_TASKS, "{unknown[0]}": "<why it needs no tenant>",'
    )
    assert gone == [], f"Take these out of {WHERE}."


def test_jobs_of_a_tenant_enter_its_scope_and_others_do_not():
    tasks = own_tasks()
    scoped = {name for name, task in tasks.items() if isinstance(task, TenantTask)}

    assert scoped == set(TENANT_TASKS), f"TENANT_TASKS of {WHERE} lists exactly base=TenantTask."


@shared_task(base=TenantTask, name="probe.rename_devices")
def rename_devices(**kwargs: Any) -> int:
    """Change every device that can be seen."""
    return Device.objects.update(name="renamed")


@pytest.mark.parametrize("name", [*sorted(TENANT_TASKS), "probe.rename_devices"])
def test_a_job_of_a_tenant_leaves_the_other_alone(name, worlds, ear):
    a, b = worlds
    task = own_tasks().get(name, rename_devices)
    arguments = TENANT_TASKS.get(name, lambda world: {"tenant_id": str(world.tenant.id)})
    before = state.fingerprint(b.tenant.id)
    said = repr(task(**arguments(a))).encode() + ear.take()

    assert state.changed(before, state.fingerprint(b.tenant.id)) == []
    assert found_in(said, b.canaries) == []
    with pytest.raises(TenantScopeMissing):
        task(**{k: v for k, v in arguments(a).items() if k != "tenant_id"})


def test_every_command_is_classified():
    unknown = sorted(own_commands() - set(SYSTEM_COMMANDS) - set(TENANT_COMMANDS))
    gone = sorted((set(SYSTEM_COMMANDS) | set(TENANT_COMMANDS)) - own_commands())

    assert unknown == [], (
        f"Add to {WHERE}: a command that takes a tenant to TENANT_COMMANDS, "
        f'"{unknown[0]}": lambda world: [world.tenant.slug, …], '
        f'any other to SYSTEM_COMMANDS, "{unknown[0]}": "<why it needs no tenant>",'
    )
    assert gone == [], f"Take these out of {WHERE}."


@pytest.mark.parametrize("name", sorted(TENANT_COMMANDS))
def test_a_command_for_a_tenant_leaves_the_other_alone(name, worlds, ear, redis):
    a, b = worlds
    before = state.fingerprint(b.tenant.id)
    out = io.StringIO()
    call_command(name, *TENANT_COMMANDS[name](a), stdout=out, stderr=out)

    assert state.changed(before, state.fingerprint(b.tenant.id)) == []
    assert found_in(out.getvalue().encode() + ear.take(), b.canaries) == []


@pytest.mark.parametrize("name", ["fleet_import", "emergency_stop", "tenant_suspend"])
def test_a_command_for_a_tenant_does_something_there(name, worlds, redis):
    a, _b = worlds
    before = state.fingerprint(a.tenant.id), a.tenant.is_active

    call_command(name, *TENANT_COMMANDS[name](a), stdout=io.StringIO(), stderr=io.StringIO())

    a.tenant.refresh_from_db()
    assert (state.fingerprint(a.tenant.id), a.tenant.is_active) != before


@pytest.mark.parametrize("name", sorted(TENANT_COMMANDS))
@pytest.mark.parametrize("wrong", ["no-such-tenant", "harbour", "%"])
def test_a_command_for_an_unknown_tenant_does_nothing(name, wrong, worlds, ear):
    a, b = worlds
    before, out = state.fingerprint(), io.StringIO()
    arguments = [wrong if text == a.tenant.slug else text for text in TENANT_COMMANDS[name](a)]

    with contextlib.suppress(CommandError):  # or an empty list
        call_command(name, *arguments, stdout=out, stderr=out)

    assert state.changed(before, state.fingerprint()) == []
    assert found_in(out.getvalue().encode() + ear.take(), (*a.canaries, *b.canaries)) == []
