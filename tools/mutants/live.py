"""Sockets: who opens one, what it is shown, and when it ends."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

SIGNIN = "telemetry/live/signin.py"
DATABASE = "telemetry/live/database.py"
HUB = "telemetry/live/hub.py"
HANDSHAKE = "tests/live/test_handshake.py"
WAYS = "tests/live/test_ways_to_sign_in.py"
ENDS = "tests/live/test_end_of_sign_in.py"
SUBS = "tests/live/test_subscriptions.py"
WALLS = "tests/live/test_walls.py"
GUESTS = "tests/live/test_guests.py"
REACTOR = "tests/telemetry/test_live_reactor.py"
ALL_TENANTS = (
    "    from accounts.tenancy import all_tenants\n\n    with all_tenants():\n        found = "
)

MUTANTS = (
    cut(
        "live.origin", "telemetry/live/consumer.py", "if not is_allowed_origin(self.scope):",
        "if False:",
        removes="the check of the page that opens a socket", tests=HANDSHAKE,
    ),
    cut(
        "live.same-host", "telemetry/live/origin.py", "return _is_same_host(origin,",
        "return True or _is_same_host(origin,",
        removes="that an Origin must be ours", tests="tests/telemetry/test_live_origin.py",
    ),
    cut(
        "live.session", SIGNIN, "    if session is None or user is None:\n        raise",
        "    if session is None:\n        raise",
        removes="that a session must name a person", tests=HANDSHAKE,
    ),
    cut(
        "live.permission", SIGNIN, "    return PERMISSION in acting.codes\n", "    return True\n",
        removes="the permission to watch",
        tests=f"{WAYS}::TestRefusals::test_a_role_without_the_permission",
    ),
    cut(
        "live.second-factor", SIGNIN, "    if lacks_second_factor(user, acting):", "    if False:",
        removes="the second factor that a tenant requires",
        tests=f"{WAYS}::TestEnds::test_a_second_factor_that_is_required_ends",
    ),
    cut(
        "live.key-permission", SIGNIN, "if acting is None or PERMISSION not in acting.codes:",
        "if acting is None:",
        removes="the permission of a key to watch",
        tests=f"{WAYS}::TestRefusals::test_a_key_without_the_permission",
    ),
    cut(
        "live.ticket-once", "telemetry/live/tickets.py", "ephemeral().getdel(", "ephemeral().get(",
        removes="that a ticket is good once",
        tests=f"{WAYS}::TestRefusals::test_a_ticket_is_good_once",
    ),
    cut(
        "live.ticket-time", "telemetry/live/tickets.py", ", ex=LIFETIME_SECONDS)", ")",
        removes="that a ticket is good for thirty seconds",
        tests=f"{WAYS}::TestRefusals::test_a_ticket_is_good_for_half_a_minute",
    ),
    cut(
        "live.silence", "telemetry/live/consumer.py",
        "        await asyncio.sleep(AUTH_SECONDS)\n        await self.close(UNAUTHORIZED)",
        "        await asyncio.sleep(AUTH_SECONDS)",
        removes="the end of sockets that do not sign in",
        tests=f"{WAYS}::TestRefusals::test_silence_ends_it",
    ),
    cut(
        "live.end-session", SIGNIN,
        "    if user is None or identity.session_key not in sessions:", "    if user is None:",
        removes="the end of sockets whose session ended", tests=ENDS,
    ),
    cut(
        "live.end-person", SIGNIN,
        "is_same = _matches(identity.session_hash, user) and identity.ends_at > now",
        "is_same = identity.ends_at > now",
        removes="the end of sockets after a new password", tests=ENDS,
    ),
    cut(
        "live.end-impersonation", SIGNIN,
        "_matches(identity.session_hash, user) and identity.ends_at > now",
        "_matches(identity.session_hash, user)",
        removes="the end of sockets whose impersonation is over",
        tests=WALLS,
    ),
    cut(
        "live.end-version", SIGNIN,
        "is_same = identity.version == user.token_version and identity.expires_at > now",
        "is_same = identity.expires_at > now",
        removes="the version of the person behind an open socket",
        tests=WALLS,
    ),
    cut(
        "live.end-token", SIGNIN,
        "is_same = identity.version == user.token_version and identity.expires_at > now",
        "is_same = identity.version == user.token_version",
        removes="the end of sockets whose token is over",
        tests=WALLS,
    ),
    cut(
        "live.end-member", SIGNIN,
        "is_same = acting is not None and acting.tenant_id == identity.tenant_id",
        "is_same = acting is not None",
        removes="that a socket stays with its tenant", tests=WALLS,
    ),
    cut(
        "live.end-key", SIGNIN, "return keys.get(identity.key_id)",
        "return keys.get(identity.key_id, frozenset({PERMISSION}))",
        removes="the end of sockets whose key ended",
        tests=f"{WAYS}::TestEnds::test_a_revoked_key_ends",
    ),
    cut(
        "live.end-close", HUB, "if viewer.identity not in standing:", "if False:",
        removes="the close of sockets whose sign-in ended", tests=ENDS,
    ),
    cut(
        "live.devices", DATABASE, "    with tenant_scope(identity.tenant_id):\n        found = ",
        ALL_TENANTS,
        removes="the tenant of the devices subscribed to",
        tests=f"{SUBS}::TestSubscriptions::test_foreign_and_unknown_devices_get_the_same_answer",
    ),
    cut(
        "live.unknown-device", DATABASE, "if devices and len(ids) != len(set(devices)):",
        "if False:",
        removes="the refusal of devices that are not the tenant's",
        tests=f"{SUBS}::TestSubscriptions::test_foreign_and_unknown_devices_get_the_same_answer",
    ),
    cut(
        "live.sites", DATABASE,
        ".filter(id__in=set(sites)).count() != len(set(sites)):",
        ".filter(id__in=set(sites)).count() < 0:",
        removes="the refusal of sites that are not the tenant's",
        tests=f"{SUBS}::TestSubscriptions::test_foreign_sites_and_tenants_are_unknown",
    ),
    cut(
        "live.guest-devices", "telemetry/live/guests.py", "    if not identity.is_guest:\n",
        "    if True:\n",
        removes="the limit of guests to devices that are shared", tests=GUESTS,
    ),
    cut(
        "live.guest-entry", SIGNIN, "return may_watch_something(user, acting.tenant_id)",
        "return True",
        removes="that guests without shared values open no socket", tests=GUESTS,
    ),
    cut(
        "live.snapshot", DATABASE, "    with tenant_scope(tenant_id):\n        found = LatestValue",
        f"{ALL_TENANTS}LatestValue",
        removes="the tenant of a snapshot", tests=f"{SUBS}::TestSubscriptions::test_targets",
    ),
    cut(
        "live.tenant", HUB, "if wanted.tenant not in (None, False, True, viewer.tenant):",
        "if False:",
        removes="the refusal of another tenant's id",
        tests=f"{SUBS}::TestSubscriptions::test_foreign_sites_and_tenants_are_unknown",
    ),
    cut(
        "live.room", HUB, "self._rooms.get(uuid.UUID(message[\"room\"])) if message else None",
        "next(iter(self._rooms.values()), None) if message else None",
        removes="the tenant of the room that a frame is for",
        tests=WALLS,
    ),
    cut_all(
        "live.group",
        ("telemetry/live/rooms.py", "return f\"live.{tenant_hex}\"", "return \"live.all\""),
        (HUB, "self._rooms.get(uuid.UUID(message[\"room\"])) if message else None",
         "next(iter(self._rooms.values()), None) if message else None"),
        removes="the tenant in the names of groups, and that of the room",
        tests=f"{SUBS}::TestSubscriptions::test_a_stranger_sees_no_frame",
    ),
    cut(
        "live.route", "telemetry/live/reactor.py",
        "points.setdefault(route.tenant, []).append(point)",
        "[points.setdefault(tenant, []).append(point) for tenant in interest]",
        removes="the tenant whose room a value goes to",
        tests=f"{REACTOR}::test_each_tenant_has_a_room_of_its_own",
    ),
    cut(
        "live.moved", "telemetry/live/routes.py",
        "return now - self._checked_at[channel] >= FRESH_SECONDS", "return False",
        removes="that routes of moved devices are read again",
        tests="tests/telemetry/test_live_routes.py",
    ),
)  # fmt: skip
