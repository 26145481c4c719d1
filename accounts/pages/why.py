"""Why somebody may do something, or not."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth import get_backends
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.identity import Acting
from accounts.models import User
from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.queries.explain import Explanation, Step, explain
from accounts.queries.people import list_members
from accounts.queries.roles import permission_name
from accounts.rbac.access import access_of
from accounts.rbac.registry import ACTIONS, CODES, RESOURCES

_KINDS = ("devices.Device", "devices.Site")


class WhyForm(forms.Form):
    """Who, what, and on which object."""

    person = forms.EmailField(
        label=gettext_lazy("Person"),
        help_text=gettext_lazy("E-mail address of a member or a guest."),
        widget=forms.EmailInput(attrs={"list": "why-people", "autocomplete": "off"}),
    )
    permission = forms.ChoiceField(label=gettext_lazy("May they"))
    object = forms.CharField(
        label=gettext_lazy("Device or site"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Its name or id. Leave this empty to ask about all of them."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        permissions: Any = self.fields["permission"]
        permissions.choices = [
            (
                str(name),
                [(c, permission_name(c)) for a in ACTIONS if (c := f"{a}:{resource}") in CODES],
            )
            for resource, name in RESOURCES.items()
        ]

    def clean_object(self) -> Model | None:
        """Find the object in the tenant in scope."""
        text = self.cleaned_data["object"].strip()
        if not text:
            return None
        for label in _KINDS:
            model = apps.get_model(label)
            found = model._default_manager.filter(**_matching(text)).order_by("pk").first()
            if found is not None:
                return found
        raise forms.ValidationError(_("There is no device or site of this name."))


@require_safe
@requires("read:member")
def why(request: HttpRequest) -> HttpResponse:
    """Explain a permission of a person."""
    acting = acting_of(request)
    form = WhyForm(request.GET if "person" in request.GET else None)
    context: dict[str, Any] = {
        "section": "settings-why",
        "form": form,
        "members": list_members(acting.tenant_id),
    }
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        context |= {
            "person": wanted["person"],
            "permission": permission_name(wanted["permission"]),
            "object": wanted["object"],
            "answer": _answer(acting, **wanted),
        }
    return render(request, "accounts/why.html", context)


def _answer(acting: Acting, *, person: str, permission: str, object: Model | None) -> Explanation:
    """Explain; strangers and people who do not exist get the same answer."""
    user = User.objects.filter(email__iexact=person).first()
    if user is None or not _is_known(user, acting):
        text = _("Not a member of %(organisation)s.") % {"organisation": acting.tenant.name}
        return Explanation(False, [Step(False, text)])
    return explain(user=user, permission=permission, tenant=acting.tenant, obj=object)


def _is_known(user: User, acting: Acting) -> bool:
    """Tell whether a person has, or was given, anything in the tenant."""
    if acting.tenant_id in access_of(user).grants:
        return True
    if list_members(acting.tenant_id).filter(user=user).exists():
        return True
    backends: list[Any] = [b for b in get_backends() if hasattr(b, "knows")]
    return any(backend.knows(user, acting.tenant_id) for backend in backends)


def _matching(text: str) -> dict[str, Any]:
    try:
        return {"pk": uuid.UUID(text)}
    except ValueError:
        return {"name__iexact": text}
