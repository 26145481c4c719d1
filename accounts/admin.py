"""Tenants and people in the admin."""

from __future__ import annotations

import contextlib
import uuid
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import (
    AdminPasswordChangeForm,
    PlatformAdmin,
    ReadOnlyInline,
    UserChangeForm,
    UserCreationForm,
)
from accounts.impersonation import begin
from accounts.models import Membership, Plan, Tenant, User
from accounts.services.impersonation import SHORTEST_REASON, ReasonMissing, may_impersonate
from accounts.services.refusals import Refusal
from accounts.services.sessions import end_sign_ins
from accounts.services.tenants import check_parent, resume_tenant, suspend_tenant
from accounts.sudo import ask_for_sudo


class MembershipInline(ReadOnlyInline):
    """The members of a tenant, or the tenants of a user; changed on their own pages."""

    model = Membership
    fields = ("user", "tenant", "role_shown")
    readonly_fields = ("role_shown",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Read people, tenants and roles with the rows."""
        rows = super().get_queryset(request)
        found: QuerySet[Membership] = rows.select_related("user", "tenant", "custom_role")
        return found

    @admin.display(description=_("role"))
    def role_shown(self, membership: Membership) -> str:
        """Name the role, also one that the tenant made."""
        return membership.role_name


@admin.register(Plan)
class PlanAdmin(PlatformAdmin):
    """What tenants may use."""

    list_display = (
        "name", "max_devices", "messages_per_second", "api_calls_per_minute", "retention_days",
    )  # fmt: skip
    search_fields = ("name",)
    ordering = ("name",)
    readonly_fields = ("created_at", "updated_at")


class TenantAdminForm(forms.ModelForm):
    """Refuses a place among resellers that does not work."""

    def clean_parent(self) -> Tenant | None:
        """Check the reseller."""
        parent: Tenant | None = self.cleaned_data["parent"]
        try:
            check_parent(tenant=self.instance, parent=parent)
        except Refusal as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal
        return parent


@admin.register(Tenant)
class TenantAdmin(PlatformAdmin):
    """Customer organisations; deleted by a command, because it takes its time."""

    form = TenantAdminForm
    list_display = ("name", "slug", "parent", "plan", "is_active", "created_at")
    list_filter = ("is_active", "is_reseller", "requires_mfa", "plan")
    list_select_related = ("parent", "plan")
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    autocomplete_fields = ("parent", "plan")
    prepopulated_fields = {"slug": ("name",)}
    fields = (
        "name", "slug", "parent", "is_reseller", "plan", "requires_mfa", "is_active",
        "suspended_at", "suspension_reason", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = (
        "is_active", "suspended_at", "suspension_reason", "created_at", "updated_at",
    )  # fmt: skip
    actions = ("suspend", "resume")
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: all samples of a tenant do not go within one request."""
        return False

    @admin.action(description=_("Suspend the selected tenants"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> HttpResponse | None:
        """Let nobody work in them; needs sudo mode."""
        answer = ask_for_sudo(request)
        if answer is None:
            reason = gettext("by platform staff")
            for tenant in queryset:
                suspend_tenant(tenant_id=tenant.id, reason=reason, now=timezone.now())
        return answer

    @admin.action(description=_("Resume the selected tenants"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Let their people work again."""
        for tenant in queryset:
            resume_tenant(tenant_id=tenant.id, now=timezone.now())


class AddUserForm(UserCreationForm):
    """Asks for the e-mail address, which is the name at sign-in."""

    class Meta:
        model = User
        fields = ("email", "name")


class ChangeUserForm(UserChangeForm):
    """Everything except the password."""

    class Meta:
        model = User
        fields = "__all__"


def _is_below(request: HttpRequest, user: User | None) -> bool:
    """Tell whether a person of the platform's staff may change a user."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)


class ReasonForm(forms.Form):
    """Why staff act as somebody else."""

    user_pk = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST_REASON,
        max_length=200,
        help_text=_("The customer reads it in the audit trail. Example: case 4711, wrong totals."),
    )


@admin.register(User)
class UserAdmin(BaseUserAdmin, PlatformAdmin):  # type: ignore[misc]
    """People; what they may do in a tenant stands in their memberships."""

    form = ChangeUserForm
    add_form = AddUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "memberships__tenant", "memberships__role")
    search_fields = ("email", "name")
    superuser_fields = ("is_staff", "is_superuser", "groups", "user_permissions")
    ordering = ("email",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("last_login", "created_at", "updated_at", "act_as")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "act_as")}),
        (
            _("Platform staff"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "name", "usable_password", "password1", "password2"),
            },
        ),
    )

    def get_inlines(self, request: Any, obj: User | None) -> tuple[type[ReadOnlyInline], ...]:
        """Show memberships once the user exists."""
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Let superusers alone make somebody staff."""
        own: tuple[str, ...] = tuple(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else own + self.superuser_fields  # type: ignore[union-attr]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers alone change superusers, also their passwords."""
        return _is_below(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for changing."""
        return _is_below(request, obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """End what a person is signed in with when rights are taken or given."""
        super().save_model(request, obj, form, change)
        if change and {"is_active", "is_staff", "is_superuser"} & set(form.changed_data):
            end_sign_ins(user=obj, now=timezone.now())

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """End what a person is signed in with when staff set another password."""
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
            end_sign_ins(user=User.objects.get(pk=id), now=timezone.now())
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks for the reason before staff act as a customer."""
        view = self.admin_site.admin_view(self.impersonate_view)
        own = path("<uuid:user_id>/impersonate/", view, name="accounts_user_impersonate")
        return [own, *super().get_urls()]

    @admin.display(description=_("support"))
    def act_as(self, user: User) -> str:
        """Link to the page that asks for the reason."""
        if user.pk is None or user.is_staff or user.is_superuser or not user.is_active:
            return "-"
        url = reverse("admin:accounts_user_impersonate", args=[user.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Act as this person"))

    def impersonate_view(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        """Ask why, then turn the session into the person's."""
        user = get_object_or_404(User, pk=user_id)
        if not may_impersonate(hijacker=request.user, hijacked=user):  # type: ignore[arg-type]
            raise PermissionDenied
        answer = ask_for_sudo(request)
        if answer:
            return answer
        form = ReasonForm(request.POST or None, initial={"user_pk": user.pk})
        if request.method == "POST" and form.is_valid() and form.cleaned_data["user_pk"] == user.pk:
            with contextlib.suppress(ReasonMissing):
                reason = form.cleaned_data["reason"]
                return begin(request, user=user, reason=reason, now=timezone.now())
        context = self.admin_site.each_context(request) | {
            "title": _("Act as this person"),
            "subtitle": user.email,
            "opts": self.model._meta,
            "person": user,
            "form": form,
        }
        status = 400 if request.method == "POST" else 200
        return TemplateResponse(request, "admin/accounts/impersonate.html", context, status=status)


admin.site.index_title = _("Overview")
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, PlatformAdmin):  # type: ignore[misc]
    """Django's groups of permissions, for platform staff who are no superusers."""


# they register themselves
from accounts import (  # noqa: E402
    admin_audit,  # noqa: F401
    admin_keys,  # noqa: F401
    admin_people,  # noqa: F401
    admin_sign_in,  # noqa: F401
)
