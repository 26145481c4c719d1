"""Values: asked for, and kept from caches."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

READS = "telemetry/storage/reads.py"
OWNED = (
    "ON channel.id = wanted.id\n"
    "    AND (%(tenant)s::uuid IS NULL OR channel.tenant_id = %(tenant)s)",
    "ON channel.id = wanted.id",
)
BUCKETS = "tests/telemetry/test_query_buckets.py::test_reads_nothing_of_another_tenant"
DEVICES = "Device.objects.filter(id__in=device_ids)"
CHANNELS = "Channel.objects.filter(device_id__in=device_ids, name__in=names)"
BASE = "_base_manager"
FOREIGN = (
    "tests/telemetry/test_api_query_refusals.py::test_another_tenants_device_does_not_exist",
)

MUTANTS = (
    cut(
        "telemetry.reads", READS, *OWNED,
        removes="the tenant in the SQL of samples, packed days and rollups", tests=BUCKETS,
    ),
    cut(
        "telemetry.sparkline", "telemetry/history.py",
        " AND wanted.tenant_id = %(tenant)s", "",
        removes="the tenant in the SQL of sparklines",
        tests="tests/telemetry/test_history.py::test_a_foreign_channel_has_no_values",
    ),
    cut(
        "telemetry.question", "devices/queries.py", DEVICES, DEVICES.replace("objects", BASE),
        removes="the tenant of the devices asked about", tests=FOREIGN,
    ),
    cut_all(
        "telemetry.values",
        ("devices/queries.py", DEVICES, DEVICES.replace("objects", BASE)),
        ("devices/queries.py", CHANNELS, CHANNELS.replace("objects", BASE)),
        (READS, *OWNED),
        removes="all three tenants of a question: device, channel and SQL", tests=FOREIGN,
    ),
    cut(
        "telemetry.device-detail", "devices/api.py",
        "rows = Device.objects.select_related(\"site\"",
        "rows = Device._base_manager.select_related(\"site\"",
        removes="the tenant of one device in the API",
        tests="tests/isolation/test_strangers.py::test_another_tenants_device_does_not_exist",
    ),
    cut(
        "telemetry.private", "telemetry/api.py",
        "private=True, max_age=CLOSED_MAX_AGE_SECONDS", "max_age=CLOSED_MAX_AGE_SECONDS",
        removes="that shared caches keep no answers", tests="tests/telemetry/test_api_query.py",
    ),
    cut(
        "telemetry.no-store", "energy/middleware.py",
        "        if not response.has_header(\"Cache-Control\"):\n", "        if False:\n",
        removes="that browsers and caches keep no pages", tests="tests/security/test_headers.py",
    ),
    cut(
        "telemetry.vary", "energy/middleware.py",
        "        patch_vary_headers(response, self.CREDENTIALS)\n", "",
        removes="that answers differ by credential for caches",
        tests="tests/security/test_headers.py",
    ),
)  # fmt: skip
