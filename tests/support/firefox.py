"""The system's real Firefox, driven by Marionette, its built-in remote control.

Playwright drives only its own build of Firefox, and a test of Back proves nothing except in the browser that
people have. Marionette needs no package: its messages are JSON, preceded by their length.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from support.needs import program
from support.processes import LOOPBACK, Program, free_port, listens

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's key for an element's identifier
CAPABILITIES = {"acceptInsecureCerts": True, "pageLoadStrategy": "normal"}


class FirefoxError(Exception):
    """Firefox reported an error."""


class Firefox:
    """One Firefox window with a fresh profile."""

    def __init__(
        self,
        folder: Path,
        as_people_have_it: bool = False,
        desktop: Mapping[str, str] | None = None,
    ) -> None:
        """Write the profile.

        Firefox under Marionette keeps neither sessions nor form data, unless `as_people_have_it` is set.
        `desktop` is the environment of the screen to open on; without it Firefox is headless.
        """
        self.port = free_port()
        self._desktop = desktop
        self._folder = folder
        self.profile = folder / "profile"
        self.profile.mkdir()
        settings = {
            "app.normandy.enabled": False,
            "app.update.enabled": False,
            "browser.shell.checkDefaultBrowser": False,
            "browser.sessionstore.interval": 1000,
            "browser.sessionstore.interval.idle": 1000,
            "browser.warnOnQuit": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "extensions.update.enabled": False,
            "marionette.port": self.port,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
            "network.dns.forceResolve": LOOPBACK,  # so that nothing leaves this machine
            "remote.prefs.recommended": not as_people_have_it,
            "services.settings.server": "",
            "toolkit.telemetry.enabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        """Start Firefox and open a session."""
        access = "--remote-allow-system-access"  # needed to change settings and open tabs
        look = "--kiosk" if self._desktop else "--headless"
        options = [look, "--marionette", access, "--no-remote", "--profile", str(self.profile)]
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder), "LANG": "C.UTF-8"}
        env |= self._desktop or {}
        self._program = Program([program("Firefox"), *options], self._folder / "log", env)
        self._program.wait_until(lambda: listens(self.port), "Firefox could be driven", 60)
        self._number = 0
        self._line = socket.create_connection((LOOPBACK, self.port), timeout=60)
        self._file = self._line.makefile("rb")
        self._read()  # Firefox sends a greeting first
        self._ask("NewSession", CAPABILITIES)
        return self

    def __exit__(self, *_: object) -> None:
        """Quit Firefox as people do, so that it saves its profile."""
        # Firefox may close the connection before it replies.
        with contextlib.suppress(OSError, ValueError, FirefoxError):
            self._ask("Marionette:Quit", {"flags": ["eForceQuit"]})
            self._program.process.wait(20)
        self.kill()

    def kill(self) -> None:
        """Kill Firefox with SIGKILL, as a power cut would, if it is still running."""
        self._program.stop(signal.SIGKILL)
        self._file.close()
        self._line.close()

    def new_tab(self, script: bool = True, close: bool = False) -> None:
        """Switch to a new tab, which has no history.

        Args:
            script: whether pages may run JavaScript from now on.
            close: whether to close the current tab.
        """
        opened = self._ask("WebDriver:NewWindow", {"type": "tab"})
        if close:
            self._ask("WebDriver:CloseWindow")
        self._ask("WebDriver:SwitchToWindow", {"handle": opened["handle"]})
        self._ask("Marionette:SetContext", {"value": "chrome"})
        self.run("Services.prefs.setBoolPref('javascript.enabled', arguments[0])", script)
        self._ask("Marionette:SetContext", {"value": "content"})

    def goto(self, url: str) -> None:
        """Open an address and wait until the page has loaded."""
        self._ask("WebDriver:Navigate", {"url": url})

    def back(self) -> None:
        """Press Back."""
        self._ask("WebDriver:Back")

    def forward(self) -> None:
        """Press Forward."""
        self._ask("WebDriver:Forward")

    @property
    def url(self) -> str:
        """Return the current address."""
        return str(self._ask("WebDriver:GetCurrentURL"))

    @property
    def source(self) -> str:
        """Return the source of the current document."""
        return str(self._ask("WebDriver:GetPageSource"))

    def click(self, selector: str) -> None:
        """Click the first element that this CSS selector finds, and wait for any page that it opens."""
        self._ask("WebDriver:ElementClick", {"id": self._find(selector)})

    def type(self, selector: str, words: str) -> None:
        """Type into a field."""
        self._ask("WebDriver:ElementSendKeys", {"id": self._find(selector), "text": words})

    def value(self, selector: str) -> str:
        """Return the current value of a field."""
        return str(self._ask("WebDriver:GetElementProperty", {"id": self._find(selector), "name": "value"}))

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, even with JavaScript off, and return its result."""
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": list(arguments)})

    def print(self) -> bytes:
        """Return the page printed on A4 as a PDF, with the margins of a printed form."""
        size = {"width": 21, "height": 29.7}
        margin = {"top": 1.4, "right": 1.8, "bottom": 1.7, "left": 1.8}
        return base64.b64decode(self._ask("WebDriver:Print", {"page": size, "margin": margin}))

    def screenshot(self) -> bytes:
        """Return a screenshot of the window as PNG."""
        return base64.b64decode(self._ask("WebDriver:TakeScreenshot", {"full": False}))

    def _find(self, selector: str) -> str:
        found = self._ask("WebDriver:FindElement", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def _ask(self, command: str, parameters: dict[str, Any] | None = None) -> Any:
        self._number += 1
        name = command if ":" in command else f"WebDriver:{command}"
        asked = json.dumps([0, self._number, name, parameters or {}]).encode()
        self._line.sendall(f"{len(asked)}:".encode() + asked)
        _, number, error, answer = self._read()
        assert number == self._number, "Firefox answered another question"
        if error:
            raise FirefoxError(f"{name}: {error['error']}: {error['message']}")
        return answer["value"] if isinstance(answer, dict) and set(answer) == {"value"} else answer

    def _read(self) -> Any:
        length = b""
        while (digit := self._file.read(1)) != b":":
            if not digit:
                raise ConnectionError("Firefox hung up")
            length += digit
        return json.loads(self._file.read(int(length)))
