"""Where TimescaleDB is taken from, and what `--tier` asks for."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tools.embedded import Stack, timescale
from tools.embedded.servers import TIMESCALE_VARIABLE
from tools.embedded.timescale import NO_TIMESCALE, find_timescale
from tools.run_bench import plan_bench

GIVEN = {"DATABASE_URL": "postgresql://a/b", "DATABASE_URL_FILE": "f", "HOME": "/h"}


def install(root: Path, version: str, *, with_server: bool = True) -> None:
    """Place what Debian's packages place."""
    extension = root / "usr/share/postgresql" / version / "extension"
    extension.mkdir(parents=True)
    (extension / "timescaledb.control").touch()
    if with_server:
        programs = root / "usr/lib/postgresql" / version / "bin"
        programs.mkdir(parents=True)
        (programs / "postgres").touch()


def test_the_newest_server_with_the_extension_counts(tmp_path: Path) -> None:
    assert timescale._programs_in(tmp_path) is None
    install(tmp_path, "9")
    install(tmp_path, "17")
    install(tmp_path, "18", with_server=False)
    assert timescale._programs_in(tmp_path) == tmp_path / "usr/lib/postgresql/17/bin"


@pytest.mark.parametrize(
    ("machine", "package"),
    [
        ({"ID": "debian", "VERSION_ID": "13"}, "postgresql-17-timescaledb"),
        ({"ID": "debian", "VERSION_ID": "12"}, None),
        ({"ID": "debian"}, None),
        ({"ID": "ubuntu", "VERSION_ID": "13"}, None),
    ],
)
def test_apt_is_asked_only_where_the_package_exists(
    monkeypatch: pytest.MonkeyPatch, machine: dict[str, str], package: str | None
) -> None:
    monkeypatch.setattr(timescale.platform, "freedesktop_os_release", lambda: machine)
    assert timescale._package() == package


def test_without_a_tier_the_database_is_as_given() -> None:
    plan = plan_bench(["ingest", "--quick"], GIVEN)
    assert (plan.arguments, plan.external, plan.timescale) == (["ingest", "--quick"], GIVEN, "no")


def test_a_tier_brings_its_own_database() -> None:
    plain = plan_bench(["ingest", "--tier", "plain"], GIVEN)
    assert (plain.arguments, plain.external) == (["ingest"], {"HOME": "/h"})
    assert (plain.timescale, plain.settings) == ("no", {"SAMPLE_TIER": "plain"})
    started = plan_bench(["--tier=timescale", "storage"], GIVEN)
    assert (started.arguments, started.timescale) == (["storage"], "instead")
    named = plan_bench(["query", "--tier", "timescale"], GIVEN | {TIMESCALE_VARIABLE: "u"})
    assert (named.external["DATABASE_URL"], named.timescale) == ("u", "no")
    assert named.settings == {"SAMPLE_TIER": "timescale"}


@pytest.mark.timescale
def test_a_server_beside_the_other_offers_the_extension(tmp_path: Path) -> None:
    if find_timescale() is None:
        pytest.skip(f"TIMESCALE IS NOT STARTED: {NO_TIMESCALE}")
    others = {name: "x" for name in ("REDIS_DURABLE_URL", "REDIS_EPHEMERAL_URL", "MQTT_HOST")}
    with Stack(tmp_path, durable=False, external=others, timescale="beside") as stack:
        with psycopg.connect(stack.env[TIMESCALE_VARIABLE]) as database:
            database.execute("CREATE EXTENSION timescaledb")
            answer = database.execute("SHOW timescaledb.telemetry_level").fetchone()
        assert answer == ("off",)
        with psycopg.connect(stack.env["DATABASE_URL"]) as database:
            found = database.execute(
                "SELECT FROM pg_available_extensions WHERE name = 'timescaledb'"
            ).fetchone()
        assert found is None
