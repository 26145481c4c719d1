"""The base of endpoints that read and change who may do what."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.params import Params, read_params
from accounts.api.problems import Problem
from accounts.api.views import NEVER
from accounts.credentials.bearer import session_key_of
from accounts.identity import Acting
from accounts.models import User
from accounts.services.refusals import MailNotSent, Refusal
from accounts.sudo import may_go_on

# what the object of the address is no longer, or never was
_ABSENT = {"no_member", "invitation_gone", "share_gone"}


class SudoRequired(Problem):
    """The last authentication of the caller is more than ten minutes ago."""

    status_code = HTTPStatus.FORBIDDEN
    default_code = "sudo_required"
    default_detail = gettext_lazy(
        "This needs your password or second factor again, within the last ten minutes."
    )


class AccessView(APIView):
    """Answers refusals of services as problems with their code; closed to guests."""

    permission: str | dict[str, str]
    params_class: type[Params] = Params
    params: dict[str, Any]
    now: dt.datetime = NEVER
    absent = _ABSENT

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, then what is asked."""
        super().initial(request, *args, **kwargs)
        self.now = timezone.now()
        if request.method in {"GET", "HEAD"}:
            self.params = read_params(request, self.params_class)

    def check_sudo(self, *, is_open_to_keys: bool = False) -> None:
        """Refuse unless the person authenticated within the last ten minutes.

        Programs cannot authenticate again; where they may go on, their key is what was
        made in sudo mode.

        Raises: SudoRequired
        """
        request: Any = self.request._request
        if self.person is None:
            if not is_open_to_keys:
                raise SudoRequired(_("A person must do this: a program cannot authenticate again."))
        elif not may_go_on(request, session_key=session_key_of(request), now=self.now):
            raise SudoRequired

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem: 404 for what is not there, mostly 400."""
        if isinstance(exc, Refusal):
            exc = NotFound() if exc.code in self.absent else _problem(exc)
        return super().handle_exception(exc)

    @property
    def acting(self) -> Acting:
        """Return the identity that the permission class has checked."""
        return cast(Acting, self.request.acting)  # type: ignore[attr-defined]

    @property
    def person(self) -> User | None:
        """Return who asks; None for a program with a key."""
        user = self.request.user
        return user if isinstance(user, User) else None


def _problem(refusal: Refusal) -> Problem:
    problem = Problem(str(refusal))
    problem.default_code = refusal.code
    if isinstance(refusal, MailNotSent):  # what was asked is done, and can be sent again
        problem.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return problem
