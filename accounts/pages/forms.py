"""Forms of the pages about people and roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.queries.roles import RoleChoice, permission_groups, role_choices
from accounts.rbac.registry import CODES


class InviteForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, codes: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles: Any = self.fields["role"]
        roles.choices = [(c.value, c.name) for c in givable(role_choices(), codes)]


class NewPersonForm(forms.Form):
    """Name and password of somebody who accepts an invitation."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least eight characters. A sentence is easy to remember."),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        """Check the strength against the person's own data."""
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return password


class RoleForm(forms.Form):
    """A role of the tenant; the permissions are drawn by the page, in groups."""

    name = forms.CharField(label=_("Name"), max_length=60)
    description = forms.CharField(
        label=_("Description"),
        max_length=200,
        required=False,
        help_text=_("Who has this role, and for what."),
    )
    codes = forms.MultipleChoiceField(
        choices=[(code, code) for code in sorted(CODES)], required=False
    )

    def chosen(self) -> frozenset[str]:
        """Return the ticked permissions, also of a form with errors."""
        return frozenset(self["codes"].value() or ())

    def groups(self, editable: frozenset[str]) -> list[Any]:
        """Return the permissions by resource with what is ticked."""
        return permission_groups([self.chosen()], editable=editable)


def givable(choices: list[RoleChoice], codes: frozenset[str]) -> list[RoleChoice]:
    """Return the roles that somebody with these permissions may give."""
    return [choice for choice in choices if choice.codes <= codes]
