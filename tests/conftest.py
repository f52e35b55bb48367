"""Fixtures for all tests. Every server is real, on a free loopback port, with its own folder.

tests/unit and tests/integration run without the programs that support/needs.py installs, so the modules that
run these programs are imported only where they are used.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from datetime import date
from functools import cache, partialmethod
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache

from rjsite import create_app
from rjsite.content.library import Library, load
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import live_content, static
from rjsite.web.live_content import LiveLibrary
from support.authority import Authority
from support.mail import MailServer
from support.service import SERVICE, ClientContent
from support.site_process import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, Page

    from support.databases import Postgres, Redis
    from support.firefox import Firefox
    from support.nginx import Nginx


CLIENT_CONTENT = ClientContent()
CONTENT_TESTS = Path(__file__).parent / "content"
sys.addaudithook(CLIENT_CONTENT)

# With 700, Python's default, searching all that a test run keeps is up to a tenth of the work.
gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, object, object]:
    """Let only the modules in tests/content read the client's content on import."""
    if not collector.path.is_relative_to(CONTENT_TESTS):
        return (yield)
    with CLIENT_CONTENT.allowed():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let only the tests in tests/content, and those marked `client_content`, read the client's content."""
    if not (item.path.is_relative_to(CONTENT_TESTS) or item.get_closest_marker("client_content")):
        return (yield)
    with CLIENT_CONTENT.allowed():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    """Use the content of the invented service and no settings from outside, unless a test sets others.

    Problems in made-up content stay out of GitHub's summary of the run. Programs that the tests start do not
    ignore SIGHUP, as everything does that is started under nohup. Only these programs
    sync the disks, because a sync can take long.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("RJSITE_")]:
            patch.delenv(name)
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        patch.setenv("RJSITE_CONTENT_DIR", str(SERVICE))
        patch.setattr(os, "sync", lambda: None)
        yield


# -- mail -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority for certificates in this test run; clients trust `authority.ca_file`."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def start_mail_server(authority: Authority) -> Iterator[Callable[..., MailServer]]:
    """Return a function that starts a mail server with options of `MailServer` until the end of the test."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(MailServer(authority, **options))


@pytest.fixture
def mail_server(start_mail_server: Callable[..., MailServer]) -> MailServer:
    """Run a mail server like the team's, with STARTTLS required and a valid certificate."""
    return start_mail_server()


# -- the site as a process --------------------------------------------------------------------------------


@pytest.fixture
def start_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Return a function that starts a site with given settings and its own data until the end of the test."""
    with ExitStack() as running:

        def start(**env: str) -> Site:
            return running.enter_context(Site(tmp_path_factory.mktemp("site"), env))

        yield start


@pytest.fixture(scope="session")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one site, without limits, for all tests that only read from it or send a form now and then."""
    with Site(tmp_path_factory.mktemp("live"), {"RJSITE_RATELIMIT_FORMS": "off"}) as site:
        yield site


