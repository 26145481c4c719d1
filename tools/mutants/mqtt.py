"""The broker's accounts, and whose readings are stored."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

ACCOUNTS = "devices/services/broker_accounts.py"
DIRECTORY = "telemetry/ingest/directory.py"
SOURCE = "telemetry/ingest/source.py"
T_ACCOUNTS = "tests/devices/test_broker_accounts.py"
T_WORKER = "tests/ingest/test_worker.py"
WALLS = "tests/ingest/test_walls.py"

MUTANTS = (
    cut(
        "mqtt.gateway-topics", ACCOUNTS, "return f\"tenant/{gateway.tenant_id}/gw/{gateway.uid}\"",
        "return \"tenant/+/gw/+\"",
        removes="tenant and gateway in the topics of an account",
        tests=f"{T_ACCOUNTS}::test_a_gateway_publishes_nothing_else",
    ),
    cut(
        "mqtt.publish", ACCOUNTS, "*(f\"{prefix}/{end}\" for end in _GATEWAY_PUBLISH),",
        "\"tenant/#\",",
        removes="the limit of what a gateway publishes",
        tests=f"{T_ACCOUNTS}::test_a_gateway_publishes_nothing_else",
    ),
    cut(
        "mqtt.receive", ACCOUNTS, "            f\"{prefix}/down/#\",\n", "            \"#\",\n",
        removes="the limit of what a gateway receives",
        tests=f"{T_ACCOUNTS}::test_a_gateway_listens_to_nobody_else",
    ),
    cut(
        "mqtt.direct", ACCOUNTS, "f\"{prefix}/+\",", "\"devices/#\",",
        removes="the limit of what a direct device publishes",
        tests=f"{T_ACCOUNTS}::test_a_direct_device_publishes_its_own_metrics_only",
    ),
    cut(
        "mqtt.behind-gateway", ACCOUNTS, "if device.gateway_id is not None:", "if False:",
        removes="that devices behind gateways have no account",
        tests=f"{T_ACCOUNTS}::test_refuses_a_device_behind_a_gateway",
    ),
    cut(
        "mqtt.name", ACCOUNTS, "    check_identifier(uid)\n    prefix", "    prefix",
        removes="that a gateway has no other account's name",
        tests=f"{T_ACCOUNTS}::test_refuses_names_of_other_accounts",
    ),
    cut(
        "mqtt.revoke", ACCOUNTS,
        "        {\"command\": \"deleteClient\", \"username\": username},\n", "",
        removes="the end of a revoked account",
        tests=f"{T_ACCOUNTS}::test_revoking_ends_the_session_and_the_account",
    ),
    cut(
        "mqtt.foreign-tenant", SOURCE, "if route.tenant_id not in (gateway.tenant_id, None):",
        "if False:",
        removes="that a topic names the gateway's own tenant",
        tests=f"{T_WORKER}::test_a_gateway_of_another_tenant_cannot_write_into_ours",
    ),
    cut(
        "mqtt.gateways-device", DIRECTORY,
        "_devices().filter(gateway_id=gateway_id, uid=uid).first()",
        "_devices().filter(uid=uid).first()",
        removes="the gateway of a device that a payload names", tests=WALLS,
    ),
    cut_all(
        "mqtt.topics-device",
        (DIRECTORY, "                    gateway_id__in={gateway for gateway, _ in wanted},\n", ""),
        (DIRECTORY, "if (device.gateway_id, device.uid) in wanted", "if True"),
        (DIRECTORY, "by_uid: BySegment = {(d.gateway_id, d.uid): by_device[d.id] for d in devices}",
         "by_uid: BySegment = {(g, d.uid): by_device[d.id] for d in devices for g, _ in wanted}"),
        removes="the gateway of a device that a topic names, in all three places", tests=WALLS,
    ),
    cut(
        "mqtt.direct-device", DIRECTORY, "own_connection, id__in=", "id__in=",
        removes="that devices behind gateways have no topics of their own",
        tests=f"{T_WORKER}::test_refuses_who_may_not_send",
    ),
)  # fmt: skip
