"""What allauth keeps about sign-in, without its secrets."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_base import PlatformAdmin

admin.site.unregister(Authenticator)
admin.site.unregister(UserSession)


@admin.register(Authenticator)
class AuthenticatorAdmin(PlatformAdmin):
    """Second factors: staff may take a lost one away, nobody reads its secret."""

    needs_sudo_to_delete = True
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-created_at", "id")
    fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: people add their own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(UserSession)
class UserSessionAdmin(PlatformAdmin):
    """Where people are signed in; the key of a session is theirs alone."""

    list_display = ("user", "ip", "last_seen_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")
    ordering = ("-last_seen_at", "id")
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: signing in adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
