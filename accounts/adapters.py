"""How sign-in behaves."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import reverse

from energy.lib.client_address import client_address


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
        """Return the caller's address as everything else sees it."""
        return client_address(request) or "127.0.0.1"  # a socket file is on this machine
