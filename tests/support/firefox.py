"""The system's real Firefox, driven by Marionette, the remote control that is built into it.

Playwright drives only a Firefox of its own making, and what Back shows is worth nothing unless it is the
browser that people have. Marionette needs no package: messages are JSON with their length before them.
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

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key under which WebDriver names an element
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

        A driven Firefox keeps less than others: no sessions, no details for forms. `as_people_have_it` lets
        it keep all that. `desktop` is the environment of a screen to open on; without it nothing is shown.
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
            "network.dns.forceResolve": LOOPBACK,  # every name leads here: nothing leaves this machine
            "remote.prefs.recommended": not as_people_have_it,
            "services.settings.server": "",
            "toolkit.telemetry.enabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        """Start Firefox and open a session."""
        access = "--remote-allow-system-access"  # for settings and tabs
        look = "--kiosk" if self._desktop else "--headless"
        options = [look, "--marionette", access, "--no-remote", "--profile", str(self.profile)]
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder), "LANG": "C.UTF-8"}
        env |= self._desktop or {}
        self._program = Program([program("Firefox"), *options], self._folder / "log", env)
        self._program.wait_until(lambda: listens(self.port), "Firefox could be driven", 60)
        self._number = 0
        self._line = socket.create_connection((LOOPBACK, self.port), timeout=60)
        self._file = self._line.makefile("rb")
        self._read()  # it greets first
        self._ask("NewSession", CAPABILITIES)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it as people do: it writes to its profile what it would keep."""
        # It may hang up before it answers that it quits.
        with contextlib.suppress(OSError, ValueError, FirefoxError):
            self._ask("Marionette:Quit", {"flags": ["eForceQuit"]})
            self._program.process.wait(20)
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would (kill -9), if it still runs."""
        self._program.stop(signal.SIGKILL)
        self._file.close()
        self._line.close()

    def new_tab(self, script: bool = True, close: bool = False) -> None:
        """Go on in a tab without a history, and close the one before or leave it open; `script` says whether
        pages may run JavaScript from now on."""
        opened = self._ask("WebDriver:NewWindow", {"type": "tab"})
        if close:
            self._ask("WebDriver:CloseWindow")
        self._ask("WebDriver:SwitchToWindow", {"handle": opened["handle"]})
        self._ask("Marionette:SetContext", {"value": "chrome"})
        self.run("Services.prefs.setBoolPref('javascript.enabled', arguments[0])", script)
        self._ask("Marionette:SetContext", {"value": "content"})

    def goto(self, url: str) -> None:
        """Open an address; returns when the page has loaded."""
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
        """Click the first element that this CSS selector finds; waits for a page it leads to."""
        self._ask("WebDriver:ElementClick", {"id": self._find(selector)})

    def type(self, selector: str, words: str) -> None:
        """Type into a field."""
        self._ask("WebDriver:ElementSendKeys", {"id": self._find(selector), "text": words})

    def value(self, selector: str) -> str:
        """Return what a field holds now."""
        return str(self._ask("WebDriver:GetElementProperty", {"id": self._find(selector), "name": "value"}))

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, from outside it, and give what it returns."""
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": list(arguments)})

    def print(self) -> bytes:
        """Return what the page prints on A4 as PDF, with the margins that a form has."""
        size = {"width": 21, "height": 29.7}
        margin = {"top": 1.4, "right": 1.8, "bottom": 1.7, "left": 1.8}
        return base64.b64decode(self._ask("WebDriver:Print", {"page": size, "margin": margin}))

    def screenshot(self) -> bytes:
        """Return a picture of the window, as PNG."""
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
