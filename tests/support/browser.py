"""Helpers for all browser tests: Chromium without the network, and axe."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page

from support.needs import program

# Nothing leaves this machine: pages cannot reach other hosts, and the browser's own requests are off.
OFFLINE = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--no-first-run",
)
# For tests that run with and without JavaScript, and have an argument `script`.
BOTH_WAYS = pytest.mark.parametrize(
    "script",
    [pytest.param(True, id="script"), pytest.param(False, id="no-script", marks=pytest.mark.no_script)],
)

# The rules that depend on style and width. All others depend only on the document.
BY_LOOK = (
    "color-contrast",
    "color-contrast-enhanced",
    "link-in-text-block",
    "scrollable-region-focusable",
    "target-size",
)
RULES = ("wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

# With JavaScript off, timers never fire, and axe would wait for ever. Nothing else on the page uses timers
# then, so short timers may fire immediately. (If JavaScript is off, a parsed <noscript> contains elements,
# otherwise text.)
WAKE_TIMERS = """() => {
    const probe = document.createElement("div");
    probe.innerHTML = "<noscript><i></i></noscript>";
    if (!probe.querySelector("i")) return false;
    window.setTimeout = (call, wait, ...values) => {
        if (!wait || wait < 100) Promise.resolve().then(() => call(...values));
        return 0;
    };
    return true;
}"""


def chromium_launch(which: str = "Chromium", certificate: Path | None = None) -> dict[str, Any]:
    """Return the launch arguments for the system's Chromium.

    Args:
        which: its name in support/needs.py: the full or the headless one.
        certificate: a certificate that it trusts.
    """
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    trust = (_trusts(certificate),) if certificate else ()
    return {
        "executable_path": program(which),
        # Playwright disables the back/forward cache, but a test of Back proves nothing without it.
        "ignore_default_args": ["--disable-back-forward-cache"],
        "args": [*OFFLINE, "--disable-gpu", "--font-render-hinting=none", *trust, *as_root],
    }


def _trusts(certificate: Path) -> str:
    """Return the argument that makes Chromium trust this certificate.

    If Chromium only ignored certificate errors, it would not cache pages as usual.
    """
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}"


def press_back(page: Page) -> None:
    """Press Back. A page restored from memory loads nothing, so there is no load event to wait for."""
    page.go_back(wait_until="commit")


class Chromium:
    """A page of Chromium with the methods of support/firefox.py, for tests that run in both browsers."""

    def __init__(self, page: Page) -> None:
        """Drive this page."""
        self._page = page

    def goto(self, url: str) -> None:
        """Open an address and wait until the page has loaded."""
        self._page.goto(url)

    def back(self) -> None:
        """Press Back."""
        press_back(self._page)

    def forward(self) -> None:
        """Press Forward."""
        self._page.go_forward(wait_until="commit")

    @property
    def url(self) -> str:
        """Return the current address."""
        return str(self.run("return location.href"))  # Playwright's own `url` can be out of date

    def click(self, selector: str) -> None:
        """Click the first element that this CSS selector finds."""
        self._page.locator(selector).first.click()

    def type(self, selector: str, words: str) -> None:
        """Type into a field: all words at once, as a keyboard that suggests words does."""
        self._page.locator(selector).focus()
        self._page.keyboard.insert_text(words)

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, even with JavaScript off, and return its result."""
        return self._page.evaluate(f"given => (function () {{ {script} }})(...given)", list(arguments))


def axe_faults(
    page: Page, without: Iterable[str] = (), only: Iterable[str] = (), within: str = "html"
) -> list[str]:
    """Return a line for each place where axe finds a fault on a page, by rules up to WCAG level AAA.

    Args:
        page: the page to check.
        without: the rules to skip.
        only: the rules to run; by default, all.
        within: a selector for the part of the page to check.
    """
    without_script = page.evaluate(WAKE_TIMERS)
    options = {
        "preload": not without_script,  # axe would fetch the style sheets again, which needs JavaScript
        "resultTypes": ["violations"],
        "runOnly": {"type": "rule", "values": [*only]} if only else {"type": "tag", "values": list(RULES)},
        "rules": {rule: {"enabled": False} for rule in without},
    }
    if page.evaluate("typeof axe") == "undefined":  # axe is large: load it only once
        page.evaluate(Axe().axe_script)
    look = "(part, options) => axe.run(part, options)"
    found = page.locator(within).evaluate(look, options)["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html']}\n  {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def assert_axe_clean(page: Page, without: Iterable[str] = ()) -> None:
    """Fail with a line for each place where axe finds a fault; `without` names rules to skip."""
    faults = axe_faults(page, without)
    assert not faults, f"{page.url}\n" + "\n".join(faults)
