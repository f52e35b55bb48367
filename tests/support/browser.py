"""What every browser test needs: Chromium without the network, and axe."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from support.needs import program

# Nothing leaves this machine: no page may fetch from others, and the browser's own errands are off.
OFFLINE = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--no-first-run",
)
RULES = ("wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

# Where script is off, timers never ring and axe would wait for ever. Nothing else there uses timers, so
# the short ones may ring at once. (Parsed with script off, <noscript> holds elements; with it on, text.)
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


def chromium_launch() -> dict[str, Any]:
    """Give the launch arguments for the system's Chromium."""
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return {
        "executable_path": program("Chromium"),
        # Playwright switches off the memory that Back uses; with it off a Back test proves nothing.
        "ignore_default_args": ["--disable-back-forward-cache"],
        "args": [*OFFLINE, "--disable-gpu", *as_root],
    }


def press_back(page: Page) -> None:
    """Press Back. A page that comes back from memory loads nothing, so there is no load to wait for."""
    page.go_back(wait_until="commit")


def axe_faults(page: Page, without: Iterable[str] = ()) -> list[str]:
    """List what axe finds on the page as it stands, AAA rules included, a line for each place."""
    without_script = page.evaluate(WAKE_TIMERS)
    options = {
        "preload": not without_script,  # it would fetch the style sheets again, which takes script
        "resultTypes": ["violations"],
        "runOnly": {"type": "tag", "values": list(RULES)},
        "rules": {rule: {"enabled": False} for rule in without},
    }
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html']}\n  {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def assert_axe_clean(page: Page, without: Iterable[str] = ()) -> None:
    """Fail with a line for each place that axe finds wrong; `without` names rules to leave out."""
    faults = axe_faults(page, without)
    assert not faults, f"{page.url}\n" + "\n".join(faults)
