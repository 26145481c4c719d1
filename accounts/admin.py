"""Tenants and people in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import (
    AdminPasswordChangeForm,
    PlatformAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)
from accounts.models import Membership, Tenant, User


class MembershipInline(TabularInline):
    """The members of a tenant, or the tenants of a user."""

    model = Membership
    extra = 0
    fields = ("user", "tenant", "role")
    autocomplete_fields = ("user", "tenant")


@admin.register(Tenant)
class TenantAdmin(PlatformAdmin):
    """Customer organisations."""

    list_display = ("name", "slug", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("created_at", "updated_at")
    inlines = (MembershipInline,)


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


@admin.register(User)
class UserAdmin(BaseUserAdmin, PlatformAdmin):
    """People; what they may do in a tenant stands in their memberships."""

    form = ChangeUserForm
    add_form = AddUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "memberships__tenant", "memberships__role")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("last_login", "created_at", "updated_at")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
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

    def get_inlines(self, request: Any, obj: User | None) -> tuple[type[TabularInline], ...]:
        """Show memberships once the user exists."""
        return self.inlines if obj else ()


@admin.register(Membership)
class MembershipAdmin(PlatformAdmin):
    """Who may do what in which tenant."""

    list_display = ("user", "tenant", "role", "created_at")
    list_filter = ("role", "tenant")
    list_select_related = ("user", "tenant")
    search_fields = ("user__email", "user__name", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    ordering = ("tenant__name", "user__email")
    readonly_fields = ("created_at", "updated_at")


admin.site.index_title = _("Overview")
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, PlatformAdmin):
    """Django's groups of permissions, for platform staff who are no superusers."""
