"""Limits for a first visit: bytes transferred, including headers and fonts, requests and layout shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import brotli
import pytest
from playwright.sync_api import Browser, Page

from rjsite.settings import ROOT
from rjsite.web.static import hashed

KB = 1024


@dataclass
class Visit:
    """One first visit to a page."""

    bytes: dict[str, int] = field(default_factory=dict)
    hosts: set[str | None] = field(default_factory=set)
    shift: float = 0.0


@pytest.fixture
def visit(browser: Browser, base_url: str) -> Callable[[str, int], Visit]:
    """Return a function that visits an address with an empty cache, on a screen of a given width."""

    def go(address: str, width: int) -> Visit:
        context = browser.new_context(base_url=base_url, viewport={"width": width, "height": 800})
        page, seen, names = context.new_page(), Visit(), dict[str, str]()
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.on(
            "Network.requestWillBeSent", lambda e: names.update({e["requestId"]: e["request"]["url"]})
        )
        devtools.on(
            "Network.loadingFinished",
            lambda e: seen.bytes.update({names[e["requestId"]]: int(e["encodedDataLength"])}),
        )
        page.goto(address, wait_until="networkidle")
        seen.shift = _layout_shift(page)
        seen.hosts = {urlsplit(name).hostname for name in names.values()}
        context.close()
        return seen

    return go


def _layout_shift(page: Page) -> float:
    """Return the sum of all layout shifts since the page began to load."""
    found: float = page.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            new PerformanceObserver((list) => { for (const e of list.getEntries()) sum += e.value; })
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 100);
        })"""
    )
    return found


@pytest.mark.parametrize("width", [360, 1280], ids=["phone", "wide"])
@pytest.mark.parametrize(("address", "most"), [("/", 36), ("/refer/a", 40), ("/case-studies/", 40)])
def test_a_first_visit_is_small_still_and_asks_no_other_host(visit, base_url, address, most, width):
    seen = visit(address, width)

    assert sum(seen.bytes.values()) <= most * KB, seen.bytes
    assert len(seen.bytes) <= 8
    assert seen.hosts == {urlsplit(base_url).hostname}
    assert seen.shift == 0


@pytest.mark.parametrize(("kind", "most"), [(".css", 8), (".js", 6)])
def test_style_and_script_stay_small(kind, most):
    served = [body for name, (_, body) in hashed(ROOT / "static").items() if name.endswith(kind)]

    assert 0 < sum(len(brotli.compress(body, quality=11)) for body in served) <= most * KB
