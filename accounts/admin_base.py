"""Base classes of the admin: the theme in one place, read-only tables, tenants' tables.

Everything is also valid under the plain admin: without unfold in INSTALLED_APPS the
same classes stand on Django's.
"""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Field, ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
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
    "TabularInline",
    "TenantOwnedAdmin",
    "TenantForm",
    "UserChangeForm",
    "UserCreationForm",
]


class PlatformAdmin(ModelAdmin):
    """Base of every list: fifty rows, and no second count of the whole table."""

    list_per_page = 50
    show_full_result_count = False


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


class TenantAutocomplete(AutocompleteSelect):
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
        tenant_id = self._chosen_tenant(request) if object_id is None else self._owner(object_id)
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

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let the autocomplete of a tenant's rows name the tenant."""
        if is_tenant_owned(
            db_field.related_model
        ) and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = TenantAutocomplete(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no "add another" for a tenant's rows: its window would ask for the tenant."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and is_tenant_owned(db_field.related_model):
            formfield.widget.can_add_related = False
        return formfield

    def _owner(self, object_id: str) -> uuid.UUID | None:
        """Return the tenant of an object; None if it does not exist."""
        try:
            key = self.model._meta.pk.to_python(object_id)
        except ValidationError:
            return None
        return self.model.objects.filter(pk=key).values_list("tenant_id", flat=True).first()

    def _chosen_tenant(self, request: HttpRequest) -> uuid.UUID | None:
        """Return the tenant that was chosen for a new object."""
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


def _parse_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
