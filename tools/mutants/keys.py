"""API keys, and credentials that programs send."""

from __future__ import annotations

from tools.mutants.mutant import cut

SERVICE = "accounts/services/keys.py"
READ = "accounts/credentials/api_key.py"
MIDDLEWARE = "accounts/credentials/middleware.py"
T_KEYS = "tests/keys/test_keys.py"
T_BAD = "tests/signin/test_bad_tokens.py"
DEAD = f"{T_KEYS}::test_an_expired_revoked_or_suspended_key_is_refused"
WALLS = "tests/isolation/test_walls.py"

MUTANTS = (
    cut(
        "keys.secret", READ, "if key is None or not is_right:", "if key is None:",
        removes="the secret of a key",
        tests=f"{T_KEYS}::test_refuses_a_wrong_secret_of_a_known_prefix",
    ),
    cut(
        "keys.revoked", READ, "Q(revoked_at__isnull=True, tenant__is_active=True)",
        "Q(tenant__is_active=True)",
        removes="the end of a revoked key", tests=DEAD,
    ),
    cut(
        "keys.suspended", READ, "Q(revoked_at__isnull=True, tenant__is_active=True)",
        "Q(revoked_at__isnull=True)",
        removes="the end of a suspended tenant's keys", tests=DEAD,
    ),
    cut(
        "keys.expiry", READ, "Q(expires_at__isnull=True) | Q(expires_at__gt=now)", "Q()",
        removes="the end of a key", tests=DEAD,
    ),
    cut(
        "keys.codes", READ, "Acting(key.tenant, principal.key_codes,", "Acting(key.tenant, CODES,",
        removes="the permissions a key is limited to",
        tests=f"{T_KEYS}::test_a_key_says_who_it_is_and_what_it_may",
    ),
    cut(
        "keys.tenant", READ, "tenant_id == self.tenant_id and code_of", "code_of",
        removes="the tenant of a key in has_perm()", tests=WALLS,
    ),
    cut(
        "keys.subset", SERVICE, "    if not wanted <= editor_codes:", "    if False:",
        removes="that a key may no more than its maker",
        tests=f"{T_KEYS}::test_nobody_makes_a_key_stronger_than_themselves",
    ),
    cut(
        "keys.rotate-subset", SERVICE, "    if not codes <= editor_codes:", "    if False:",
        removes="that nobody rotates a key above themselves",
        tests="tests/isolation/test_services.py",
    ),
    cut(
        "keys.passed-over", MIDDLEWARE,
        "        except CredentialRefused as refusal:\n            return refuse(request, refusal)",
        "        except CredentialRefused:\n            return self.get_response(request)",
        removes="the refusal of a bad credential beside a good cookie",
        tests=f"{T_BAD}::test_bad_token_is_not_passed_over_for_a_cookie",
    ),
    cut(
        "keys.two", MIDDLEWARE, "if len(sent) > 1:", "if False:",
        removes="the refusal of two credentials", tests=f"{T_BAD}::test_two_credentials",
    ),
    cut(
        "keys.header-tenant", MIDDLEWARE,
        "if other is None or str(other.tenant_id) != wanted:", "if other is None:",
        removes="the check of the tenant in X-Tenant", tests=f"{T_BAD}::test_tenant_by_header",
    ),
)  # fmt: skip