# -- databases and nginx ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL server. `postgres.new_database()` creates an empty database."""
    from support.databases import Postgres

    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """Return the address of an empty database for RJSITE_DATABASE_URL."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Run one Redis server."""
    from support.databases import Redis

    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """Return the address of an empty Redis for RJSITE_RATELIMIT_STORAGE_URI."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture
def start_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Nginx]]:
    """Return a function that starts nginx with a text for `http { }`; see `Nginx` for `${address}`."""
    from support.nginx import Nginx

    with ExitStack() as running:

        def start(http: str, scheme: str = "http") -> Nginx:
            return running.enter_context(Nginx(tmp_path_factory.mktemp("nginx"), http, scheme))

        yield start


# -- browsers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Path:
    """Return the certificate of this machine that Chromium trusts."""
    return authority.sign()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], certificate: Path) -> dict[str, Any]:
    """Use the system's headless Chromium, because Playwright's is not installed. See also `whole_browser`."""
    from support.browser import chromium_launch

    return {**browser_type_launch_args, **chromium_launch("Chromium without windows", certificate)}


@pytest.fixture(scope="session")
def whole_browser(browser_type: BrowserType, certificate: Path) -> Iterator[Browser]:
    """Run the full Chromium, which keeps pages in memory for Back as people's browsers do.

    It takes twice as much processor time as the headless one.
    """
    from support.browser import chromium_launch

    browser = browser_type.launch(**chromium_launch("Chromium", certificate))
    yield browser
    browser.close()


@pytest.fixture
def whole(whole_browser: Browser, base_url: str) -> Iterator[Page]:
    """Open a page of the full Chromium."""
    page = whole_browser.new_page(base_url=base_url)
    yield page
    page.close()


@pytest.fixture
def browser_context_args(
    browser_context_args: dict[str, Any], request: pytest.FixtureRequest
) -> dict[str, Any]:
    """Switch JavaScript off for tests with the marker `no_script`."""
    script = request.node.get_closest_marker("no_script") is None
    return {**browser_context_args, "java_script_enabled": script}


@pytest.fixture(scope="session")
def base_url(live_site: Site) -> str:
    """Let browser tests write `page.goto("/refer/a")`. Other sites need a full address."""
    return live_site.base_url


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Open the system's Firefox once for all tests. A test that needs a tab without history opens one."""
    from support.firefox import Firefox

    with Firefox(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


# -- the app inside the test ------------------------------------------------------------------------------


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in memory, so that each app of a test run need not compile them again."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        self._compiled: dict[tuple[object, ...], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the code that was compiled earlier from the same source, if there is any."""
        bucket.code = self._compiled.get(self._key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        if bucket.code is not None:
            self._compiled[self._key(bucket)] = bucket.code

    def _key(self, bucket: Bucket) -> tuple[object, ...]:
        """Return the cache key of a template. Papers have a different type of environment from the site."""
        return type(bucket.environment), bucket.key, bucket.checksum


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Share compiled templates between all apps of the test run, because compiling takes 0.2 s for each."""
    with pytest.MonkeyPatch.context() as patch:
        made = partialmethod(Environment.__init__, bytecode_cache=CompiledTemplates())
        patch.setattr(Environment, "__init__", made)
        yield


@pytest.fixture(scope="session", autouse=True)
def _files_are_compressed_once() -> Iterator[None]:
    """Share static files, and what compressing yields, between all apps of the test run.

    Otherwise each app would spend 6 ms on static files, and 15 ms on compressing a page that others have too.
    """
    read, folder, files = static.hashed, static.SOURCE, static.hashed(static.SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(static, "hashed", lambda source: files if source == folder else read(source))
        patch.setattr(brotli, "compress", cache(brotli.compress))
        yield


@cache
def invented_service(drafts: bool, today: date) -> Library:
    """Return the library of the invented service on a day."""
    return load(SERVICE, drafts=drafts, today=today)


@pytest.fixture(scope="session", autouse=True)
def _the_invented_service_is_read_once() -> Iterator[None]:
    """Share the invented service, whose files do not change, between all apps of the test run.

    Otherwise each app would spend 0.1 s reading it. Changes to other content are seen by the next request.
    """
    look = LiveLibrary._hash_of_files

    def load_once(folder: Path, *, drafts: bool, today: date, **earlier: Any) -> Library:
        if folder == SERVICE and not any(earlier.values()):
            return invented_service(drafts, today)
        return load(folder, drafts=drafts, today=today, **earlier)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_content, "load", load_once)
        patch.setattr(live_content, "CHECK_EVERY", 0)
        patch.setattr(LiveLibrary, "_hash_of_files", lambda live: 0 if live.folder == SERVICE else look(live))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_worker_inside_the_test() -> Iterator[None]:
    """Start no worker in apps inside a test. Tests send mail with `services_of(app).worker.drain()`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RJSITE_DELIVER_IN_SERVER", "false")
        patch.setenv("RJSITE_DELIVER_PER_MINUTE", "60000")  # by default, emails are 2.4 seconds apart
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings for development, with data in a folder of this test."""
    return Settings.load(mode="development", data_dir=tmp_path / "var")


@pytest.fixture
def app(settings: Settings) -> Flask:
    """Return the whole site inside the test. Its worker is not started."""
    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return the test client of the site."""
    return app.test_client()


@pytest.fixture(scope="session")
def calm_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return one site, without limits, for tests that leave no mail behind or count the mail they leave."""
    folder = tmp_path_factory.mktemp("calm")
    return create_app(
        Settings.load(mode="development", data_dir=folder / "var", ratelimit_forms="off"),
    )


@pytest.fixture(scope="session")
def content(calm_app: Flask) -> Library:
    """Return the content of the service, including facts."""
    return services_of(calm_app).content.now()
