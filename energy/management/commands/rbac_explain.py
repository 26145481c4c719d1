"""Say why somebody may do something, or not."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model

from accounts.models import Tenant, User
from accounts.queries.explain import explain
from accounts.tenancy import all_tenants


class Command(BaseCommand):
    """Print the reasons behind a permission."""

    help = (
        "Say why a person may do something: rbac_explain ayse@example.com control:device "
        "devices.Device:<uuid>. Without an object name the organisation with --tenant SLUG."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("user", help="E-mail address.")
        parser.add_argument("permission", help="Such as control:device.")
        parser.add_argument("object", nargs="?", help="Such as devices.Device:<uuid>.")
        parser.add_argument("--tenant", help="Short name of the organisation; without object.")

    def handle(
        self,
        *,
        user: str,
        permission: str,
        object: str | None = None,
        tenant: str | None = None,
        **options: Any,
    ) -> None:
        """Print the answer and its reasons."""
        person = User.objects.filter(email__iexact=user).first()
        if person is None:
            raise CommandError(f"There is no account {user}.")
        with all_tenants():  # the object names its tenant
            found = _find_object(object) if object else None
        owner = Tenant.objects.filter(slug=tenant).first() if tenant else None
        if found is None and owner is None:
            raise CommandError("Name an object, or an organisation with --tenant SLUG.")
        try:
            answer = explain(user=person, permission=permission, tenant=owner, obj=found)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{'ALLOWED' if answer.allowed else 'NOT ALLOWED'}: {permission}")
        for step in answer.steps:
            self.stdout.write(f"  {'+' if step.grants else '-'} {step.text}")


def _find_object(text: str) -> Model:
    label, _colon, key = text.partition(":")
    try:
        model = apps.get_model(label)
        found = model._default_manager.filter(pk=key).first()
    except (LookupError, ValueError, ValidationError) as error:
        raise CommandError(f"{text} names no object: use app.Model:id.") from error
    if found is None:
        raise CommandError(f"There is no {label} {key}.")
    return found
