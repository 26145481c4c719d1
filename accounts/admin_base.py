"""Base classes of the admin: the theme in one place, read-only tables, tenants' tables.

Everything is also valid under the plain admin: without unfold in INSTALLED_APPS the
same classes stand on Django's.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db.models import Field, ForeignKey, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin_history import ChangeHistory
from accounts.admin_silent import DELETED_SILENTLY
from accounts.admin_site import is_limited
from accounts.models import Tenant
from accounts.sudo import ask_for_sudo
from accounts.tenancy import all_tenants, current_tenant_id, is_tenant_owned, tenant_scope

if apps.is_installed("unfold"):
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.widgets import UnfoldAdminSelectWidget as Select
else:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.contrib.auth.forms import (
        AdminPasswordChangeForm,
        UserChangeForm,
    )
    from django.contrib.auth.forms import AdminUserCreationForm as UserCreationForm
    from django.forms import Select

__all__ = [
    "AdminPasswordChangeForm",
    "PlatformAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "TabularInline",
    "TenantForm",
    "TenantGate",
    "TenantOwnedAdmin",
    "UserChangeForm",
    "UserCreationForm",
]


class TenantGate:
    """Closes a model admin, or an inline, to tenant administrators unless it says otherwise."""

    is_open_to_tenants = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the gate first; what may be done is a permission as everywhere."""
        return self.is_reachable(request) and super().has_view_permission(request, obj)  # type: ignore[misc]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for viewing."""
        given = (request, obj) if isinstance(self, InlineModelAdmin) else (request,)
        return self.is_reachable(request) and super().has_add_permission(*given)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for viewing."""
        return self.is_reachable(request) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for viewing."""
        return self.is_reachable(request) and super().has_delete_permission(request, obj)  # type: ignore[misc]

    def is_reachable(self, request: HttpRequest) -> bool:
        """Tell whether a person may use this part of the admin at all."""
        return self.is_open_to_tenants or not is_limited(request)


