"""Boxes: who gets one, who commands it, who is shut out."""

from __future__ import annotations

from tools.mutants.mutant import cut

CLAIMS = "devices/services/claims.py"
T_CLAIMS = ("tests/provisioning/test_claims.py", "tests/provisioning/test_api.py")
COMMANDS = "devices/services/commands.py"
T_QUEUE = ("tests/commands/test_queue.py", "tests/commands/test_api.py")
SAFETY = "devices/safety.py"
T_SAFETY = "tests/commands/test_safety.py"
CERTIFICATES = "devices/services/certificates.py"
T_CERTIFICATES = ("tests/pki/test_certificates.py", "tests/pki/test_rotation.py")
SIGNATURE = "devices/signature.py"

MUTANTS = (
    cut(
        "fleet.code",
        CLAIMS,
        "    if not is_right:\n        pending.tries_left",
        "    if False:\n        pending.tries_left",
        removes="the code of a box",
        tests=T_CLAIMS,
    ),
    cut(
        "fleet.tries",
        CLAIMS,
        "    if pending.tries_left == 0:",
        "    if False:",
        removes="the limit of five tries",
        tests=T_CLAIMS,
    ),
    cut(
        "fleet.code-age",
        CLAIMS,
        "    if is_old and not",
        "    if False and not",
        removes="the fifteen minutes of a code",
        tests=T_CLAIMS,
    ),
    cut(
        "fleet.code-strength",
        CLAIMS,
        "    if not any(is_strong(spelling) for spelling in spellings(code)):",
        "    if False:",
        removes="the 128 bits of a code",
        tests=T_CLAIMS,
    ),
    cut(
        "fleet.command",
        COMMANDS,
        "    if not actor.has_perm(PERMISSION, device):\n        raise MayNotControl\n",
        "",
        removes="the right to control a device",
        tests=T_QUEUE,
    ),
    cut(
        "fleet.command-cancel",
        COMMANDS,
        "    if not actor.has_perm(PERMISSION, command.device):\n        raise MayNotControl\n",
        "",
        removes="the right to take a command back",
        tests=T_QUEUE,
    ),
    cut(
        "fleet.command-key",
        COMMANDS,
        "    if before.body_hash != wanted:",
        "    if False:",
        removes="that a key stands for one request",
        tests=T_QUEUE,
    ),
    cut(
        "fleet.stop",
        SAFETY,
        "    if facts.stops:",
        "    if False:",
        removes="the emergency stop",
        tests=T_SAFETY,
    ),
    cut(
        "fleet.lease",
        SAFETY,
        "facts.lease_holder == request.requester:",
        "True:",
        removes="the lease of a zone",
        tests=T_SAFETY,
    ),
    cut(
        "fleet.revoked",
        SAFETY,
        '"revoked" if facts.is_revoked else ""',
        '""',
        removes="that a revoked box takes no command",
        tests=T_SAFETY,
    ),
    cut(
        "fleet.decommissioned",
        SAFETY,
        'gone = "decommissioned" if facts.lifecycle == "decommissioned" else ""',
        'gone = ""',
        removes="that a box out of service takes no command",
        tests=T_SAFETY,
    ),
    cut(
        "fleet.key-again",
        CERTIFICATES,
        "RevokedCertificate.objects.filter(key_fingerprint=fingerprint_of_key(key)).exists()",
        "False",
        removes="that a revoked key stays out",
        tests=T_CERTIFICATES,
    ),
    cut(
        "fleet.out-of-service",
        CERTIFICATES,
        "    if device.lifecycle == Lifecycle.DECOMMISSIONED:",
        "    if False:",
        removes="that a box out of service gets no certificate",
        tests=T_CERTIFICATES,
    ),
    cut(
        "fleet.signature",
        SIGNATURE,
        "    if not hmac.compare_digest(str(sign(message, secret=secret)[FIELD]), given):",
        "    if False:",
        removes="the signature of a command",
        tests="tests/commands/test_signature.py",
    ),
    cut(
        "fleet.signature-age",
        SIGNATURE,
        "    if not abs(now - at) <= TOLERANCE_SECONDS:",
        "    if False:",
        removes="the ten seconds of a signature",
        tests="tests/commands/test_signature.py",
    ),
)
