"""Tokens of apps, second factors, the end of sign-ins."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

TOKENS = "accounts/signin/tokens.py"
FAMILY = "accounts/signin/refreshing.py"
BEARER = "accounts/credentials/bearer.py"
SESSIONS = "accounts/services/sessions.py"
T_BAD = "tests/signin/test_bad_tokens.py"
T_END = "tests/signin/test_tokens_end.py"
T_REFRESH = "tests/signin/test_refresh.py"
T_FACTOR = "tests/signin/test_second_factor.py"
SIGNED = f"{T_BAD}::test_signed_but_wrong"

MUTANTS = (
    cut(
        "signin.type", TOKENS, "return _claims_of(payload) if payload[\"type\"] == kind else None",
        "return _claims_of(payload)",
        removes="that a token of one type is none of another", tests=SIGNED,
    ),
    cut(
        "signin.signature", TOKENS, "\"strict_aud\": True}",
        "\"strict_aud\": True, \"verify_signature\": False}",
        removes="the signature of tokens", tests=f"{T_BAD}::test_forged",
    ),
    cut(
        "signin.subject", FAMILY, "if str(user.pk) != claims.sub or user", "if user",
        removes="that the session of a token is of its person", tests=SIGNED,
    ),
    cut(
        "signin.version", FAMILY, " or user.token_version != claims.version:", ":",
        removes="the version of the person in tokens", tests=SIGNED,
    ),
    cut(
        "signin.token-tenant", BEARER,
        "if tenant_id is not None and (acting is None or str(acting.tenant_id) != tenant_id):",
        "if False:",
        removes="the tenant that a token names", tests=SIGNED,
    ),
    cut(
        "signin.reuse", FAMILY, "    end_session(user=user, session_key=row.session_key)\n", "",
        removes="the end of a sign-in whose refresh token was used twice",
        tests=f"{T_REFRESH}::test_used_again_later_ends_the_family",
    ),
    cut(
        "signin.same-answer", FAMILY, " and now <= _instant(state) + SAME_ANSWER:", ":",
        removes="the thirty seconds of the same answer",
        tests=f"{T_REFRESH}::test_used_again_later_ends_the_family",
    ),
    cut(
        "signin.older-refresh", FAMILY, "if claims.jti == state.get(\"jti\"):", "if True:",
        removes="that only the newest refresh token is good",
        tests=T_REFRESH,
    ),
    cut(
        "signin.logout", "accounts/api/sign_in.py",
        "        end_session(user=credential.user, session_key=session_key_of(request._request))\n",
        "",
        removes="the end of tokens at sign-out", tests=f"{T_END}::test_logout",
    ),
    cut_all(
        "signin.end-all",
        (SESSIONS, "update(token_version=F(\"token_version\") + 1, ", "update("),
        (SESSIONS, ".exclude(session_key=keep or \"\")", ".none()"),
        removes="both ends of everything signed in: version and sessions",
        tests=f"{T_END}::test_change_of_role",
    ),
    cut_all(
        "signin.new-password",
        ("accounts/signin/receivers.py",
         "    end_sign_ins(user=user, now=timezone.now(), keep=keep)\n", ""),
        ("accounts/models/user.py", "f\"{self.token_version}.{self.password}\"",
         "f\"{self.token_version}\""),
        removes="both ends of sign-ins at a new password: version and hash",
        tests=f"{T_END}::test_new_password_elsewhere",
    ),
    cut(
        "signin.required-factor", "accounts/signin/gate.py",
        "if is_staffs or not lacks_second_factor(", "if True or not lacks_second_factor(",
        removes="the second factor that a tenant requires",
        tests=f"{T_FACTOR}::test_browser_is_sent_to_the_set_up",
    ),
    cut(
        "signin.recovery-is-no-factor", "accounts/signin/gate.py",
        "filter(user_id=user.pk, type__in=SECOND_FACTORS)", "filter(user_id=user.pk)",
        removes="that recovery codes are no second factor",
        tests="tests/isolation/test_services.py",
    ),
)  # fmt: skip