class PlatformAdmin(TenantGate, ChangeHistory, ModelAdmin):
    """Base of every list: fifty rows, and no second count of the whole table.

    `needs_sudo_to_delete` asks who deletes to authenticate again.
    """

    list_per_page = 50
    show_full_result_count = False
    needs_sudo_to_delete = False
    deleted_silently: tuple[str, ...] = DELETED_SILENTLY

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        """Leave the tenant out where there is only one."""
        return _without_tenant(request, super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Leave the tenant out: the filter would name all of them."""
        return _without_tenant(request, super().get_list_filter(request))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the tenant out of forms."""
        return [
            (title, options | {"fields": _without_tenant(request, options["fields"])})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Let tenant administrators filter by what they see, never by hidden columns.

        Nobody filters by lists: PostgreSQL fails on a text that is none.
        """
        if lookup in {f.name for f in self.opts.fields if isinstance(f, ArrayField)}:
            return False
        if request is None or is_limited(request):
            shown = self._shown_fields(request) if request else set()
            if lookup.split(LOOKUP_SEP)[0] not in shown:
                return False
        return bool(super().lookup_allowed(lookup, value, request))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for sudo mode before rows are deleted together."""
        if request.method == "POST" and "delete_selected" in request.POST.getlist("action"):
            answer = self._ask_before_deleting(request)
            if answer:
                return answer
        return super().changelist_view(request, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for sudo mode first."""
        return self._ask_before_deleting(request) or super().delete_view(
            request, object_id, extra_context
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Ignore what the address suggests for a field that cannot hold it."""
        found = super().get_changeform_initial_data(request)
        fields = {field.name: field for field in self.model._meta.concrete_fields}
        return {
            name: value
            for name, value in found.items()
            if name not in fields or _can_hold(fields[name], value)
        }

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Use autocompletes of ours: they name the tenant, and stand what is no key."""
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            is_owned = is_tenant_owned(db_field.related_model)
            widget = TenantAutocomplete if is_owned else Autocomplete
            kwargs["widget"] = widget(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Let what machines wrote go with what it belongs to."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        silent = {apps.get_model(label)._meta.verbose_name for label in self.deleted_silently}
        return to_delete, counts, needed - silent, protected

    def _ask_before_deleting(self, request: HttpRequest) -> HttpResponse | None:
        if self.needs_sudo_to_delete and self.has_delete_permission(request):
            return ask_for_sudo(request)
        return None

    def _shown_fields(self, request: HttpRequest) -> set[str]:
        filters = [f[0] if isinstance(f, tuple) else f for f in self.get_list_filter(request)]
        names = [*filters, *self.get_list_display(request), "pk", self.date_hierarchy]
        names += [getattr(f, "parameter_name", None) for f in filters]
        return {name.split(LOOKUP_SEP)[0] for name in names if isinstance(name, str)}


def _without_tenant(request: HttpRequest, names: Sequence[Any]) -> Sequence[Any]:
    if not is_limited(request):
        return names
    return [
        name
        for name in names
        if not (isinstance(name, str) and name.split(LOOKUP_SEP)[0] == "tenant")
    ]


class ReadOnlyInline(TenantGate, TabularInline):
    """Rows that are changed elsewhere."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse; the permission to view stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


class ReadOnlyAdmin(PlatformAdmin):
    """Rows that machines write: staff look at them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse; the permission to view stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


class TenantForm(forms.ModelForm):
    """Checks what is unique in the tenant, and what is unique over all of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.tenant_id is None:
            self.instance.tenant_id = current_tenant_id()

    def _get_validation_exclusions(self) -> set[str]:
        # Django skips constraints that name a field which the form does not show
        return super()._get_validation_exclusions() - {"tenant"}  # type: ignore[misc]

    def add_error(self, field: Any, error: Any) -> None:
        """Say above the form what is wrong with a field that it does not show."""
        if field is None and hasattr(error, "error_dict"):
            shown: dict[str, list[Any]] = {}
            for name, errors in error.error_dict.items():
                shown.setdefault(name if name in self.fields else NON_FIELD_ERRORS, []).extend(
                    errors
                )
            error = ValidationError(shown)
        super().add_error(field, error)

    def validate_unique(self) -> None:
        """Find the same identifier also with another tenant: the form is for staff."""
        with all_tenants():
            super().validate_unique()

    def validate_constraints(self) -> None:
        """As `validate_unique`, for constraints."""
        with all_tenants():
            super().validate_constraints()


class TenantChoice(forms.Form):
    """Asks whose object is to be added."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.order_by("name", "id"), label=_("Tenant"), widget=Select
    )


class Autocomplete(AutocompleteSelect):
    """Shows a refused form again also when the value sent for it was no key at all."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """Leave out what cannot be a key: Django's widget would look it up."""
        target = self.field.remote_field.get_related_field()
        usable = [key for key in value if _can_hold(target, key)]
        return super().optgroups(name, usable, attr)


class TenantAutocomplete(Autocomplete):
    """Offers the rows of the tenant whose object is being edited."""

    def get_url(self) -> str:
        """Name the tenant in scope; the choices are asked for by a request of its own."""
        tenant_id = current_tenant_id()
        url = super().get_url()
        return f"{url}?tenant={tenant_id}" if tenant_id else url


class TenantOwnedAdmin(PlatformAdmin):
    """A tenant's rows: lists show all tenants, editing enters the object's own.

    Adding asks for the tenant first. Inside the scope neither the choices of the form nor
    a forged POST can reach another tenant's rows.
    """

    form = TenantForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Run the form, and the rendering of its page, in the scope of one tenant."""
        if object_id is None:
            tenant_id = self._chosen_tenant(request)
        else:
            tenant_id = self._owner(request, object_id)
        if tenant_id is None:
            if object_id is None:
                return self._choose_tenant(request)
            # answers "does not exist"
            return super().changeform_view(request, object_id, form_url, extra_context)
        with tenant_scope(tenant_id):
            response = super().changeform_view(request, object_id, form_url, extra_context)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
            return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Narrow an autocomplete to the tenant that its field named."""
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name == "autocomplete" and "tenant" in request.GET:
            tenant_id = _parse_uuid(request.GET["tenant"])
            return queryset.filter(tenant_id=tenant_id) if tenant_id else queryset.none()
        return queryset

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no "add another" for a tenant's rows: its window would ask for the tenant."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and is_tenant_owned(db_field.related_model):
            formfield.widget.can_add_related = False
        return formfield

    def _owner(self, request: HttpRequest, object_id: str) -> uuid.UUID | None:
        """Return the tenant of an object that the person may reach; None if there is none."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None or (is_limited(request) and obj.tenant_id != _own_tenant(request)):
            return None
        tenant_id: uuid.UUID = obj.tenant_id
        return tenant_id

    def _chosen_tenant(self, request: HttpRequest) -> uuid.UUID | None:
        """Return the tenant of a new object: chosen by staff, their own for all others."""
        if is_limited(request):
            return _own_tenant(request)
        tenant_id = _parse_uuid(request.GET.get("tenant", ""))
        if tenant_id and Tenant.objects.filter(id=tenant_id).exists():
            return tenant_id
        return None

    def _choose_tenant(self, request: HttpRequest) -> HttpResponse:
        """Ask for the tenant of a new object; the list's tenant filter is proposed."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        filters = QueryDict(request.GET.get("_changelist_filters", ""))
        context = self.admin_site.each_context(request) | {
            "title": _("Choose a tenant"),
            "subtitle": None,
            "opts": self.model._meta,
            "media": self.media,
            "form": TenantChoice(initial={"tenant": filters.get("tenant__id__exact")}),
            "kept": [(name, request.GET[name]) for name in request.GET if name != "tenant"],
        }
        return TemplateResponse(request, "admin/choose_tenant.html", context)


def _own_tenant(request: HttpRequest) -> uuid.UUID:
    tenant_id: uuid.UUID = request.acting.tenant_id  # type: ignore[attr-defined]
    return tenant_id


def _parse_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _can_hold(field: Any, value: Any) -> bool:
    try:
        field.to_python(value)
    except ValidationError:
        return False
    return True
