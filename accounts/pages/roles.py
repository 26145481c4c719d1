"""What each role may do, and the roles that the tenant made."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from accounts.pages.access import requires
from accounts.pages.forms import RoleForm
from accounts.pages.people import acting_of
from accounts.queries.roles import permission_groups, role_columns
from accounts.rbac.registry import ADMINISTERING
from accounts.services.refusals import Refusal
from accounts.services.roles import change_role_codes, create_role, delete_role
from accounts.sudo import ask_keeping, kept_values


@require_safe
@requires("read:member")
def roles(request: HttpRequest) -> HttpResponse:
    """Show the matrix of permissions and roles; on a phone one role at a time."""
    columns = role_columns(acting_of(request).tenant_id)
    wanted = request.GET.get("role", "")
    chosen = next((i for i, c in enumerate(columns) if c.choice.value == wanted), 0)
    context = {
        "section": "settings-roles",
        "columns": columns,
        "chosen": chosen,
        "groups": permission_groups(column.codes for column in columns),
        "may_write": "write:role" in acting_of(request).codes,
    }
    return render(request, "accounts/roles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:role")
def role_new(request: HttpRequest) -> HttpResponse:
    """Make a role."""
    form = RoleForm(request.POST or None, initial=kept_values(request))
    if request.method == "POST" and form.is_valid():
        acting = acting_of(request)
        if answer := _ask_if_administering(request, form, frozenset()):
            return answer
        try:
            create_role(
                tenant_id=acting.tenant_id,
                editor_codes=acting.codes,
                now=timezone.now(),
                **form.cleaned_data,
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The role is saved."))
            return redirect("settings-roles")
    return _show(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:role")
def role_edit(request: HttpRequest, role_id: uuid.UUID) -> HttpResponse:
    """Rename a role or change what it may do."""
    role = _find(role_id)
    initial = {"name": role.name, "description": role.description, "codes": role.codes}
    form = RoleForm(request.POST or None, initial=initial | kept_values(request))
    if request.method == "POST" and form.is_valid():
        if answer := _ask_if_administering(request, form, frozenset(role.codes)):
            return answer
        try:
            change_role_codes(
                role_id=role_id,
                editor_codes=acting_of(request).codes,
                now=timezone.now(),
                **form.cleaned_data,
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The role is saved."))
            return redirect("settings-roles")
    return _show(request, form, role)


@require_POST
@requires("delete:role")
def role_delete(request: HttpRequest, role_id: uuid.UUID) -> HttpResponse:
    """Delete a role that nobody has."""
    _find(role_id)
    try:
        delete_role(role_id=role_id, editor_codes=acting_of(request).codes, now=timezone.now())
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("settings-role", role_id=role_id)
    messages.success(request, _("The role is deleted."))
    return redirect("settings-roles")


def _ask_if_administering(
    request: HttpRequest, form: RoleForm, before: frozenset[str]
) -> HttpResponse | None:
    """Ask for sudo mode when the role would newly decide what others may do."""
    added = frozenset(form.cleaned_data["codes"]) - before
    return ask_keeping(request, form.cleaned_data) if added & ADMINISTERING else None


def _find(role_id: uuid.UUID) -> Role:
    try:
        return Role.objects.get(id=role_id)
    except Role.DoesNotExist as error:
        raise Http404 from error


def _show(request: HttpRequest, form: RoleForm, role: Role | None) -> HttpResponse:
    codes = acting_of(request).codes
    context = {
        "section": "settings-roles",
        "form": form,
        "role": role,
        "groups": form.groups(codes),
        "may_delete": role is not None and "delete:role" in codes,
    }
    return render(request, "accounts/role.html", context, status=400 if form.is_bound else 200)
