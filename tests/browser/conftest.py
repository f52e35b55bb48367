"""The site as people reach it, over https, a Chromium that trusts it, and no error of a script unseen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, WebError

from support.authority import Authority
from support.browser import chromium_launch, trusts
from support.nginx import Nginx
from support.processes import LOOPBACK
from support.service import EXIT, SERVICE
from support.site_process import Site

# `localhost` is the site; the same machine by its number is the other site, to which Exit leads; it also
# has a form as others make them, without our protections, on which the tests show that they can fail.
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
    trust: str  # Chromium's argument for taking the certificate for good

    @property
    def form_a(self) -> str:
        """The address of form A."""
        return f"{self.base_url}/refer/a"


@pytest.fixture(scope="session")
def https_site(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    """Run the site behind nginx, over https; its exit leads to a page of another host on this machine."""
    folder = tmp_path_factory.mktemp("https")
    site = Site(folder)
    certificate = authority.sign()
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
            yield Https(nginx.base_url, elsewhere, site, trusts(certificate))


@pytest.fixture(scope="session")
def script_errors() -> list[str]:
    """List what scripts threw and nothing caught, in any page of the browsers that these tests share."""
    return []


@pytest.fixture(autouse=True)
def no_script_throws(script_errors: list[str]) -> Iterator[None]:
    """Fail a test in which a script of a page threw what nothing caught."""
    script_errors.clear()
    yield
    assert script_errors == []


def watched(browser: Browser, errors: list[str]) -> Browser:
    """Let every page that is opened in a browser add its uncaught errors to the list."""
    browser.on("context", lambda context: watch(context, errors))
    return browser


def watch(context: BrowserContext, errors: list[str]) -> None:
    """Add the uncaught errors of all pages of a context to the list."""

    def note(thrown: WebError) -> None:
        where = thrown.page.url if thrown.page else "a page now closed"
        errors.append(f"{where}: {thrown.error.stack or thrown.error}")

    context.on("weberror", note)


@pytest.fixture(scope="session")
def browser(browser: Browser, script_errors: list[str]) -> Browser:
    """Watch the Chromium of `page` and `new_context`."""
    return watched(browser, script_errors)


@pytest.fixture
def whole(whole: Page, script_errors: list[str]) -> Iterator[Page]:
    """Watch the page of the whole Chromium."""
    watch(whole.context, script_errors)
    yield whole
    whole.close()


@pytest.fixture(scope="session")
def trusting_browser(
    browser_type: BrowserType, https_site: Https, script_errors: list[str]
) -> Iterator[Browser]:
    """Chromium that trusts the certificate, as people's browsers do, in place of overlooking its faults."""
    launch = chromium_launch()
    launch["args"].append(https_site.trust)
    browser = watched(browser_type.launch(**launch), script_errors)
    yield browser
    browser.close()


@pytest.fixture
def tab(trusting_browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of that Chromium, with nothing kept; the marker `no_script` switches JavaScript off."""
    script = request.node.get_closest_marker("no_script") is None
    context: BrowserContext = trusting_browser.new_context(java_script_enabled=script)
    yield context.new_page()
    context.close()
