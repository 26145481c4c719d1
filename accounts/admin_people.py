"""Members, roles and invitations in the admin; every change goes through the services."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, TenantForm, TenantOwnedAdmin
from accounts.admin_site import is_limited
from accounts.models import Invitation, Membership, Role
from accounts.queries.roles import RoleChoice, choice_of, find_role, permission_name
from accounts.rbac.registry import ACTIONS, ADMINISTERING, CODES, RESOURCES
from accounts.services.audit import record_event
from accounts.services.invitations import revoke_invitation
from accounts.services.members import change_role, remove_member
from accounts.services.refusals import Refusal, UnknownRole
from accounts.services.roles import change_role_codes, create_role, delete_role
from accounts.sudo import ask_for_sudo


def editor_codes(request: HttpRequest) -> frozenset[str]:
    """Return what a person may give to others: staff everything, others what they have."""
    if not is_limited(request):
        return CODES
    codes: frozenset[str] = request.acting.codes  # type: ignore[attr-defined]
    return codes


class RefusingAdmin(TenantOwnedAdmin):
    """Lets a service refuse what is saved or deleted, and shows why."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a refusal as a message beside the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            return self._refuse(request, refusal)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As when saving."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refusal as refusal:
            return self._refuse(request, refusal)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As when saving; rows before the refused one are done."""
        try:
            return super().changelist_view(request, extra_context)
        except Refusal as refusal:
            return self._refuse(request, refusal)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete one by one, through the service."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _refuse(self, request: HttpRequest, refusal: Refusal) -> HttpResponse:
        self.message_user(request, str(refusal), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class MembershipForm(TenantForm):
    """One role: the system's, or one that the tenant made."""

    def clean(self) -> dict[str, Any]:
        """Refuse both and none."""
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("role")) == bool(cleaned.get("custom_role")):
            raise ValidationError(_("Choose either a role or an own role."), code="one_role")
        return cleaned


@admin.register(Membership)
class MembershipAdmin(RefusingAdmin):
    """Who may do what in which tenant."""

    form = MembershipForm
    is_open_to_tenants = True
    list_display = ("user", "tenant", "role_shown", "created_at")
    list_filter = ("role", "tenant")
    list_select_related = ("user", "tenant", "custom_role")
    search_fields = ("user__email", "user__name", "tenant__name")
    autocomplete_fields = ("user", "tenant", "custom_role")
    ordering = ("tenant__name", "user__email")
    fields = ("tenant", "user", "role", "custom_role", "created_at", "updated_at")
    readonly_fields = ("tenant", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Limit a table that knows no tenant scope of its own."""
        queryset = super().get_queryset(request)
        if is_limited(request):
            return queryset.filter(tenant_id=request.acting.tenant_id)  # type: ignore[attr-defined]
        return queryset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let tenants invite instead: they cannot name a person who has not agreed."""
        return not is_limited(request) and super().has_add_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the person of a membership."""
        return (*self.readonly_fields, "user") if obj else self.readonly_fields

    @admin.display(description=_("role"), ordering="role")
    def role_shown(self, membership: Membership) -> str:
        """Name the role, also one that the tenant made."""
        return membership.role_name

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for sudo mode before somebody may decide what others may do."""
        if request.method == "POST" and _is_administering(request):
            answer = ask_for_sudo(request)
            if answer:
                return answer
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Give the role through the service, which ends the person's sign-ins."""
        if change:
            change_role(
                membership_id=obj.id,
                tenant_id=obj.tenant_id,
                choice=RoleChoice(obj.role, obj.custom_role),
                editor_codes=editor_codes(request),
                now=timezone.now(),
            )
            return
        super().save_model(request, obj, form, change)
        record_event(
            action="member.joined",
            now=timezone.now(),
            tenant_id=obj.tenant_id,
            obj=obj,
            label=obj.user.email,
            detail={"role": choice_of(obj).name},
        )

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Remove through the service."""
        remove_member(
            membership_id=obj.id,
            tenant_id=obj.tenant_id,
            editor_codes=editor_codes(request),
            now=timezone.now(),
        )


def _is_administering(request: HttpRequest) -> bool:
    """Tell whether the form gives a role that may change members or roles."""
    values = (request.POST.get("role", ""), request.POST.get("custom_role", ""))
    try:
        return any(find_role(value).is_administering for value in values if value)
    except UnknownRole:
        return False


class RoleForm(TenantForm):
    """Offers the 56 permissions by name."""

    codes = forms.MultipleChoiceField(
        label=_("Permissions"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "codes" in self.fields:
            ordered = (f"{action}:{resource}" for resource in RESOURCES for action in ACTIONS)
            choices = [(code, permission_name(code)) for code in ordered if code in CODES]
            self.fields["codes"].choices = choices  # type: ignore[attr-defined]


@admin.register(Role)
class RoleAdmin(RefusingAdmin):
    """Roles that tenants made for themselves."""

    form = RoleForm
    is_open_to_tenants = True
    list_display = ("name", "tenant", "description", "size", "updated_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name", "description")
    ordering = ("name", "id")
    fields = ("tenant", "name", "description", "codes", "created_at", "updated_at")
    readonly_fields = ("tenant", "created_at", "updated_at")

    @admin.display(description=_("permissions"))
    def size(self, role: Role) -> int:
        """Count what the role may do."""
        return len(CODES & frozenset(role.codes))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for sudo mode before a role may decide what others may do."""
        if request.method == "POST" and ADMINISTERING.intersection(request.POST.getlist("codes")):
            answer = ask_for_sudo(request)
            if answer:
                return answer
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        """Save through the service, which gives nobody more than the editor has."""
        given: dict[str, Any] = {
            "name": obj.name,
            "description": obj.description,
            "codes": obj.codes,
            "editor_codes": editor_codes(request),
            "now": timezone.now(),
        }
        if change:
            saved = change_role_codes(role_id=obj.id, **given)
        else:
            saved = create_role(tenant_id=obj.tenant_id, **given)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        """Delete through the service."""
        delete_role(role_id=obj.id, editor_codes=editor_codes(request), now=timezone.now())


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Offers of a role; made on the tenant's pages, which mail the link."""

    is_open_to_tenants = True
    list_display = ("email", "tenant", "role_shown", "invited_by", "expires_at", "state")
    list_filter = ("tenant", "role")
    list_select_related = ("tenant", "custom_role", "invited_by")
    search_fields = ("email",)
    ordering = ("-created_at", "id")
    actions = ("revoke",)
    fields = (
        "tenant", "email", "role_shown", "invited_by", "expires_at", "accepted_at",
        "revoked_at", "created_at",
    )  # fmt: skip

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may withdraw invitations."""
        return bool(request.user.has_perm("accounts.change_invitation"))

    @admin.display(description=_("role"))
    def role_shown(self, invitation: Invitation) -> str:
        """Name the role that is offered."""
        return choice_of(invitation).name

    @admin.display(description=_("state"))
    def state(self, invitation: Invitation) -> str:
        """Tell whether the link still works."""
        if invitation.accepted_at:
            return str(_("accepted"))
        if invitation.revoked_at:
            return str(_("withdrawn"))
        return str(_("expired") if invitation.expires_at <= timezone.now() else _("open"))

    @admin.action(description=_("Withdraw the selected invitations"), permissions=["handle"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Withdraw what is still open."""
        for invitation_id in list(queryset.values_list("id", flat=True)):
            self._revoke_one(request, invitation_id)

    def _revoke_one(self, request: HttpRequest, invitation_id: uuid.UUID) -> None:
        try:
            revoke_invitation(invitation_id=invitation_id, now=timezone.now())
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
