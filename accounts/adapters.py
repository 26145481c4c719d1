"""How sign-in behaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.signin.gate import SECOND_FACTORS, is_second_factor_required
from accounts.signin.lockout import refuse_sign_in
from energy.lib.client_address import client_address
from energy.lib.sealing import Purpose, is_sealed, seal, unseal

_PURPOSE = Purpose.SECOND_FACTOR


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators; nobody signs up alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Close public sign-up."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Send platform staff without a tenant to the admin, everybody else home."""
        user = request.user
        if user.is_staff and not user.memberships.exists():
            return reverse("admin:index")
        return reverse("home")

    def get_client_ip(self, request: HttpRequest) -> str:
        """Believe X-Forwarded-For from our own proxies only."""
        return client_address(request)

    def get_phone(self, user: User) -> tuple[str, bool] | None:
        """Say that nobody has one: allauth's headless view asks and would fail."""
        return None

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse with 429 who tried too often, from whatever addresses."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise ImmediateHttpResponse(refuse_sign_in(request)) from error

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count by account alone: allauth's key has the Host header, which the caller chooses."""
        return str(credentials.get("email") or credentials.get("username") or "").strip().lower()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Name us by PUBLIC_URL, never by the Host header of whoever asked."""
        host = urlsplit(settings.PUBLIC_URL).netloc
        site = SimpleNamespace(name=settings.MFA_TOTP_ISSUER, domain=host)
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Link to PUBLIC_URL, never to the Host header of whoever asked."""
        uid, _dash, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.PUBLIC_URL}{path}"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets are sealed at rest; who must have a second factor cannot remove the last one."""

    error_messages: dict[str, str | Promise] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _(
            "Your organisation requires a second factor: add another one first."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Seal a TOTP secret or the seed of recovery codes."""
        return seal(text, purpose=_PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Unseal it; what was stored before secrets were sealed is plain."""
        if not is_sealed(encrypted_text):
            return encrypted_text
        return unseal(encrypted_text, purpose=_PURPOSE)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Keep the last second factor of somebody who must have one."""
        user: User = authenticator.user
        if authenticator.type not in SECOND_FACTORS or not is_second_factor_required(user):
            return True
        others = Authenticator.objects.filter(user_id=user.pk, type__in=SECOND_FACTORS)
        return others.exclude(pk=authenticator.pk).exists()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Bind passkeys to the host of PUBLIC_URL.

        In development to the host of the request: browsers know no passkeys of 127.0.0.1,
        but those of localhost.
        """
        entity = super().get_public_key_credential_rp_entity()
        if settings.PRODUCTION:
            entity["id"] = urlsplit(settings.PUBLIC_URL).hostname or ""
        return entity | {"name": settings.MFA_TOTP_ISSUER}
