"""Fixtures for reading a site inside the test process with Orca, in Chromium and in Firefox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import BrowserType
from werkzeug.serving import BaseWSGIServer, make_server

from support.browser import Chromium, chromium_launch
from support.firefox import Firefox
from support.processes import LOOPBACK
from support.screen_reader import Desktop, Listener

VOICE = Path(__file__).with_name("voice.py")


@contextmanager
def chromium(browser_type: BrowserType, folder: Path, desktop: Desktop) -> Iterator[Chromium]:
    """Open the system's Chromium, with accessibility switched on for Orca."""
    launch = chromium_launch()
    launch["args"].append("--force-renderer-accessibility")
    launch["ignore_default_args"].append("about:blank")  # otherwise the focus would stay in the address bar
    context = browser_type.launch_persistent_context(
        folder / "profile", headless=False, no_viewport=True, env=dict(desktop.env), **launch
    )
    yield Chromium(context.pages[0])
    context.close()


@pytest.fixture(scope="package", params=["Chromium", "Firefox"])
def listener(
    request: pytest.FixtureRequest, browser_type: BrowserType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    """Return a listener with one of the browsers."""
    folder = tmp_path_factory.mktemp("desktop")
    with Desktop(folder, VOICE) as desktop:
        opening: AbstractContextManager[Any] = (
            Firefox(folder, desktop=desktop.env)
            if request.param == "Firefox"
            else chromium(browser_type, folder, desktop)
        )
        with opening as opened:
            yield Listener(desktop, opened)


@pytest.fixture
def server(app: Flask) -> Iterator[BaseWSGIServer]:
    """Serve the site inside the test process. A test may stop the server early."""
    serving = make_server(LOOPBACK, 0, app, threaded=True)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture
def base_url(server: BaseWSGIServer) -> str:
    """Return the address of the site."""
    return f"http://{LOOPBACK}:{server.server_port}"
