"""Chromium, a web server of one's own, and a fleet to look at."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.db import connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from accounts.models import User
from devices.models import Device, Kind
from telemetry.partitions import ensure_partitions, week_of
from telemetry.quality import Quality
from tests.conftest import Team, make_team
from tests.factories import (
    PASSWORD,
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    LatestValueFactory,
    SiteFactory,
)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY_SECONDS = 120
PATIENCE_MS = 60_000  # for what comes; what does not come costs so much
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 360, "height": 740}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of this folder; they share one database, so no order is assumed."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def find_chromium() -> str | None:
    """Return the system's browser; Playwright's own is never downloaded."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the browser once for a file of tests.

    Its event loop runs in this thread, so it must end with the file: asynchronous tests
    of other files would refuse to start.
    """
    program = find_chromium()
    if program is None:
        pytest.skip("NO BROWSER TESTS: there is no Chromium; apt-get install -y chromium")
    with sync_playwright() as playwright, _database_beside_a_loop():
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@contextlib.contextmanager
def _database_beside_a_loop() -> Iterator[None]:
    """Let Django use the database although Playwright's event loop runs in this thread."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        yield
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder into which the web process puts its mails."""
    return tmp_path_factory.mktemp("mail")


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, mails: Path
) -> Iterator[str]:
    """Run the real web process on the test database; yield its address."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("web") / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port),
             "--websocket_timeout", "-1", "energy.asgi:application"],
            cwd=settings.BASE_DIR,
            env=server_environment(address) | {"EMAIL_URL": f"filemail:///{mails}"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait_until_ready(process, f"{address}/accounts/login/", log)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_environment(address: str) -> dict[str, str]:
    """Return the variables of a process that works on the test database."""
    database = settings.DATABASES["default"]
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(
        **(database | {"NAME": connection.settings_dict["NAME"]})
    )
    return os.environ | {"DATABASE_URL": url, "PUBLIC_URL": address, "ENVIRONMENT": "development"}


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=60).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the web server did not come up:\n{log.read_text()[-2000:]}")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the pages under test show."""

    team: Team
    meter: Device
    silent: Device


@pytest.fixture
def fleet(transactional_db: None) -> Fleet:
    """Save a site with a meter that has a day of samples, and one that never reported."""
    now = timezone.now()
    team = make_team("red")
    site = SiteFactory(tenant=team.tenant, name="İzmir plant", address="Kemalpaşa, İzmir")
    gateway = GatewayFactory(site=site, name="Gateway 1")
    profile = DeviceProfileFactory(name="Three-phase meter", expected_interval_seconds=300)
    meter = DeviceFactory(gateway=gateway, profile=profile, name="Main meter", last_seen_at=now)
    silent = DeviceFactory(gateway=gateway, profile=profile, name="Spare meter")
    power = ChannelFactory(device=meter, name="active_power_net", decimals=2)
    LatestValueFactory(channel=power, value=1234.5, time=now)
    energy = ChannelFactory(
        device=meter, name="active_energy_import", unit="kWh", kind=Kind.COUNTER, decimals=1
    )
    LatestValueFactory(channel=energy, value=98_765.4, time=now)
    for number, phase in enumerate(("l1", "l2", "l3")):
        voltage = ChannelFactory(device=meter, name=f"voltage_{phase}", unit="V", phase=phase)
        LatestValueFactory(
            channel=voltage, value=230.0 + number, time=now, quality=Quality.ESTIMATED.value
        )
    _add_a_day(power.id, now)
    return Fleet(team, meter, silent)


def _add_a_day(channel_id: int, now: dt.datetime) -> None:
    """Save a value every five minutes, with two hours missing."""
    start = now - dt.timedelta(hours=24)
    ensure_partitions({week_of(start), week_of(now)}, now=now)
    minutes = [minute for minute in range(0, 1440, 5) if not 600 <= minute < 720]
    rows = [
        (channel_id, start + dt.timedelta(minutes=minute), 20.0 + minute % 60, 0)
        for minute in minutes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, %s)",
            rows,
        )


@dataclass(slots=True)
class Visit:
    """A browser window that remembers everything it complained about."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the product."""
        self.page.goto(f"{self.address}{path}")
        return self.page

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.body.clientWidth")
        )


VISIT_SCRIPT = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


@pytest.fixture
def visit(chromium: Browser, server: str, transactional_db: None) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a window, signed in as a user or as nobody.

    After the test every window must be without errors and policy violations.
    """
    visits: list[Visit] = []
    contexts: list[BrowserContext] = []

    def open_window(user: User | None = None, **options: object) -> Visit:
        context = chromium.new_context(
            **{"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce", **options}
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        context.add_init_script(VISIT_SCRIPT)
        if user is not None:
            context.add_cookies([_session_cookie(user, server)])
        found = Visit(context.new_page(), server)
        found.page.on("console", lambda message: _note(found, message))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        visits.append(found)
        return found

    yield open_window
    complaints = [complaint for one in visits for complaint in one.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


def _note(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"}:
        visit.complaints.append(f"{message.text} ({message.location.get('url')})")


def _session_cookie(user: User, server: str) -> dict[str, str]:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}


@pytest.fixture
def with_password(fleet: Fleet) -> User:
    """The owner, with a password that the web process can check."""
    hasher = ScryptPasswordHasher()
    fleet.team.owner.password = hasher.encode(PASSWORD, hasher.salt())
    fleet.team.owner.save()
    return fleet.team.owner
