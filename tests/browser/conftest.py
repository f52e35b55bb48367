"""The site over HTTPS, and a check for uncaught script errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebError

from support.nginx import Nginx
from support.processes import LOOPBACK
from support.service import EXIT, SERVICE
from support.site_process import Site

# `localhost` is the site, and the loopback address is the other site that Exit leads to. The other site also
# has an ordinary form without our protections, which proves that the tests can fail.
HTTPS = """
    ssl_certificate $certificate;
    ssl_certificate_key $certificate;
    server {
        listen ${address} ssl;
        server_name localhost;
        location / { proxy_pass http://127.0.0.1:$port; proxy_set_header Host $host; }
    }
    server {
        listen ${address} ssl;
        server_name 127.0.0.1;
        default_type text/html;
        location = / { return 200 '<!doctype html><title>Weather</title><h1>Weather</h1>'; }
        location = /form { return 200 '<!doctype html><title>Form</title><h1>Form</h1><form method="post"
            action="/taken"><label>Name <input name="name" autocomplete="name"></label>
            <textarea name="about"></textarea> <button>Send</button></form>'; }
        location = /taken { return 200 '<!doctype html><title>Taken</title><h1>Taken</h1>'; }
    }
"""


@dataclass(frozen=True)
class Https:
    """The site behind nginx, and the other site that Exit leads to."""

    base_url: str
    elsewhere: str
    site: Site

    @property
    def form_a(self) -> str:
        """Return the address of form A."""
        return f"{self.base_url}/refer/a"


@pytest.fixture(scope="session")
def https_site(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    """Run the site behind nginx over HTTPS. Exit leads to the other site, which the same nginx serves."""
    folder = tmp_path_factory.mktemp("https")
    site = Site(folder)
    http = HTTPS.replace("$certificate", str(certificate)).replace("$port", str(site.port))
    with Nginx(folder, http, scheme="https") as nginx:
        elsewhere = f"https://{LOOPBACK}:{nginx.port}/"
        content = folder / "content"
        shutil.copytree(SERVICE, content)
        facts = content / "service.toml"
        before = facts.read_text()
        facts.write_text(before.replace(EXIT, elsewhere))
        assert facts.read_text() != before
        site.env |= {
            "RJSITE_CONTENT_DIR": str(content),
            "RJSITE_PUBLIC_URL": nginx.base_url,
            "RJSITE_RATELIMIT_FORMS": "off",
            "RJSITE_TRUSTED_PROXIES": "1",
        }
        with site:
            yield Https(nginx.base_url, elsewhere, site)


@pytest.fixture(scope="session")
def script_errors() -> list[str]:
    """Return the list that collects uncaught script errors in all pages of the shared browsers."""
    return []


@pytest.fixture(autouse=True)
def no_script_throws(script_errors: list[str]) -> Iterator[None]:
    """Fail a test if a script on a page threw an uncaught error."""
    script_errors.clear()
    yield
    assert script_errors == []


def watched(browser: Browser, errors: list[str]) -> Browser:
    """Make a browser add the uncaught errors on every page to the list, and return the browser."""

    def note(thrown: WebError) -> None:
        where = thrown.page.url if thrown.page else "a page now closed"
        errors.append(f"{where}: {thrown.error.stack or thrown.error}")

    browser.on("context", lambda context: context.on("weberror", note))
    return browser


@pytest.fixture(scope="session")
def browser(browser: Browser, script_errors: list[str]) -> Browser:
    """Watch for script errors in the Chromium of `page` and `new_context`."""
    return watched(browser, script_errors)


@pytest.fixture(scope="session")
def whole_browser(whole_browser: Browser, script_errors: list[str]) -> Browser:
    """Watch for script errors in the full Chromium."""
    return watched(whole_browser, script_errors)


@pytest.fixture
def tab(request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open a tab without a history, in a context of its own.

    The marker `no_script` switches JavaScript off. The marker `keeps_pages` chooses the full Chromium.
    """
    script = request.node.get_closest_marker("no_script") is None
    keeps_pages = request.node.get_closest_marker("keeps_pages") is not None
    browser: Browser = request.getfixturevalue("whole_browser" if keeps_pages else "browser")
    context: BrowserContext = browser.new_context(java_script_enabled=script)
    yield context.new_page()
    context.close()
