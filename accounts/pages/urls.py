"""Addresses of the pages about access, all below /settings/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from accounts.pages import audit, history, keys, people, roles, why

urlpatterns: list[URLPattern | URLResolver] = [
    path("people", people.people, name="settings-people"),
    path("people/invite", people.invite_person, name="settings-invite"),
    path("people/<uuid:membership_id>/role", people.member_role, name="settings-member-role"),
    path("people/<uuid:membership_id>/remove", people.member_remove, name="settings-member-remove"),
    path("leave", people.leave_organisation, name="settings-leave"),
    path(
        "invitations/<uuid:invitation_id>/resend",
        people.invitation_resend,
        name="settings-invitation-resend",
    ),
    path(
        "invitations/<uuid:invitation_id>/revoke",
        people.invitation_revoke,
        name="settings-invitation-revoke",
    ),
    path("roles", roles.roles, name="settings-roles"),
    path("roles/new", roles.role_new, name="settings-role-new"),
    path("roles/<uuid:role_id>", roles.role_edit, name="settings-role"),
    path("roles/<uuid:role_id>/delete", roles.role_delete, name="settings-role-delete"),
    path("keys", keys.keys, name="settings-keys"),
    path("keys/new", keys.key_new, name="settings-key-new"),
    path("keys/<uuid:key_id>/rotate", keys.key_rotate, name="settings-key-rotate"),
    path("keys/<uuid:key_id>/revoke", keys.key_revoke, name="settings-key-revoke"),
    path("audit", audit.audit, name="settings-audit"),
    path("audit/history", history.history, name="settings-history"),
    path("why", why.why, name="settings-why"),
]
