"""Why a service about access does not do what was asked."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """A refusal that people may read; programs go by `code`."""

    code = "refused"
    message: Promise = _("This is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class DetailedRefusal(Refusal):
    """What was asked for cannot be; `code` says why, `detail` in words, and `field` where."""

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field

    def __str__(self) -> str:
        return self.detail


class RoleTooStrong(Refusal):
    """The role holds permissions that the person who gives it does not have."""

    code = "role_too_strong"
    message = _("You can only give permissions that you have yourself.")


class LastAdministrator(Refusal):
    """Nobody would be left who may do everything in the organisation."""

    code = "last_administrator"
    message = _("This is the last administrator. Make somebody else an administrator first.")


class MemberAbove(Refusal):
    """The member holds permissions that the person who changes them does not have."""

    code = "member_above"
    message = _("This person has more rights than you. Ask an administrator.")


class NoMember(Refusal):
    """The person is no member of the organisation any more."""

    code = "no_member"
    message = _("This person is not a member of the organisation.")


class UnknownRole(Refusal):
    """No system role and no role of the organisation."""

    code = "unknown_role"
    message = _("There is no such role.")


class UnknownCodes(Refusal):
    """Permissions that are not in the registry."""

    code = "unknown_permission"
    message = _("One of the permissions does not exist.")


class RoleNameTaken(Refusal):
    """The organisation has a role of this name, or the system has."""

    code = "role_name_taken"
    message = _("There is a role of this name. Choose another name.")


class RoleInUse(Refusal):
    """Members or open invitations have the role."""

    code = "role_in_use"
    message = _("People have this role, or are invited with it. Give them another role first.")


class AlreadyMember(Refusal):
    """The address is a member's."""

    code = "already_member"
    message = _("This person is a member already.")


class AlreadyInvited(Refusal):
    """An invitation to the address is open."""

    code = "already_invited"
    message = _("This person is invited already. You can send the invitation again.")


class SentJustNow(Refusal):
    """The same mail went out less than a minute ago."""

    code = "sent_just_now"
    message = _("The mail was sent less than a minute ago. Wait a moment.")


class MailNotSent(Refusal):
    """The mail server did not take the mail; everything else is done."""

    code = "mail_not_sent"
    message = _("The mail could not be sent. Try to send it again later.")


class InvitationGone(Refusal):
    """The link is wrong, used, revoked or too old, or its organisation does not work."""

    code = "invitation_gone"
    message = _("This invitation is no longer valid.")


class OtherAddress(Refusal):
    """The invitation is for another e-mail address than the person's."""

    code = "other_address"
    message = _("This invitation is for another e-mail address.")


class HasAccount(Refusal):
    """Somebody with the address has an account and must sign in to it."""

    code = "has_account"
    message = _("There is an account with this e-mail address. Sign in to accept.")


class SignInGone(Refusal):
    """The person is not signed in there (any more)."""

    code = "sign_in_gone"
    message = _("There is no such sign-in any more.")


class NotAReseller(Refusal):
    """Only a reseller may stand above another organisation."""

    code = "parent_no_reseller"
    message = _("The organisation above must be a reseller.")


class TreeCycle(Refusal):
    """The organisation would stand above itself."""

    code = "parent_cycle"
    message = _("An organisation cannot stand below itself.")


class TreeTooDeep(Refusal):
    """More resellers above each other than are looked at."""

    code = "parent_too_deep"
    message = _("There would be more than eight levels of resellers.")


class HasCustomers(Refusal):
    """Other organisations stand below."""

    code = "has_customers"
    message = _("Other organisations are its customers. Move or delete these first.")


class NameDiffers(Refusal):
    """The name that was typed to confirm is not the organisation's."""

    code = "name_differs"
    message = _("The name does not match. Nothing was deleted.")


class QuotaDevices(Refusal):
    """The plan does not allow another device."""

    code = "quota_devices"
    message = _("Your plan allows no more devices. Remove one, or ask for a larger plan.")
