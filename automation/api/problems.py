"""Refusals of automation as problems."""

from __future__ import annotations

from http import HTTPStatus

from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.services.refusals import DetailedRefusal


def problem_of(refusal: DetailedRefusal, *, conflicts: frozenset[str] = frozenset()) -> Problem:
    """Return a problem that points to the member of the body that is at fault.

    Args: conflicts: codes that speak of the state of the object, not of the body.
    """
    parts = refusal.field.replace("[", ".").replace("]", "").replace(".", "/")
    problem = InvalidRequest(
        str(refusal),
        violations=[Violation(refusal.code, str(refusal), f"#/{parts}" if parts else "")],
    )
    problem.default_code = refusal.code
    if refusal.code in conflicts:
        problem.status_code = HTTPStatus.CONFLICT
    return problem
